"""Events: said once, repeated as a series, rationed, and never the caller's trouble."""

import asyncio
import logging

import pytest

from bayescaler.cluster.events import BURST, REFILL_SECONDS, SERIES_SECONDS, EventRecorder, EventType, ObjectRef

EVENTS = "/apis/events.k8s.io/v1/namespaces/shop/events"
WEB = ObjectRef("bayescaler.dev/v1alpha1", "BayesianAutoscaler", "shop", "web", "u1")


@pytest.fixture
def recorder(client, clock):
    clock.now = 1_700_000_000.25

    async def no_time(_seconds):
        await asyncio.sleep(0)

    return EventRecorder(client, instance="bayescaler-0", clock=clock, sleep=no_time)


def say(recorder, note="from 3 to 5", regarding=WEB, reason="ScaledUp", **options):
    recorder.record(regarding, reason=reason, note=note, action="Scale", **options)


def accept(api):
    """Posted events are stored: they can be patched, by the name they were given."""

    async def created(request):
        name = api.asked[-1].body["metadata"]["name"]
        api.on("PATCH", f"{EVENTS}/{name}", api.json({}))
        return await api.json({}, 201)(request)

    api.on("POST", EVENTS, created)


async def test_an_event_is_one_that_kubectl_describe_shows(api, recorder):
    accept(api)
    say(recorder, event_type=EventType.WARNING)
    await recorder.drain()

    (asked,) = api.asked
    name = asked.body["metadata"].pop("name")
    assert name.startswith("web.")
    assert asked.body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "shop"},
        "eventTime": "2023-11-14T22:13:20.250000Z",
        "reportingController": "bayescaler.dev/operator",
        "reportingInstance": "bayescaler-0",
        "action": "Scale",
        "reason": "ScaledUp",
        "type": "Warning",
        "note": "from 3 to 5",
        "regarding": {
            "apiVersion": "bayescaler.dev/v1alpha1",
            "kind": "BayesianAutoscaler",
            "namespace": "shop",
            "name": "web",
            "uid": "u1",
        },
    }


async def test_the_same_thing_said_again_becomes_a_series(api, recorder, clock):
    accept(api)
    for _ in range(3):
        say(recorder)
        await recorder.drain()
        clock.now += 60.0

    first, *repeats = api.asked
    assert [asked.method for asked in api.asked] == ["POST", "PATCH", "PATCH"]
    assert {asked.path for asked in repeats} == {f"{EVENTS}/{first.body['metadata']['name']}"}
    assert repeats[1].body == {"series": {"count": 3, "lastObservedTime": "2023-11-14T22:15:20.250000Z"}}
    assert repeats[1].headers["Content-Type"] == "application/merge-patch+json"


async def test_what_was_repeated_before_it_was_posted_is_one_event_with_its_count(api, recorder):
    accept(api)
    say(recorder)
    say(recorder)
    await recorder.drain()
    (asked,) = api.asked
    assert asked.body["series"]["count"] == 2


async def test_after_ten_quiet_minutes_it_is_a_new_event(api, recorder, clock):
    accept(api)
    say(recorder)
    await recorder.drain()
    clock.now += SERIES_SECONDS + 1.0
    say(recorder)
    await recorder.drain()
    names = [asked.body["metadata"]["name"] for asked in api.of("POST")]
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    "other",
    [{"note": "from 5 to 6"}, {"reason": "ScaledDown"}, {"regarding": ObjectRef("v1", "Pod", "shop", "p", "u2")}],
)
async def test_another_object_reason_or_note_is_another_event(api, recorder, other):
    accept(api)
    say(recorder)
    say(recorder, **other)
    await recorder.drain()
    assert len(api.of("POST")) == 2


async def test_a_series_whose_event_the_server_forgot_starts_anew(api, recorder):
    api.on("POST", EVENTS, api.json({}, 201))
    say(recorder)
    await recorder.drain()
    say(recorder)
    await recorder.drain()
    assert [asked.method for asked in api.asked] == ["POST", "PATCH", "POST"]
    assert api.asked[2].body["series"]["count"] == 2
    assert recorder.failed == 0


async def test_an_object_that_talks_too_much_is_rationed_and_others_are_not(api, recorder, clock):
    accept(api)
    for number in range(int(BURST) + 10):
        say(recorder, note=f"change {number}")
    say(recorder, regarding=ObjectRef("v1", "Pod", "shop", "quiet", "u9"))
    await recorder.drain()
    assert len(api.asked) == BURST + 1
    assert recorder.dropped == 10

    clock.now += REFILL_SECONDS
    say(recorder, note="later")
    await recorder.drain()
    assert len(api.asked) == BURST + 2


async def test_a_note_is_cut_to_what_the_server_takes_without_splitting_a_character(api, recorder):
    accept(api)
    say(recorder, note="é" * 1000)
    await recorder.drain()
    note = api.asked[0].body["note"]
    assert len(note.encode()) <= 1024
    assert note.endswith("é…")


async def test_failures_are_counted_logged_once_and_end_with_the_next_success(api, recorder, caplog):
    caplog.set_level(logging.WARNING)
    api.on("POST", EVENTS, api.status(403, "Forbidden", "no"), api.text("busy", 429), api.json({}, 201))
    for number in range(3):
        say(recorder, note=f"change {number}")
    await recorder.drain()
    assert recorder.counts() == {"posted": 1, "failed": 2, "dropped": 0}
    assert caplog.text.count("event could not be posted") == 1


async def test_an_event_that_could_not_be_created_is_created_by_its_next_repetition(api, recorder):
    api.on("POST", EVENTS, api.cut(), api.json({}, 201))
    say(recorder)
    await recorder.drain()
    say(recorder)
    await recorder.drain()
    assert [asked.method for asked in api.asked] == ["POST", "POST"]
    assert api.asked[1].body["series"]["count"] == 2


async def test_run_posts_in_the_background_and_ends_when_cancelled(api, recorder):
    accept(api)
    running = asyncio.create_task(recorder.run())
    say(recorder)
    await api.arrival(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
