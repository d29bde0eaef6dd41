"""Names, versions, generations, preconditions and deletion of any object."""

import asyncio
import re

UID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


async def test_a_created_object_has_uid_version_generation_and_time(api):
    made = await api.widget()
    assert UID.match(made["metadata"]["uid"])
    assert made["metadata"]["generation"] == 1
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", made["metadata"]["creationTimestamp"])
    assert int(made["metadata"]["resourceVersion"]) > 0
    assert made["metadata"]["namespace"] == api.namespace


async def test_every_write_raises_the_version_and_only_desired_state_the_generation(api):
    first = await api.widget()
    labelled = await api.merge(f"{api.widgets}/one", {"metadata": {"labels": {"a": "b"}}})
    resized = await api.merge(f"{api.widgets}/one", {"spec": {"size": 4}})
    versions = [int(first["metadata"]["resourceVersion"]), int(labelled.version), int(resized.version)]
    assert versions == sorted(set(versions))
    assert [first["metadata"]["generation"], labelled["metadata"]["generation"], resized["metadata"]["generation"]] == [
        1,
        1,
        2,
    ]


async def test_a_write_that_changes_nothing_keeps_the_version(api):
    made = await api.widget()
    same = await api.merge(f"{api.widgets}/one", {"spec": {"size": 3}})
    assert same.version == made["metadata"]["resourceVersion"]


async def test_creating_twice_is_already_exists(api):
    await api.widget()
    reply = await api.post(api.widgets, api.widget_manifest())
    assert (reply.code, reply["reason"]) == (409, "AlreadyExists")
    assert reply["message"] == 'widgets.contract.bayescaler.dev "one" already exists'
    assert reply["details"] == {"name": "one", "group": "contract.bayescaler.dev", "kind": "widgets"}


async def test_what_is_not_there_is_not_found(api):
    for method, path in (
        ("GET", f"{api.deployments}/nope"),
        ("DELETE", f"{api.deployments}/nope"),
        ("GET", f"{api.deployments}/nope/scale"),
    ):
        reply = await api.call(method, path)
        assert (reply.code, reply["reason"], reply["message"]) == (404, "NotFound", 'deployments.apps "nope" not found')
    assert (await api.get("/apis/nope.dev/v1/things")).code == 404


async def test_nothing_is_created_in_a_namespace_that_is_not_there(api):
    reply = await api.post("/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}})
    assert (reply.code, reply["message"]) == (404, 'namespaces "nowhere" not found')


async def test_generate_name_makes_a_name(api):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}}
    one, two = await api.made(api.configmaps, body), await api.made(api.configmaps, body)
    assert re.match(r"^made-[a-z0-9]{5}$", one["metadata"]["name"])
    assert one["metadata"]["name"] != two["metadata"]["name"]


async def test_a_name_is_needed_and_must_be_a_dns_name(api):
    nameless = await api.post(api.configmaps, {"metadata": {}})
    assert (nameless.code, nameless["reason"]) == (422, "Invalid")
    assert "name or generateName is required" in nameless["message"]
    shouted = await api.post(api.configmaps, {"metadata": {"name": "Nope_"}})
    assert (shouted.code, shouted["reason"]) == (422, "Invalid")
    assert shouted["message"].startswith(
        'ConfigMap "Nope_" is invalid: metadata.name: Invalid value: "Nope_": a lowercase RFC 1123'
    )


