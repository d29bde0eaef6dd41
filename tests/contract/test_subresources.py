"""/scale as a view of the object, and /status kept apart from the rest."""

import pytest


async def test_the_scale_of_a_deployment_is_autoscaling_v1(api):
    deployment = await api.deployment()
    scale = (await api.get(f"{api.deployments}/web/scale")).body
    assert (scale["apiVersion"], scale["kind"]) == ("autoscaling/v1", "Scale")
    for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp"):
        assert scale["metadata"][key] == deployment["metadata"][key]
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 0, "selector": "app=web"})


async def test_the_scale_of_a_custom_kind_goes_through_its_declared_paths(api):
    await api.widget()
    await api.merge(f"{api.widgets}/one/status", {"status": {"count": 2, "selector": "app=web"}})
    scale = (await api.get(f"{api.widgets}/one/scale")).body
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "app=web"})
    assert (await api.merge(f"{api.widgets}/one/scale", {"spec": {"replicas": 8}}))["spec"] == {"replicas": 8}
    widget = await api.get(f"{api.widgets}/one")
    assert (widget["spec"]["size"], widget["metadata"]["generation"]) == (8, 2)


@pytest.mark.parametrize("kind", ["deployments", "widgets"])
async def test_at_zero_the_replicas_of_a_scale_are_absent(api, kind):
    path = f"{getattr(api, kind)}/{'web' if kind == 'deployments' else 'one'}/scale"
    await (api.deployment() if kind == "deployments" else api.widget())
    assert (await api.merge(path, {"spec": {"replicas": 0}}))["spec"] == {}
    assert (await api.get(path))["spec"] == {}
    zero = await api.json_patch(path, {"op": "test", "path": "/spec/replicas", "value": 0})
    assert zero.code == 422
    raised = await api.json_patch(
        path,
        {"op": "test", "path": "/spec/replicas", "value": None},
        {"op": "add", "path": "/spec/replicas", "value": 1},
    )
    assert (raised.code, raised["spec"]) == (200, {"replicas": 1})


@pytest.mark.parametrize("kind", ["deployments", "widgets"])
async def test_a_json_patch_of_the_scale_tests_uid_and_replicas(api, kind):
    path = f"{getattr(api, kind)}/{'web' if kind == 'deployments' else 'one'}/scale"
    made = await (api.deployment(replicas=3) if kind == "deployments" else api.widget())
    replace = {"op": "replace", "path": "/spec/replicas", "value": 5}
    right = {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}
    other = {"op": "test", "path": "/metadata/uid", "value": "00000000-0000-4000-8000-000000000000"}
    assert (await api.json_patch(path, other, replace)).code == 422
    assert (
        await api.json_patch(path, right, {"op": "test", "path": "/spec/replicas", "value": 4}, replace)
    ).code == 422
    assert (
        await api.json_patch(path, right, {"op": "test", "path": "/spec/replicas", "value": 3}, replace)
    ).code == 200
    assert (await api.get(path))["spec"] == {"replicas": 5}


async def test_another_uid_in_a_scale_is_a_conflict_for_deployments_and_ignored_for_custom_kinds(api):
    await api.deployment()
    await api.widget()
    body = {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "spec": {"replicas": 5}}
    reply = await api.merge(f"{api.deployments}/web/scale", body)
    assert (reply.code, reply["reason"]) == (409, "Conflict")
    assert (await api.merge(f"{api.widgets}/one/scale", body)).code == 200


@pytest.mark.parametrize("kind", ["deployments", "widgets"])
async def test_a_stale_version_in_a_scale_is_a_conflict(api, kind):
    path = f"{getattr(api, kind)}/{'web' if kind == 'deployments' else 'one'}/scale"
    made = await (api.deployment() if kind == "deployments" else api.widget())
    await api.merge(path, {"spec": {"replicas": 9}})
    stale = made["metadata"]["resourceVersion"]
    reply = await api.merge(path, {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 5}})
    assert (reply.code, reply["reason"]) == (409, "Conflict")
    scale = (await api.get(path)).body
    scale["spec"]["replicas"] = 6
    assert (await api.put(path, scale)).code == 200
    assert (await api.put(path, scale)).code == 409


