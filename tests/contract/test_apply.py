"""Server-side apply: creation, ownership, conflicts, force, and fields given up."""


def applied(api, **spec):
    return {
        "apiVersion": "contract.bayescaler.dev/v1",
        "kind": "Widget",
        "metadata": {"name": "one"},
        "spec": {"targetRef": {"name": "web"}, **spec},
    }


def managers(reply):
    return [(entry["manager"], entry["operation"]) for entry in reply["metadata"]["managedFields"]]


async def test_apply_creates_what_is_not_there_and_says_who_owns_it(api):
    reply = await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    assert reply.code == 201
    assert managers(reply) == [("tester", "Apply")]
    fields = reply["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert {"f:size", "f:targetRef"} <= fields.keys()
    assert "f:mode" not in fields  # a default belongs to nobody


async def test_the_same_apply_again_changes_nothing(api):
    first = await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    again = await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    assert (again.code, again.version) == (200, first.version)


async def test_a_field_of_another_manager_is_a_conflict_unless_the_value_is_the_same(api):
    await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    clash = await api.apply(f"{api.widgets}/one", applied(api, size=4), fieldManager="other")
    assert (clash.code, clash["reason"]) == (409, "Conflict")
    assert clash["message"] == 'Apply failed with 1 conflict: conflict with "tester": .spec.size'
    assert clash["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "tester"', "field": ".spec.size"}
    ]
    agreed = await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="other")
    assert agreed.code == 200
    assert sorted(managers(agreed)) == [("other", "Apply"), ("tester", "Apply")]


async def test_force_takes_the_field_over(api):
    await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    forced = await api.apply(f"{api.widgets}/one", applied(api, size=4), fieldManager="other", force="true")
    assert (forced.code, forced["spec"]["size"]) == (200, 4)
    owners = [e["manager"] for e in forced["metadata"]["managedFields"] if "f:size" in e["fieldsV1"].get("f:spec", {})]
    assert owners == ["other"]


async def test_an_update_takes_the_field_from_the_applier(api):
    await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    await api.merge(f"{api.widgets}/one", {"spec": {"size": 5}}, fieldManager="hand")
    clash = await api.apply(f"{api.widgets}/one", applied(api, size=3), fieldManager="tester")
    assert (clash.code, clash["reason"]) == (409, "Conflict")
    assert clash["message"] == (
        'Apply failed with 1 conflict: conflict with "hand" using contract.bayescaler.dev/v1: .spec.size'
    )


async def test_a_field_no_longer_applied_is_removed_unless_another_owns_it(api):
    await api.apply(f"{api.widgets}/one", applied(api, size=3, seasons=["24h"]), fieldManager="tester")
    await api.apply(f"{api.widgets}/one", applied(api, seasons=["24h", "168h"]), fieldManager="other")
    left = await api.apply(f"{api.widgets}/one", applied(api), fieldManager="tester")
    assert "size" not in left["spec"]
    assert sorted(left["spec"]["seasons"]) == ["168h", "24h"]


async def test_keyed_lists_are_applied_item_by_item(api):
    await api.apply(f"{api.widgets}/one", applied(api, schedules=[{"name": "a", "size": 1}]), fieldManager="tester")
    both = await api.apply(
        f"{api.widgets}/one", applied(api, schedules=[{"name": "b", "size": 2}]), fieldManager="other"
    )
    assert sorted(s["name"] for s in both["spec"]["schedules"]) == ["a", "b"]
    one = await api.apply(f"{api.widgets}/one", applied(api), fieldManager="tester")
    assert [s["name"] for s in one["spec"]["schedules"]] == ["b"]


async def test_an_applied_status_owns_its_conditions_one_by_one(api):
    await api.widget()
    for manager, kind in (("tester", "Ready"), ("other", "Paused")):
        body = {**applied(api), "status": {"conditions": [{"type": kind, "status": "True"}]}}
        reply = await api.apply(f"{api.widgets}/one/status", body, fieldManager=manager)
        assert reply.code == 200
    assert sorted(c["type"] for c in reply["status"]["conditions"]) == ["Paused", "Ready"]


async def test_an_apply_needs_a_manager(api):
    reply = await api.apply(f"{api.widgets}/one", applied(api))
    assert reply.code == 422
    assert "fieldManager: Required value: is required for apply patch" in reply["message"]


async def test_an_applied_scale_owns_the_replicas(api):
    await api.deployment()
    body = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web", "namespace": api.namespace},
        "spec": {"replicas": 2},
    }
    assert (await api.apply(f"{api.deployments}/web/scale", body, fieldManager="tester"))["spec"] == {"replicas": 2}
    entries = (await api.get(f"{api.deployments}/web"))["metadata"]["managedFields"]
    mine = next(entry for entry in entries if entry["manager"] == "tester")
    assert (mine["operation"], mine["subresource"]) == ("Apply", "scale")
    assert mine["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


async def test_containers_of_a_deployment_are_applied_by_name(api):
    await api.deployment()
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "new", "image": "new:1"}]}}},
    }
    reply = await api.apply(f"{api.deployments}/web", body, fieldManager="tester")
    assert reply.code == 200
    assert [c["name"] for c in reply["spec"]["template"]["spec"]["containers"]] == ["web", "side", "new"]
