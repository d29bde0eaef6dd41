"""Lists: pages, selectors, versions, and the forms that kubectl and informers ask for."""

import asyncio

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def names(reply):
    return [item["metadata"]["name"] for item in reply["items"]]


async def widgets(api, *made, **spec):
    for name in made:
        await api.widget(name, **spec)


async def test_a_list_names_its_kind_and_version(api):
    await widgets(api, "b", "a")
    reply = await api.get(api.widgets)
    assert (reply["kind"], reply["apiVersion"]) == ("WidgetList", "contract.bayescaler.dev/v1")
    assert int(reply.version) >= int(reply["items"][1]["metadata"]["resourceVersion"])
    assert names(reply) == ["a", "b"]


async def test_pages_are_one_consistent_list(api):
    await widgets(api, "a", "b", "c", "d", "e")
    first = await api.get(api.widgets, limit="2")
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    await api.delete(f"{api.widgets}/d")
    await api.widget("bb")
    second = await api.get(api.widgets, limit="2", **{"continue": first["metadata"]["continue"]})
    third = await api.get(api.widgets, limit="2", **{"continue": second["metadata"]["continue"]})
    assert (names(second), names(third)) == (["c", "d"], ["e"])
    assert not third["metadata"].get("continue")
    assert first.version == second.version == third.version


async def test_a_broken_continue_token_is_a_bad_request(api):
    reply = await api.get(api.widgets, limit="2", **{"continue": "nonsense"})
    assert (reply.code, reply["reason"]) == (400, "BadRequest")


async def test_label_selectors_select(api):
    await asyncio.gather(
        api.configmap("a", tier="x", env="p"), api.configmap("b", tier="y"), api.configmap("c", env="q")
    )
    for selector, expected in (
        ("tier=x", ["a"]),
        ("tier!=x", ["b", "c"]),
        ("tier in (x,y)", ["a", "b"]),
        ("tier notin (x)", ["b", "c"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("tier=x,env=p", ["a"]),
        ("tier==y", ["b"]),
        ("tier=x,env=q", []),
    ):
        reply = await api.get(api.configmaps, labelSelector=selector)
        assert [name for name in names(reply) if name in "abc"] == expected, selector
    assert (await api.get(api.configmaps, labelSelector="tier===x")).code == 400


async def test_field_selectors_select_by_name_and_by_what_the_kind_declares(api):
    await widgets(api, "a", "b")
    await api.widget("c", targetRef={"name": "other"})
    assert names(await api.get(api.widgets, fieldSelector="metadata.name=b")) == ["b"]
    assert names(await api.get(api.widgets, fieldSelector="spec.targetRef.name=web")) == ["a", "b"]
    assert names(await api.get(api.widgets, fieldSelector="spec.targetRef.name!=web")) == ["c"]
    assert names(
        await api.get(
            "/apis/contract.bayescaler.dev/v1/widgets",
            fieldSelector=f"metadata.namespace={api.namespace},metadata.name=a",
        )
    ) == ["a"]
    refused = await api.get(api.widgets, fieldSelector="spec.size=3")
    assert (refused.code, refused["reason"]) == (400, "BadRequest")
    assert "field label not supported: spec.size" in refused["message"]


async def test_a_list_at_a_version_to_come_is_refused_for_now(api):
    reply = await api.get(api.widgets, resourceVersion="999999999", resourceVersionMatch="NotOlderThan")
    assert (reply.code, reply["reason"]) == (504, "Timeout")
    assert "Too large resource version" in reply["message"]
    assert reply["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_a_table_has_the_printer_columns_and_the_objects_metadata(api):
    await api.widget()
    await api.merge(f"{api.widgets}/one/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    table = (await api.call("GET", api.widgets, accept=TABLE)).body
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]] == [
        ("Name", "string", 0),
        ("Target", "string", 0),
        ("Size", "integer", 0),
        ("Ready", "string", 0),
        ("Share", "number", 1),
        ("Age", "date", 0),
    ]
    row = table["rows"][0]
    assert row["cells"][:5] == ["one", "web", 3, "True", None]
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "one")
    whole = await api.call("GET", f"{api.widgets}/one", accept=TABLE, includeObject="Object")
    assert whole["rows"][0]["object"]["spec"]["size"] == 3


async def test_the_table_of_deployments_has_kubectls_columns(api):
    await api.deployment()
    table = (await api.call("GET", api.deployments, accept=TABLE)).body
    columns = [c["name"] for c in table["columnDefinitions"]]
    assert columns == ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"]
    cells = table["rows"][0]["cells"]
    assert [cells[i] for i in (0, 1, 2, 3, 5, 6, 7)] == ["web", "0/2", 0, 0, "web,side", "web:1,side:1", "app=web"]


async def test_informers_may_ask_for_metadata_alone(api):
    await api.widget()
    reply = await api.call("GET", api.widgets, accept=METADATA)
    assert (reply["kind"], reply["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert reply["items"][0]["metadata"]["name"] == "one"
    assert "spec" not in reply["items"][0]


async def test_a_form_the_server_has_not_is_not_acceptable(api):
    assert (await api.call("GET", api.widgets, accept="text/csv")).code == 406