async def test_a_negative_scale_is_invalid(api):
    await api.deployment()
    reply = await api.merge(f"{api.deployments}/web/scale", {"spec": {"replicas": -1}})
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in reply["message"]


async def test_the_scale_obeys_the_rules_of_the_object(api):
    await api.widget()
    reply = await api.merge(f"{api.widgets}/one/scale", {"spec": {"replicas": 500}})
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "size must not exceed maxSize" in reply["message"]


async def test_a_status_write_touches_only_status(api):
    made = await api.widget()
    reply = await api.merge(
        f"{api.widgets}/one/status",
        {
            "metadata": {"labels": {"a": "b"}, "finalizers": ["a.b/c"], "uid": "00000000-0000-4000-8000-000000000000"},
            "spec": {"size": 77},
            "status": {"count": 5},
        },
    )
    assert reply.code == 200
    assert (reply["status"], reply["spec"]) == ({"count": 5}, made["spec"])
    assert reply["metadata"].keys() & {"labels", "finalizers"} == set()
    assert reply["metadata"]["generation"] == 1
    assert int(reply.version) > int(made["metadata"]["resourceVersion"])


async def test_a_spec_write_leaves_status_alone(api):
    await api.widget()
    await api.merge(f"{api.widgets}/one/status", {"status": {"count": 5}})
    patched = await api.merge(f"{api.widgets}/one", {"spec": {"size": 4}, "status": {"count": 6}})
    assert (patched["spec"]["size"], patched["status"]) == (4, {"count": 5})
    put = patched.body
    put["status"] = {"count": 7}
    put["spec"]["size"] = 5
    assert (await api.put(f"{api.widgets}/one", put))["status"] == {"count": 5}


async def test_workloads_are_created_with_their_defaults(api):
    deployment = await api.deployment(strategy={})
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert deployment["spec"]["strategy"] == rolling
    assert (deployment["spec"]["progressDeadlineSeconds"], deployment["spec"]["revisionHistoryLimit"]) == (600, 10)
    assert deployment["status"] == {}
    one = await api.merge(f"{api.deployments}/web", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}}})
    assert one["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": "25%"}
    recreate = await api.merge(
        f"{api.deployments}/web", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
    )
    assert recreate["spec"]["strategy"] == {"type": "Recreate"}
    (container, _) = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["imagePullPolicy"], container["terminationMessagePolicy"]) == ("IfNotPresent", "File")


async def test_status_is_dropped_on_creation(api):
    assert "status" not in await api.made(api.widgets, {**api.widget_manifest(), "status": {"count": 5}})
    deployment = await api.deployment()
    patched = await api.merge(f"{api.deployments}/web/status", {"spec": {"replicas": 9}, "status": {"replicas": 2}})
    assert (patched["spec"]["replicas"], patched["status"]["replicas"]) == (2, 2)
    assert patched["metadata"]["generation"] == deployment["metadata"]["generation"] == 1


async def test_a_json_patch_guarded_by_uid_writes_the_status_of_that_object_only(api):
    made = await api.widget()
    test = {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}
    add = {"op": "add", "path": "/status", "value": {"count": 1}}
    assert (await api.json_patch(f"{api.widgets}/one/status", test, add)).code == 200
    await api.delete(f"{api.widgets}/one")
    await api.widget()
    assert (await api.json_patch(f"{api.widgets}/one/status", test, add)).code == 422
    assert "status" not in (await api.get(f"{api.widgets}/one")).body


async def test_a_condition_in_a_merge_patch_replaces_the_list(api):
    await api.widget()
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Paused", "status": "False"}]
    await api.merge(f"{api.widgets}/one/status", {"status": {"conditions": conditions}})
    patched = await api.merge(f"{api.widgets}/one/status", {"status": {"conditions": conditions[:1]}})
    assert patched["status"]["conditions"] == conditions[:1]


async def test_an_invalid_status_is_refused(api):
    await api.widget()
    reply = await api.merge(f"{api.widgets}/one/status", {"status": {"count": "many"}})
    assert (reply.code, reply["reason"]) == (422, "Invalid")
