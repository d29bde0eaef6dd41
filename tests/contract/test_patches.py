"""The four patch types, and what each refuses."""


async def test_a_merge_patch_merges_maps_replaces_lists_and_removes_by_null(api):
    await api.widget(seasons=["24h"], schedules=[{"name": "a", "size": 1}])
    patched = await api.merge(
        f"{api.widgets}/one",
        {"metadata": {"annotations": {"x": "y"}}, "spec": {"size": None, "schedules": [{"name": "b"}]}},
    )
    assert "size" not in patched["spec"]
    assert patched["spec"]["schedules"] == [{"name": "b"}]
    assert patched["spec"]["seasons"] == ["24h"]
    assert patched["metadata"]["annotations"] == {"x": "y"}


async def test_a_json_patch_changes_what_its_tests_expect(api):
    widget = await api.widget()
    patched = await api.json_patch(
        f"{api.widgets}/one",
        {"op": "test", "path": "/metadata/uid", "value": widget["metadata"]["uid"]},
        {"op": "test", "path": "/spec/size", "value": 3},
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "add", "path": "/spec/seasons", "value": ["24h"]},
        {"op": "add", "path": "/spec/seasons/-", "value": "168h"},
    )
    assert (patched["spec"]["size"], patched["spec"]["seasons"]) == (4, ["24h", "168h"])


async def test_a_json_patch_whose_test_fails_is_422_and_changes_nothing(api):
    await api.widget()
    for operations in (
        [{"op": "test", "path": "/spec/size", "value": 99}, {"op": "replace", "path": "/spec/size", "value": 4}],
        [{"op": "replace", "path": "/spec/size", "value": 4}, {"op": "test", "path": "/spec/nothing", "value": 1}],
        [{"op": "remove", "path": "/spec/nothing"}],
        [{"op": "add", "path": "/spec/nothing/below", "value": 1}],
    ):
        reply = await api.json_patch(f"{api.widgets}/one", *operations)
        assert (reply.code, reply["reason"]) == (422, "Invalid"), operations
        assert reply["message"] == "the server rejected our request due to an error in our request"
    assert (await api.get(f"{api.widgets}/one"))["spec"]["size"] == 3


async def test_a_test_for_null_passes_where_nothing_is(api):
    await api.widget()
    patched = await api.json_patch(
        f"{api.widgets}/one",
        {"op": "test", "path": "/spec/history", "value": None},
        {"op": "add", "path": "/spec/history", "value": "14d"},
    )
    assert (patched.code, patched["spec"]["history"]) == (200, "14d")


async def test_a_replace_of_what_is_absent_adds_it(api):
    await api.widget()
    patched = await api.json_patch(f"{api.widgets}/one", {"op": "replace", "path": "/spec/history", "value": "14d"})
    assert (patched.code, patched["spec"]["history"]) == (200, "14d")


async def test_a_malformed_json_patch_is_a_bad_request(api):
    await api.widget()
    reply = await api.call("PATCH", f"{api.widgets}/one", {"spec": {}}, content_type="application/json-patch+json")
    assert (reply.code, reply["reason"]) == (400, "BadRequest")


async def test_a_strategic_patch_merges_containers_by_name(api):
    await api.deployment()
    patched = await api.strategic(
        f"{api.deployments}/web",
        {
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "web", "image": "web:2"},
                            {"name": "side", "$patch": "delete"},
                            {"name": "new", "image": "new:1"},
                        ]
                    }
                }
            }
        },
    )
    assert patched.code == 200
    images = {c["name"]: c["image"] for c in patched["spec"]["template"]["spec"]["containers"]}
    assert images == {"web": "web:2", "new": "new:1"}


async def test_a_strategic_patch_merges_conditions_by_type(api):
    await api.deployment()
    for kind in ("Available", "Progressing", "Available"):
        condition = {"type": kind, "status": "True", "reason": "Because"}
        patched = await api.strategic(f"{api.deployments}/web/status", {"status": {"conditions": [condition]}})
        assert patched.code == 200
    assert sorted(c["type"] for c in patched["status"]["conditions"]) == ["Available", "Progressing"]


async def test_custom_kinds_take_no_strategic_patch(api):
    await api.widget()
    reply = await api.strategic(f"{api.widgets}/one", {"spec": {"size": 4}})
    assert (reply.code, reply["reason"]) == (415, "UnsupportedMediaType")
    assert reply["message"].startswith(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


async def test_a_patch_may_not_rename_or_take_over_another_object(api):
    await api.widget()
    reply = await api.merge(f"{api.widgets}/one", {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}})
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert 'metadata.uid: Invalid value: "00000000-0000-4000-8000-000000000000": field is immutable' in reply["message"]
    renamed = await api.merge(f"{api.widgets}/one", {"metadata": {"name": "two"}})
    assert (renamed.code, renamed["message"]) == (
        400,
        "the name of the object (two) does not match the name on the URL (one)",
    )


async def test_a_patch_of_the_wrong_type_is_invalid_and_a_body_of_it_a_bad_request(api):
    deployment = await api.deployment()
    patched = await api.merge(f"{api.deployments}/web", {"spec": {"replicas": "many"}})
    assert (patched.code, patched["reason"]) == (422, "Invalid")
    deployment["spec"]["replicas"] = "many"
    put = await api.put(f"{api.deployments}/web", deployment)
    assert (put.code, put["reason"]) == (400, "BadRequest")


async def test_a_patch_of_nothing_is_not_found(api):
    assert (await api.merge(f"{api.widgets}/nope", {"spec": {"size": 4}})).code == 404
    assert (
        await api.json_patch(f"{api.deployments}/nope/scale", {"op": "add", "path": "/spec/replicas", "value": 1})
    ).code == 404


async def test_the_least_of_an_hpa_is_one_where_none_is_written_and_is_patched_with_notes_beside_it(api):
    hpas = f"/apis/autoscaling/v2/namespaces/{api.namespace}/horizontalpodautoscalers"
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    metric = {"type": "Resource", "resource": cpu}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    made = await api.post(hpas, about | {"spec": {"scaleTargetRef": target, "maxReplicas": 9, "metrics": [metric]}})
    assert (made.code, made["spec"]["minReplicas"], made["metadata"].get("annotations")) == (201, 1, None)
    raised = await api.json_patch(
        f"{hpas}/web",
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "test", "path": "/spec/minReplicas", "value": 1},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/example.dev~1original", "value": "1"},
        {"op": "add", "path": "/spec/minReplicas", "value": 5},
    )
    assert (raised.code, raised["spec"]["minReplicas"]) == (200, 5)
    assert raised["metadata"]["annotations"] == {"example.dev/original": "1"}
    restored = await api.json_patch(
        f"{hpas}/web",
        {"op": "test", "path": "/metadata/annotations/example.dev~1other", "value": None},
        {"op": "add", "path": "/metadata/annotations/example.dev~1other", "value": ""},
        {"op": "remove", "path": "/metadata/annotations/example.dev~1other"},
        {"op": "remove", "path": "/metadata/annotations/example.dev~1original"},
        {"op": "remove", "path": "/spec/minReplicas"},
    )
    assert (restored.code, restored["spec"]["minReplicas"]) == (200, 1)
    assert not restored["metadata"].get("annotations")
    refused = await api.json_patch(f"{hpas}/web", {"op": "add", "path": "/spec/minReplicas", "value": 10})
    assert (refused.code, [cause["field"] for cause in refused["details"]["causes"]]) == (422, ["spec.maxReplicas"])
