"""When load cannot be had: nothing is lowered, what is wrong is said, others go on, and it ends by itself."""

import asyncio
import base64

import pytest

from bayescaler.policy.reasons import Limiter, Rung
from bayescaler.sandbox.prometheus import faults

from .worlds import IMPATIENT, MINUTE, SHORT, TICK, World, autoscaler, deployment


def rungs_of(world, into):
    def look(_):
        rung = world.decision().rung
        if not into or into[-1] is not rung:
            into.append(rung)

    return look


async def test_while_prometheus_is_gone_the_ladder_is_climbed_down_by_time_and_up_again_with_hysteresis():
    async with World() as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        steady = await world.run(3 * MINUTE)
        assert world.condition("Ready") == ("True", "Ready")
        await world.prometheus.stop()

        rungs = []
        world.server.pod_usage = lambda namespace, pod: (4.5 / world.ready(), 1e8)
        blind = await world.run(8 * MINUTE, rungs_of(world, rungs))
        assert rungs == [Rung.PREDICTIVE, Rung.STORED, Rung.REACTIVE]
        assert blind == sorted(blind), "nothing is lowered"
        assert world.condition("FallbackActive") == ("True", "Reactive")
        assert world.condition("ScalingActive") == ("False", "ServerUnreachable")

        world.server.pod_usage = lambda namespace, pod: (7.0 / world.ready(), 1e8)
        busier = await world.run(3 * MINUTE)
        assert busier[-1] == 20, "7 cores at 70 % of 0.5 each"

        world.server.pod_usage = None
        rungs.clear()
        held = await world.run(5 * MINUTE, rungs_of(world, rungs))
        assert (rungs, set(held)) == ([Rung.HOLD], {20})

        await world.prometheus.start()
        rungs.clear()
        back = await world.run(10 * MINUTE, rungs_of(world, rungs))
        assert rungs == [Rung.HOLD, Rung.PREDICTIVE]
        assert back[:4] == [20] * 4, "not lowered until load has been usable for a minute"
        assert back[-1] == steady[-1]
        assert world.condition("Ready") == ("True", "Ready")
        events = await world.events()
    for event in (
        ("Warning", "ServerUnreachable"),
        ("Warning", "PredictiveOnStoredPosterior"),
        ("Warning", "Reactive"),
        ("Warning", "Hold"),
        ("Normal", "Predictive"),
    ):
        assert event in events


async def test_what_was_missed_during_an_outage_is_learnt_afterwards():
    async with World() as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(MINUTE)
        seat = world.workload("web").seat
        seen = seat.bank.buckets_seen(seat.row)
        await world.prometheus.stop()
        await world.run(20 * MINUTE)
        assert seat.bank.buckets_seen(seat.row) == seen
        await world.prometheus.start()
        await world.run(MINUTE)
        assert seat.bank.buckets_seen(seat.row) == seen + 21


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.Status(500, "oops"), "ServerUnreachable"),
        (faults.Status(503), "ServerUnreachable"),
        (faults.Status(401), "AuthFailed"),
        (faults.ApiError(), "QueryFailed"),
        (faults.Nonsense(), "BadAnswer"),
        (faults.Nonsense('{"status":"success","data":{"resultType":"matrix","result":[{}]}}'), "BadAnswer"),
        (faults.Cut(), "BadAnswer"),
        (faults.Redirect("http://169.254.169.254/"), "NotAllowed"),
        (faults.NotANumber(), "LoadImplausible"),
        (faults.Absent(), "LoadStale"),
        (faults.Several(), "SeveralSeries"),
    ],
    ids=["500", "503", "401", "query error", "html", "broken series", "cut", "redirect", "NaN", "absent", "several"],
)
async def test_an_answer_that_is_no_load_is_a_condition_and_an_event_and_changes_nothing(fault, reason):
    async with World() as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        (*_, steady) = await world.run(2 * MINUTE)
        world.prometheus.fault = fault
        assert set(await world.run(8 * MINUTE)) == {steady}
        assert world.condition("ScalingActive") == ("False", reason)
        assert world.condition("Ready") == ("False", reason)
        assert world.condition("FallbackActive") == ("True", "Hold")
        assert ("Warning", reason) in await world.events()
        world.prometheus.fault = faults.HEALTHY
        await world.run(3 * MINUTE)
        assert world.condition("Ready") == ("True", "Ready")
        assert world.condition("FallbackActive") == ("False", "Predictive")


