"""Following a collection through everything that happens to watches: nothing gone stays known."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bayescaler.cluster.listwatch import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, ListWatch

PATH = "/apis/apps/v1/deployments"
ODD = "odd"


def named(name, version="1", namespace="shop"):
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}}


def page(*items, version="10", token=None):
    metadata = {"resourceVersion": version} | ({"continue": token} if token else {})
    return {"metadata": metadata, "items": list(items)}


class Follower:
    """A ListWatch whose pauses take no time, and what it told."""

    def __init__(self, client):
        self.now = 0.0
        self.pauses = []
        self.objects = {}
        self.faults = 0
        self.told = asyncio.Event()
        self.watch = ListWatch(
            client,
            PATH,
            put=self.put,
            drop=self.drop,
            clock=lambda: self.now,
            sleep=self.sleep,
            jitter=lambda: 1.0,
            failed=self.fail,
        )

    def fail(self):
        self.faults += 1

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.told.set()
        await asyncio.sleep(0)

    def put(self, key, raw):
        if raw.get("spec") == ODD:
            raise KeyError("replicas")
        self.objects[key] = raw["metadata"]["resourceVersion"]
        self.told.set()

    def drop(self, key):
        self.objects.pop(key, None)
        self.told.set()

    @property
    def names(self):
        return {name for _, name in self.objects}

    async def until(self, predicate):
        while not predicate():
            self.told.clear()
            await self.told.wait()


@asynccontextmanager
async def following(client):
    follower = Follower(client)
    task = asyncio.create_task(follower.watch.run())
    try:
        yield follower
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_pages_are_joined_and_the_watch_starts_where_the_list_ended(api, client):
    api.on("GET", PATH, api.json(page(named("a"), version="8", token="more")), api.json(page(named("b"), version="8")))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()

        assert follower.names == {"a", "b"}
        assert follower.watch.synced_at == 0.0
        assert [asked.query for asked in api.of("GET")] == [{"limit": "500"}, {"limit": "500", "continue": "more"}]
        assert watch.query["resourceVersion"] == "8"
        assert watch.query["allowWatchBookmarks"] == "true"


async def test_changes_and_deletions_are_told_as_they_come(api, client):
    api.on("GET", PATH, api.json(page(named("a"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        await watch.send("ADDED", named("b", "11"))
        await watch.send("MODIFIED", named("a", "12"))
        await follower.until(lambda: follower.objects.get(("shop", "a")) == "12")
        await watch.send("DELETED", named("b", "13"))
        await follower.until(lambda: follower.names == {"a"})


async def test_a_regular_end_resumes_from_the_last_bookmark_without_a_new_list(api, client):
    api.on("GET", PATH, api.json(page(named("a"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        await watch.send("BOOKMARK", {"metadata": {"resourceVersion": "77"}})
        watch.end()
        assert (await api.watched()).query["resourceVersion"] == "77"
        assert follower.watch.lists == 1
        assert follower.watch.synced_at is not None


async def test_after_410_a_deletion_that_no_event_told_of_is_pruned(api, client):
    api.on("GET", PATH, api.json(page(named("a"), named("b"))), api.json(page(named("a"), version="50")))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        gone = {"code": 410, "reason": "Expired", "message": "too old resource version: 10 (49)"}
        await watch.send("ERROR", gone)
        assert (await api.watched()).query["resourceVersion"] == "50"
        assert follower.names == {"a"}


async def test_a_cut_watch_is_not_synced_until_the_next_list_succeeded(api, client):
    api.on(
        "GET",
        PATH,
        api.json(page(named("a"), named("b"))),
        api.status(500, "InternalError", "etcd is away"),
        api.json(page(named("b"), version="20")),
    )
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        synced = []
        watch.cut()
        await follower.until(lambda: len(follower.pauses) == 1)
        synced.append(follower.watch.synced_at)
        await follower.until(lambda: len(follower.pauses) == 2)
        synced.append(follower.watch.synced_at)
        await api.watched()

        assert synced == [None, None]
        assert follower.watch.synced_at is not None
        assert follower.names == {"b"}


async def test_a_restarted_server_that_forbids_and_then_initializes_is_waited_for(api, client):
    forbidden = api.status(403, "Forbidden", "RBAC is not loaded yet")
    busy = api.status(429, "TooManyRequests", "storage is (re)initializing", headers={"Retry-After": "4"})
    api.on("GET", PATH, api.json(page(named("a"))), forbidden, api.json(page(named("b"), version="30")))
    api.on("WATCH", PATH, api.watch(), busy, api.watch())

    async with following(client) as follower:
        (await api.watched()).cut()
        assert (await api.watched()).query["resourceVersion"] == "30"
        assert follower.names == {"b"}
        assert follower.pauses[-1] >= 4.0
        assert follower.watch.error is None


async def test_a_list_that_grows_too_old_between_pages_starts_again_and_prunes_nothing_before_it_is_whole(api, client):
    first = api.json(page(named("a"), version="8", token="more"))
    api.on(
        "GET",
        PATH,
        api.json(page(named("a"), named("b"))),
        first,
        api.status(410, "Expired", "The provided continue parameter is too old"),
        first,
        api.json(page(named("b"), version="8")),
    )
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        (await api.watched()).cut()
        await follower.until(lambda: len(follower.pauses) == 2)
        assert follower.names == {"a", "b"}
        await api.watched()
        assert follower.names == {"a", "b"}
        assert follower.watch.lists == 2


async def test_pauses_double_up_to_half_a_minute_and_start_over_once_the_watch_speaks(api, client):
    refused = [api.status(503, "ServiceUnavailable", "starting")] * 7
    api.on("GET", PATH, *refused, api.json(page()))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        assert follower.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
        await watch.send("BOOKMARK", {"metadata": {"resourceVersion": "2"}})
        watch.cut()
        await api.watched()
        assert follower.pauses[-1] == FIRST_PAUSE_SECONDS


async def test_an_object_without_a_name_is_an_answer_not_understood(api, client):
    api.on("GET", PATH, api.json(page({"metadata": {}})), api.json(page(named("a"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        await api.watched()
        assert follower.names == {"a"}


async def test_an_object_that_nobody_can_take_in_costs_only_itself(api, client, caplog):
    def odd(name, version):
        return named(name, version) | {"spec": ODD}

    api.on("GET", PATH, api.json(page(named("a"), odd("odd", "9"), named("b"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        watch = await api.watched()
        assert (follower.names, follower.watch.lists) == ({"a", "b"}, 1)
        await watch.send("MODIFIED", odd("odd", "11"))
        await watch.send("MODIFIED", odd("b", "12"))
        await follower.until(lambda: follower.names == {"a"})
        await watch.send("DELETED", odd("odd", "13"))
        await watch.send("MODIFIED", named("b", "15"))
        await follower.until(lambda: follower.names == {"a", "b"})
        assert (follower.watch.lists, follower.watch.synced_at) == (1, 0.0)
    assert follower.faults == 3
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 2, "said once an object"


@pytest.mark.parametrize("odd", [["no object"], [{"metadata": []}], "items", 7])
async def test_an_answer_that_is_no_list_is_asked_for_again(api, client, odd):
    api.on("GET", PATH, api.json({"metadata": {}, "items": odd}), api.json(page(named("a"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        await api.watched()
        assert follower.names == {"a"}


@pytest.mark.parametrize("odd", ["no object", {"metadata": "none"}])
async def test_an_event_that_is_none_is_followed_by_a_new_list(api, client, odd):
    api.on("GET", PATH, api.json(page(named("a"))), api.json(page(named("b"))))
    api.on("WATCH", PATH, api.watch())

    async with following(client) as follower:
        await (await api.watched()).send("ADDED", odd)
        await api.watched()
        assert follower.names == {"b"}
