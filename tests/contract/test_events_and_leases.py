"""events.k8s.io/v1 and its core/v1 view, and Leases created by PUT to their name."""

import pytest

TIME = "2026-01-02T03:04:05.000000Z"


def event(api, **fields):
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "one.1"},
        "eventTime": TIME,
        "reportingController": "bayescaler.dev/operator",
        "reportingInstance": "operator-0",
        "action": "Scale",
        "reason": "ScaledUp",
        "type": "Normal",
        "note": "from 2 to 4",
        "regarding": {
            "apiVersion": "contract.bayescaler.dev/v1",
            "kind": "Widget",
            "name": "one",
            "namespace": api.namespace,
            "uid": "u-1",
        },
        **fields,
    }


async def test_an_event_is_seen_by_both_apis(api):
    await api.made(api.events, event(api))
    core = await api.get(f"/api/v1/namespaces/{api.namespace}/events/one.1")
    assert (core["apiVersion"], core["message"], core["involvedObject"]["name"]) == ("v1", "from 2 to 4", "one")
    assert core["reportingComponent"] == "bayescaler.dev/operator"
    new = await api.get(f"{api.events}/one.1")
    assert (new["apiVersion"], new["note"], new["regarding"]["uid"]) == ("events.k8s.io/v1", "from 2 to 4", "u-1")


async def test_describe_finds_events_by_the_object_they_regard(api):
    await api.made(api.events, event(api))
    path = f"/api/v1/namespaces/{api.namespace}/events"
    found = await api.get(
        path, fieldSelector="involvedObject.uid=u-1,involvedObject.name=one,involvedObject.kind=Widget"
    )
    assert len(found["items"]) == 1
    assert (await api.get(path, fieldSelector="involvedObject.uid=u-2"))["items"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reportingController": ""}, "reportingController: Required value"),
        ({"reportingInstance": ""}, "reportingInstance: Required value"),
        ({"action": ""}, "action: Required value"),
        ({"reason": ""}, "reason: Required value"),
        ({"eventTime": None}, "eventTime: Required value"),
        ({"type": "Loud"}, "type: Invalid value"),
        ({"reason": "x" * 129}, "reason: Invalid value"),
        ({"note": "x" * 1025}, "message: Invalid value"),
        ({"series": {"count": 1, "lastObservedTime": TIME}}, "series.count: Invalid value"),
    ],
)
async def test_what_an_event_must_have(api, change, words):
    reply = await api.post(api.events, event(api, **change))
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert words in reply["message"]


async def test_event_times_have_six_decimals(api):
    reply = await api.post(api.events, event(api, eventTime="2026-01-02T03:04:05Z"))
    assert (reply.code, reply["reason"]) == (400, "BadRequest")


async def test_only_the_series_of_an_event_may_change(api):
    await api.made(api.events, event(api))
    series = {"series": {"count": 3, "lastObservedTime": "2026-01-02T03:05:05.000000Z"}}
    assert (await api.merge(f"{api.events}/one.1", series))["series"]["count"] == 3
    for change in ({"note": "other"}, {"regarding": {"name": "two"}}, {"reason": "Other"}):
        reply = await api.merge(f"{api.events}/one.1", change)
        assert (reply.code, reply["reason"]) == (422, "Invalid"), change


def lease(**spec):
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "acquireTime": TIME, "renewTime": TIME, **spec},
    }


async def test_a_lease_is_created_by_a_put_to_its_name(api):
    created = await api.put(f"{api.leases}/leader", lease())
    assert (created.code, created["spec"]["holderIdentity"]) == (201, "a")
    held = created.body
    held["spec"]["renewTime"] = "2026-01-02T03:04:15.000000Z"
    renewed = await api.put(f"{api.leases}/leader", held)
    assert renewed.code == 200
    assert int(renewed.version) > int(created.version)


async def test_of_two_writers_with_one_version_the_second_is_refused(api):
    first = (await api.put(f"{api.leases}/leader", lease())).body
    ours = {**first, "spec": {**first["spec"], "holderIdentity": "ours"}}
    theirs = {**first, "spec": {**first["spec"], "holderIdentity": "theirs"}}
    assert (await api.put(f"{api.leases}/leader", ours)).code == 200
    refused = await api.put(f"{api.leases}/leader", theirs)
    assert (refused.code, refused["reason"]) == (409, "Conflict")


async def test_a_put_without_a_version_on_a_lease_that_is_there_is_invalid(api):
    await api.put(f"{api.leases}/leader", lease())
    reply = await api.put(f"{api.leases}/leader", lease(holderIdentity="b"))
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in reply["message"]


async def test_lease_times_have_six_decimals(api):
    reply = await api.put(f"{api.leases}/leader", lease(renewTime="2026-01-02T03:04:05Z"))
    assert (reply.code, reply["reason"]) == (400, "BadRequest")


async def test_a_lease_lasts_more_than_zero_seconds(api):
    reply = await api.put(f"{api.leases}/leader", lease(leaseDurationSeconds=0))
    assert (reply.code, reply["reason"]) == (422, "Invalid")
    assert "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" in reply["message"]