async def test_one_failed_query_changes_nothing_at_all():
    async with World() as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(2 * MINUTE)
        told = await world.events()
        world.prometheus.fault = faults.Status(500)
        await world.run(MINUTE)
        world.prometheus.fault = faults.HEALTHY
        await world.run(MINUTE)
        assert world.condition("Ready") == ("True", "Ready")
        assert await world.events() == told


def time_for_those_that_answer(world):
    """The deadline passes only for what hangs: a busy machine may need longer than that for the others."""
    collector = world.operator.loop._collector
    until_the_deadline = collector._answers

    async def answers(reading):
        hung = world.workload("web").reading if isinstance(world.prometheus.fault, faults.Hang) else None
        await asyncio.gather(*(one for one in reading if one is not hung))
        await until_the_deadline(reading)

    collector._answers = answers


async def test_a_hanging_prometheus_delays_no_object_of_a_healthy_one():
    async with World(settings=IMPATIENT, other_prometheus=True) as world:
        time_for_those_that_answer(world)
        world.feed(510.0, days=0.2)
        world.feed(lambda t: 200.0 + 100.0 * (t >= world.clock.now() + 3 * MINUTE), days=0.2, prometheus=world.other)
        world.apply(deployment("fine", 5), autoscaler("fine", prometheus={"serverAddress": world.other.url}, **SHORT))
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        (*_, steady) = await world.run(MINUTE)
        world.prometheus.fault = hang = faults.Hang()
        rungs, ats = [], []

        def look(world):
            ats.append((world.decision().at, world.decision("fine").at, world.clock.now()))
            rungs_of(world, rungs)(world)
            assert world.decision("fine").rung is Rung.PREDICTIVE

        assert set(await world.run(7 * MINUTE, look)) == {steady}
        assert all(ours == others == now for ours, others, now in ats)
        assert rungs == [Rung.PREDICTIVE, Rung.STORED, Rung.HOLD]
        assert world.replicas("fine") >= 6, "300/s at 50/s each"
        assert world.condition("ScalingActive") == ("False", "LoadStale")
        hang.release()
        world.prometheus.fault = faults.HEALTHY
        await world.workload("web").reading
        await world.run(3 * MINUTE)
        assert world.condition("Ready") == ("True", "Ready")


async def test_a_query_that_is_wrong_from_the_start_is_said_and_the_workload_left_alone():
    async with World() as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=7), autoscaler(query="sum(rate(http_requests_total[1m])", **SHORT))
        assert set(await world.run(6 * MINUTE)) == {7}
        assert world.condition("Ready") == ("False", "QueryFailed")
        assert world.condition("ForecastTrusted") == ("False", "NoForecast")
        assert ("Warning", "QueryFailed") in await world.events()


async def test_several_series_are_named_with_the_cure():
    async with World() as world:
        for pod in ("a", "b"):
            world.feed(5.0, name="pod_requests_total", labels={"pod": pod}, days=0.2)
        await world.begin(deployment(replicas=7), autoscaler(query="rate(pod_requests_total[1m])", **SHORT))
        await world.run(MINUTE)
        (message,) = [c["message"] for c in world.status()["conditions"] if c["type"] == "ScalingActive"]
        assert '{pod="a"}, {pod="b"}' in message
        assert "sum()" in message
        assert world.replicas() == 7