async def test_a_stale_version_is_a_conflict(api):
    stale = await api.widget()
    await api.merge(f"{api.widgets}/one", {"spec": {"size": 4}})
    for reply in (
        await api.put(f"{api.widgets}/one", stale),
        await api.merge(
            f"{api.widgets}/one",
            {"metadata": {"resourceVersion": stale["metadata"]["resourceVersion"]}, "spec": {"size": 5}},
        ),
        await api.merge(
            f"{api.widgets}/one/status",
            {"metadata": {"resourceVersion": stale["metadata"]["resourceVersion"]}, "status": {"count": 5}},
        ),
    ):
        assert (reply.code, reply["reason"]) == (409, "Conflict")
        assert reply["message"] == (
            'Operation cannot be fulfilled on widgets.contract.bayescaler.dev "one": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )


async def test_a_put_without_a_version_is_refused_for_custom_kinds_and_taken_for_deployments(api):
    widget = await api.widget()
    del widget["metadata"]["resourceVersion"]
    reply = await api.put(f"{api.widgets}/one", widget)
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in reply["message"]
    deployment = await api.deployment()
    del deployment["metadata"]["resourceVersion"]
    deployment["spec"]["replicas"] = 7
    assert (await api.put(f"{api.deployments}/web", deployment))["spec"]["replicas"] == 7


async def test_a_put_to_a_name_that_is_not_there_is_not_found(api):
    reply = await api.put(f"{api.deployments}/web", {"metadata": {"name": "web"}, "spec": {}})
    assert reply.code in {404, 422}


async def test_another_uid_is_a_conflict(api):
    widget = await api.widget()
    other = "00000000-0000-4000-8000-000000000000"
    put = await api.put(f"{api.widgets}/one", {**widget, "metadata": {**widget["metadata"], "uid": other}})
    assert (put.code, put["reason"]) == (409, "Conflict")
    deleted = await api.delete(f"{api.widgets}/one", {"preconditions": {"uid": other}})
    assert (deleted.code, deleted["reason"]) == (409, "Conflict")
    assert (
        f"the UID in the precondition ({other}) does not match the UID in record ({widget['metadata']['uid']})"
        in (deleted["message"])
    )
    stale = await api.delete(f"{api.widgets}/one", {"preconditions": {"resourceVersion": "1"}})
    assert (stale.code, stale["reason"]) == (409, "Conflict")
    right = await api.delete(f"{api.widgets}/one", {"preconditions": {"uid": widget["metadata"]["uid"]}})
    assert right.code == 200


async def test_a_dry_run_answers_as_the_write_would_and_stores_nothing(api):
    made = await api.post(api.widgets, api.widget_manifest(), dryRun="All")
    assert (made.code, made["spec"]["mode"]) == (201, "Auto")
    assert (await api.get(f"{api.widgets}/one")).code == 404
    await api.widget()
    assert (await api.merge(f"{api.widgets}/one", {"spec": {"size": 9}}, dryRun="All"))["spec"]["size"] == 9
    assert (await api.delete(f"{api.widgets}/one", dryRun="All")).code == 200
    assert (await api.get(f"{api.widgets}/one"))["spec"]["size"] == 3


async def test_a_delete_answers_with_a_status_that_names_what_is_gone(api):
    widget = await api.widget()
    reply = await api.delete(f"{api.widgets}/one")
    assert (reply.code, reply["kind"], reply["status"]) == (200, "Status", "Success")
    assert reply["details"] == {
        "name": "one",
        "group": "contract.bayescaler.dev",
        "kind": "widgets",
        "uid": widget["metadata"]["uid"],
    }


async def test_finalizers_keep_a_deleted_object_until_they_are_gone(api):
    manifest = api.widget_manifest()
    manifest["metadata"]["finalizers"] = ["contract.bayescaler.dev/hold"]
    await api.made(api.widgets, manifest)
    held = await api.delete(f"{api.widgets}/one")
    assert held["metadata"]["deletionTimestamp"]
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    assert held["metadata"]["generation"] == 2
    again = await api.delete(f"{api.widgets}/one")
    assert again["metadata"]["deletionTimestamp"] == held["metadata"]["deletionTimestamp"]
    added = await api.merge(
        f"{api.widgets}/one", {"metadata": {"finalizers": ["contract.bayescaler.dev/hold", "a.b/c"]}}
    )
    assert (added.code, added["reason"]) == (422, "Invalid")
    assert "no new finalizers can be added if the object is being deleted" in added["message"]
    assert (await api.merge(f"{api.widgets}/one", {"metadata": {"finalizers": None}})).code == 200
    assert (await api.get(f"{api.widgets}/one")).code == 404


async def test_a_collection_is_deleted_by_selector(api):
    await asyncio.gather(api.configmap("a", tier="x"), api.configmap("b", tier="x"), api.configmap("c", tier="y"))
    assert (await api.delete(api.configmaps, labelSelector="tier=x")).code == 200
    left = [item["metadata"]["name"] for item in (await api.get(api.configmaps))["items"]]
    assert [name for name in left if name in "abc"] == ["c"]


async def test_an_object_to_create_has_no_version_yet(api):
    reply = await api.post(api.configmaps, {"metadata": {"name": "a", "resourceVersion": "1"}})
    assert (reply.code, reply["message"]) == (500, "resourceVersion should not be set on objects to be created")


async def test_what_the_body_is_must_be_what_the_path_says(api):
    wrong_version = await api.post(api.widgets, {**api.widget_manifest(), "apiVersion": "contract.bayescaler.dev/v2"})
    assert (wrong_version.code, wrong_version["reason"]) == (400, "BadRequest")
    other_kind = await api.post(api.widgets, {**api.widget_manifest(), "kind": "Gadget"})
    assert (other_kind.code, 'kind: Invalid value: "Gadget": must be Widget' in other_kind["message"]) == (422, True)
    elsewhere = api.widget_manifest()
    elsewhere["metadata"]["namespace"] = "elsewhere"
    reply = await api.post(api.widgets, elsewhere)
    assert (reply.code, reply["message"]) == (
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    )
    widget = await api.widget()
    widget["metadata"]["name"] = "two"
    renamed = await api.put(f"{api.widgets}/one", widget)
    assert (renamed.code, renamed["message"]) == (
        400,
        "the name of the object (two) does not match the name on the URL (one)",
    )
    assert (await api.post(api.configmaps, b"{nonsense: [")).code == 400


async def test_a_method_that_a_path_does_not_have_is_refused(api):
    assert (await api.put(api.configmaps, {"metadata": {"name": "a"}})).code == 405
    assert (await api.get(f"{api.configmaps}/a/status")).code == 404
