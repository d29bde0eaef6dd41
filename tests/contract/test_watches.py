"""Watches: from a version, from a list, with selectors, bookmarks, an end, and 410."""

import pytest

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def seen(*events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_a_watch_from_a_version_sees_what_came_after_in_order(api):
    made = await api.widget("a")
    async with api.watch(api.widgets, resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        await api.widget("b")
        await api.merge(f"{api.widgets}/a", {"spec": {"size": 4}})
        deleted = await api.delete(f"{api.widgets}/b")
        assert deleted.code == 200
        events = [await watch.next() for _ in range(3)]
    assert seen(*events) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert events[1]["object"]["spec"]["size"] == 4


@pytest.mark.parametrize("version", [{}, {"resourceVersion": "0"}])
async def test_a_watch_without_a_version_starts_with_what_is_there(api, version):
    await api.widget("a")
    async with api.watch(api.widgets, **version) as watch:
        assert seen(await watch.next()) == [("ADDED", "a")]
        await api.widget("b")
        assert seen(await watch.next()) == [("ADDED", "b")]


async def test_initial_events_end_with_a_marked_bookmark(api):
    await api.widget("a")
    async with api.watch(
        api.widgets, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true"
    ) as watch:
        assert seen(await watch.next()) == [("ADDED", "a")]
        bookmark = await watch.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["kind"] == "Widget"
        assert bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
        assert int(bookmark["object"]["metadata"]["resourceVersion"]) > 0


async def test_initial_events_need_a_version_match(api):
    async with api.watch(api.widgets, sendInitialEvents="true") as watch:
        assert watch.code == 422


async def test_a_watch_ends_after_its_timeout(api):
    made = await api.widget("a")
    async with api.watch(api.widgets, resourceVersion=made["metadata"]["resourceVersion"], timeoutSeconds="1") as watch:
        assert await watch.rest() == []


async def test_a_watch_sees_one_namespace_or_all(api):
    made = await api.widget("a")
    other = f"{api.namespace}-other"
    await api.post("/api/v1/namespaces", {"metadata": {"name": other}})
    version = made["metadata"]["resourceVersion"]
    async with (
        api.watch(api.widgets, resourceVersion=version) as one,
        api.watch("/apis/contract.bayescaler.dev/v1/widgets", resourceVersion=version) as every,
    ):
        await api.made(api.widgets.replace(api.namespace, other), api.widget_manifest("elsewhere"))
        await api.widget("b")
        assert seen(await one.next()) == [("ADDED", "b")]
        assert seen(await every.next(), await every.next()) == [("ADDED", "elsewhere"), ("ADDED", "b")]


async def test_what_starts_or_stops_to_match_a_selector_is_added_or_deleted(api):
    made = await api.widget("a")
    version = made["metadata"]["resourceVersion"]
    async with (
        api.watch(api.widgets, resourceVersion=version, labelSelector="tier=x") as by_label,
        api.watch(api.widgets, resourceVersion=version, fieldSelector="metadata.name=b") as by_name,
    ):
        await api.merge(f"{api.widgets}/a", {"metadata": {"labels": {"tier": "x"}}})
        await api.merge(f"{api.widgets}/a", {"spec": {"size": 7}})
        await api.merge(f"{api.widgets}/a", {"metadata": {"labels": {"tier": "y"}}})
        await api.widget("b")
        events = [await by_label.next() for _ in range(3)]
        assert seen(*events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert seen(await by_name.next()) == [("ADDED", "b")]


async def test_a_watched_delete_with_finalizers_is_a_modification_first(api):
    manifest = api.widget_manifest("a")
    manifest["metadata"]["finalizers"] = ["contract.bayescaler.dev/hold"]
    made = await api.made(api.widgets, manifest)
    async with api.watch(api.widgets, resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        await api.delete(f"{api.widgets}/a")
        await api.merge(f"{api.widgets}/a", {"metadata": {"finalizers": []}})
        events = [await watch.next()]
        while events[-1]["type"] != "DELETED":
            events.append(await watch.next())
    assert events[0]["type"] == "MODIFIED"
    assert events[0]["object"]["metadata"]["deletionTimestamp"]
    assert seen(events[-1]) == [("DELETED", "a")]


async def test_a_watch_may_be_of_tables(api):
    made = await api.widget("a")
    async with api.watch(api.widgets, accept=TABLE, resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        await api.merge(f"{api.widgets}/a", {"spec": {"size": 4}})
        await api.merge(f"{api.widgets}/a", {"spec": {"size": 5}})
        first, second = await watch.next(), await watch.next()
    assert [column["name"] for column in first["object"]["columnDefinitions"]][:3] == ["Name", "Target", "Size"]
    assert [event["object"]["rows"][0]["cells"][2] for event in (first, second)] == [4, 5]
    assert not second["object"]["columnDefinitions"]


async def test_a_watch_from_a_version_too_old_is_told_410_expired(api):
    if api.server is None:
        pytest.skip("a real server keeps its watch cache for minutes: only a restart makes it forget")
    made = await api.widget("a")
    await api.merge(f"{api.widgets}/a", {"spec": {"size": 4}})
    api.server.compact()
    async with api.watch(api.widgets, resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        assert watch.code == 200
        events = await watch.rest()
    assert [event["type"] for event in events] == ["ERROR"]
    status = events[0]["object"]
    assert (status["kind"], status["code"], status["reason"], status["status"]) == ("Status", 410, "Expired", "Failure")
    assert status["message"].startswith("too old resource version: ")


async def test_version_one_is_always_too_old_once_there_is_history(api):
    await api.widget("a")
    if api.server is not None:
        api.server.compact()
    async with api.watch(api.widgets, resourceVersion="1", timeoutSeconds="5") as watch:
        first = await watch.next()
    if api.server is None and first["type"] == "ADDED":
        pytest.skip("this server's watch cache still reaches back to its first version")
    assert (first["type"], first["object"]["code"], first["object"]["reason"]) == ("ERROR", 410, "Expired")