async def test_an_address_off_the_allow_list_is_refused_and_nothing_is_sent_there():
    async with World(other_prometheus=True, allowed=False) as world:
        world.feed(510.0, days=0.2, prometheus=world.other)
        elsewhere = {"serverAddress": world.other.url}
        await world.begin(deployment(replicas=7), autoscaler(prometheus=elsewhere, **SHORT))
        assert set(await world.run(6 * MINUTE)) == {7}
        assert world.condition("Ready") == ("False", "NotAllowed")
        assert ("Warning", "NotAllowed") in await world.events()
        assert not world.other.received


TOKEN = "the-tenants-own"


def secret(namespace="default", token=TOKEN):
    data = {"token": base64.b64encode(token.encode()).decode()}
    return {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "prom", "namespace": namespace}, "data": data,
    }  # fmt: skip


def asking(world, token=TOKEN):
    """The other Prometheus asks for a bearer token."""
    world.other._required_headers = {"Authorization": f"Bearer {token}"}
    return {"serverAddress": world.other.url, "authRef": {"name": "prom"}}


async def test_the_secret_of_the_objects_own_namespace_is_sent_and_a_refused_one_costs_nothing():
    async with World(other_prometheus=True) as world:
        world.feed(510.0, days=0.2, prometheus=world.other)
        world.apply(secret())
        await world.begin(deployment(replicas=7), autoscaler(prometheus=asking(world), **SHORT))
        (*_, steady) = await world.run(3 * MINUTE)
        assert steady >= 10
        assert {r.headers["Authorization"] for r in world.other.received} == {f"Bearer {TOKEN}"}
        asking(world, token="another")
        await world.run(6 * MINUTE)
        assert world.condition("Ready") == ("False", "AuthFailed")
        assert world.replicas() == steady


async def test_a_rotated_secret_is_read_again_before_the_load_is_old():
    async with World(other_prometheus=True) as world:
        world.feed(510.0, days=0.2, prometheus=world.other)
        world.apply(secret())
        await world.begin(deployment(replicas=11), autoscaler(prometheus=asking(world), **SHORT))
        await world.run(2 * MINUTE)
        asking(world, token="rotated")
        data = {"token": base64.b64encode(b"rotated").decode()}
        world.server.patch("v1", "Secret", "prom", {"data": data})
        for _ in range(12):
            await world.run(TICK)
            assert world.condition("Ready") == ("True", "Ready")
        assert world.other.received[-1].headers["Authorization"] == "Bearer rotated"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["nowhere", "in another namespace"])
async def test_a_secret_that_is_not_in_the_objects_namespace_is_a_condition_and_nothing_is_sent(elsewhere):
    async with World(other_prometheus=True) as world:
        world.feed(510.0, days=0.2, prometheus=world.other)
        if elsewhere:
            world.apply(secret("kube-system"))
        await world.begin(deployment(replicas=7), autoscaler(prometheus=asking(world), **SHORT))
        assert set(await world.run(6 * MINUTE)) == {7}
        assert world.condition("Ready") == ("False", "SecretNotFound")
        assert ("Warning", "SecretNotFound") in await world.events()
        assert not world.other.received
        world.apply(secret())
        await world.run(3 * MINUTE)
        assert world.condition("ScalingActive") == ("True", "LoadLive")


async def test_without_any_data_the_last_rung_keeps_a_floor_and_never_goes_below_what_runs():
    async with World() as world:
        floor = {"fallback": {"after": "1m", "replicas": 9}}
        query = "sum(rate(nothing_total[1m]))"
        world.apply(deployment("few", 4), deployment("many", 12), deployment("web"))
        await world.begin(*(autoscaler(name, query=query, **floor, **SHORT) for name in ("few", "many")))
        await world.run(5 * MINUTE)
        assert (world.replicas("few"), world.replicas("many")) == (4, 12)
        assert world.decision("few").limiter is Limiter.HOLD
        world.clock.advance(3600.0)
        await world.run(MINUTE)
        assert (world.replicas("few"), world.replicas("many")) == (9, 12)
        assert world.decision("few").rung is Rung.FLOOR
