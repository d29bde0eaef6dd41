"""A restart, a crash, a change of the leader in the middle of something: decisions go on as if nothing had happened."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import Conflict
from bayescaler.cluster.saved_states import SavedStates
from bayescaler.control import checkpoints, keeper
from bayescaler.policy.reasons import Phase, Rung
from bayescaler.policy.saved import MOST_BYTES, unpack
from bayescaler.policy.trust import Charge, Standing
from bayescaler.sandbox import pods
from bayescaler.sandbox.server import Fault

from .test_leadership import pair  # noqa: F401 - a fixture
from .worlds import HOUR, MINUTE, NOON, SETTINGS, TICK, World, autoscaler, deployment

SHORT = {"forecast": {"history": "2h", "seasons": []}}
STATE = "bayescaler-state-0"
SLOW_UP = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}


class Told:
    """What was decided at each tick."""

    def __init__(self):
        self.ticks = []

    def __call__(self, world):
        decision = world.decision()
        self.ticks.append((decision.final, decision.limiter, decision.rung, world.workload("web").phase))


async def played(story, *, restart=None, **settings):
    """Play a story with or without something that happens to the operator in its middle; tell what was decided."""
    told = Told()
    async with World(settings=replace(SETTINGS, **settings)) as world:
        await story(world, told, restart)
    return told.ticks


async def clean(world):
    await world.restart()


async def crash(world):
    """Nothing is saved at the end."""
    world.operator.keeper._leads = None
    await world.restart()


async def forgetful(world):
    """Nothing is taken up at the start."""
    await world.running.stop()
    world.server.delete("v1", "ConfigMap", STATE)
    world.running = await world.start_operator()
    world.operator = world.running.operator
    await world.settle()


async def scale_up(world, told, restart):
    """400/s come where 100/s were; one pod a minute is allowed, and one has just been added."""
    world.feed(lambda t: 100.0 + 300.0 * (t >= NOON + 10 * MINUTE), days=0.2)
    await world.begin(deployment(replicas=3), autoscaler(behavior=SLOW_UP, **SHORT))
    await world.run(12 * MINUTE)
    before = world.replicas()
    while world.replicas() == before:
        await world.run(TICK)
    await world.run(TICK)
    if restart is not None:
        await restart(world)
    await world.run(3 * MINUTE, told)


async def hold(world, told, restart):
    """The load has fallen two minutes ago; the scale-down window holds for five."""
    world.feed(lambda t: 600.0 - 500.0 * (t >= NOON + 10 * MINUTE), days=0.2)
    await world.begin(deployment(replicas=12), autoscaler(**SHORT, objective={"quantile": 0.9}))
    await world.run(13 * MINUTE)
    if restart is not None:
        await restart(world)
    await world.run(35 * MINUTE, told)


async def recovery(world, told, restart):
    """After an outage Prometheus has been back for half a minute: nothing may be lowered yet."""
    world.feed(500.0, days=0.2)
    await world.begin(deployment(replicas=20), autoscaler(**SHORT))
    await world.prometheus.stop()
    await world.run(4 * MINUTE)
    await world.prometheus.start()
    await world.run(2 * TICK)
    if restart is not None:
        await restart(world)
    await world.run(8 * MINUTE, told)


async def steered(world, told, restart):
    """A budget of time is held by prices that have been tried for half an hour."""
    rules = {"objective": {"risk": {"overloadBudget": 0.01}}}
    world.feed(lambda t: 300.0 + 200.0 * ((t // 420.0) % 2), days=0.2)
    await world.begin(deployment(replicas=8), autoscaler(**rules, **SHORT))
    await world.run(30 * MINUTE)
    if restart is not None:
        await restart(world)
    await world.run(10 * MINUTE, told)


@pytest.mark.parametrize("story", [scale_up, hold, recovery, steered])
async def test_what_is_decided_after_a_restart_is_what_would_have_been_without(story):
    unbroken, broken = await played(story), await played(story, restart=clean)
    assert broken[0] == unbroken[0]
    off = [abs(one[0] - other[0]) for one, other in zip(broken, unbroken, strict=True)]
    assert max(off) <= 1, list(zip(broken, unbroken, strict=True))


@pytest.mark.parametrize("story", [scale_up, hold, recovery, steered])
async def test_with_a_volume_every_decision_is_the_same(story, tmp_path):
    unbroken = await played(story)
    assert await played(story, restart=clean, state_dir=str(tmp_path)) == unbroken


async def test_without_saved_state_the_same_stories_go_another_way():
    """So the tests above can fail."""
    for story in (scale_up, recovery):
        assert await played(story, restart=forgetful) != await played(story)


@pytest.mark.parametrize("story", [scale_up, hold, recovery])
async def test_after_a_crash_never_fewer_pods_run_than_without(story):
    unbroken, broken = await played(story), await played(story, restart=crash)
    assert all(one[0] >= other[0] for one, other in zip(broken, unbroken, strict=True))


async def test_after_a_long_pause_what_runs_is_held_for_a_window_and_old_times_are_forgotten():
    async with World(settings=replace(SETTINGS, warmup_retry_seconds=0.05)) as world:
        world.feed(lambda t: 600.0 - 500.0 * (t >= NOON + 10 * MINUTE), days=0.2, ahead=9 * HOUR)
        await world.begin(deployment(replicas=14), autoscaler(**SHORT))
        await world.run(8 * MINUTE)
        runs = world.replicas()
        await world.running.stop()
        world.clock.advance(3 * HOUR)
        await world.prometheus.stop()
        world.running = await world.start_operator()
        world.operator = world.running.operator
        await world.run(MINUTE)
        assert world.workload("web").state.missing_since > world.clock.now() - 2 * MINUTE
        assert world.decision().rung in (Rung.STORED, Rung.HOLD), "no outage of three hours was seen"
        await world.prometheus.start()
        await world.until(lambda: world.workload("web").seat is not None, "the history is read")
        seen = await world.run(4 * MINUTE)
        assert set(seen) == {runs}
        assert (await world.run(30 * MINUTE))[-1] < runs


class TestWhatIsLearned:
    async def test_the_first_posterior_after_a_restart_has_the_lead_that_was_learned(self):
        async with World(start_up=pods.fixed(150.0)) as world:
            world.feed(200.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(mode="Observe", **SHORT))
            await world.run(MINUTE)
            for _ in range(3):
                world.scale_by_hand(8)
                await world.run(5 * MINUTE)
                world.scale_by_hand(2)
                await world.run(MINUTE)
            before = world.workload("web")
            assert (before.starts.p90_seconds, before.intent.lead) == (150.0, 3)
            await world.restart()
            after = world.workload("web")
            assert after.starts.p90_seconds == 150.0
            assert after.starts.held == before.starts.held
            assert after.seat.intent.lead == 3
            read = {r.path for r in world.requests if r.resource == "configmaps"}
            assert f"/api/v1/namespaces/default/configmaps/{STATE}" in read

    async def test_phase_and_what_is_known_of_other_writers_come_back(self):
        async with World() as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(2 * MINUTE)
            before = world.workload("web")
            before.phase, before.standing = Phase.DEGRADED, Standing(Phase.DEGRADED, 50, Charge.SKILL)
            await world.running.stop()
            world.running = await world.start_operator()
            after = world.running.operator.registry.get(("default", "web"))
            assert after.tenure == before.tenure
            assert after.tenure.of
            assert (after.phase, after.standing) == (Phase.DEGRADED, before.standing)


class TestRefusals:
    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (lambda blob: b"nonsense", "no saved state"),
            (lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]), "damaged"),
            (lambda blob: blob[:2] + b"\x63" + blob[3:], "version 99"),
        ],
        ids=["nonsense", "damaged", "newer"],
    )
    async def test_what_cannot_be_taken_up_is_said_and_built_anew(self, spoil, why):
        async with World() as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(MINUTE)
            await world.running.stop()
            saved = world.server.get("v1", "ConfigMap", STATE)["binaryData"]
            spoilt = {uid: base64.b64encode(spoil(base64.b64decode(text))).decode() for uid, text in saved.items()}
            world.server.patch("v1", "ConfigMap", STATE, {"binaryData": spoilt})
            world.running = await world.start_operator()
            world.operator = world.running.operator
            await world.settle()
            await world.run(2 * TICK)
            assert world.replicas() >= 10
            assert ("Warning", "StateRefused") in await world.events()
            assert why in (await notes(world))["StateRefused"]
            await world.running.stop()
            assert saved_states(world), "it can be taken up again"

    async def test_the_state_of_another_query_keeps_its_windows_and_loses_what_speaks_of_the_load(self):
        async with World() as world:
            world.feed(500.0, days=0.2)
            world.feed(50.0, name="other_requests_total", days=0.2)
            await world.begin(deployment(replicas=12), autoscaler(**SHORT))
            await world.run(4 * MINUTE)
            await world.running.stop()
            world.edit(load={"prometheus": {"query": "sum(rate(other_requests_total[1m]))"}})
            world.running = await world.start_operator()
            world.operator = world.running.operator
            await world.settle()
            seen = await world.run(3 * MINUTE)
            assert min(seen) >= 11, "held by the window, as it was; 50/s need two"

    async def test_without_the_right_to_read_it_works_as_before_and_overwrites_nothing(self, caplog):
        async with World() as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(MINUTE)
            await world.running.stop()
            before = world.server.get("v1", "ConfigMap", STATE)
            world.server.faults.add(
                Fault(match=lambda r: r.resource == "configmaps", status=403, reason="Forbidden", times=None)
            )
            world.running = await world.start_operator()
            world.operator = world.running.operator
            await world.settle()
            await world.run(3 * MINUTE)
            assert world.replicas() >= 10
            await world.running.stop()
            assert world.server.get("v1", "ConfigMap", STATE) == before
            assert "saved states could not be read" in caplog.text


async def notes(world):
    await world.operator.events.drain()
    kind = world.server.kinds.of_object({"apiVersion": "events.k8s.io/v1", "kind": "Event"})
    return {
        record.object["reason"]: record.object.get("note") or record.object["message"]
        for _, record in world.server.store.items(kind.resource)
    }


def saved_states(world):
    data = world.server.get("v1", "ConfigMap", STATE).get("binaryData") or {}
    return {uid: unpack(base64.b64decode(text), uid) for uid, text in data.items()}


class TestTheConfigMaps:
    async def test_they_are_written_now_and_then_and_drop_what_is_gone(self):
        async with World(settings=replace(SETTINGS, save_seconds=5 * MINUTE)) as world:
            world.feed(500.0, days=0.2)
            objects = [
                make(name) for name in ("web", "shop") for make in (deployment, lambda n: autoscaler(n, **SHORT))
            ]
            await world.begin(*objects)
            await world.run(30 * MINUTE)
            await world.operator.keeper.idle()
            puts = [r for r in world.requests if r.resource == "configmaps" and r.verb == "update"]
            assert 5 <= len(puts) <= 7
            assert len(saved_states(world)) == 2
            size = {uid: len(base64.b64decode(t)) for uid, t in
                    world.server.get("v1", "ConfigMap", STATE)["binaryData"].items()}  # fmt: skip
            assert max(size.values()) < MOST_BYTES / 2
            world.server.delete(*(autoscaler()["apiVersion"], autoscaler()["kind"], "shop"))
            await world.run(6 * MINUTE)
            await world.operator.keeper.idle()
            assert set(saved_states(world)) == {world.workload("web").uid}

    async def test_a_writer_that_was_overtaken_is_refused(self):
        async with World() as world, await KubeClient.connect(world.kubeconfig) as client:
            early, late = (SavedStates(client, "default", "other") for _ in range(2))
            shard = await early.write(await early.read(0), {"uid": b"first"}, term=1)
            await late.write(await late.read(0), {"uid": b"second"}, term=2)
            with pytest.raises(Conflict):
                await early.write(shard, {"uid": b"stale"}, term=1)
            found = await late.read(0)
            assert (found.entries, found.term) == ({"uid": b"second"}, 2)

    async def test_one_that_somebody_deletes_is_made_again(self):
        async with World(settings=replace(SETTINGS, save_seconds=2 * MINUTE)) as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(3 * MINUTE)
            await world.operator.keeper.idle()
            world.server.delete("v1", "ConfigMap", STATE)
            await world.run(4 * MINUTE)
            await world.operator.keeper.idle()
            assert len(saved_states(world)) == 1

    async def test_many_objects_are_spread_over_as_many_as_are_needed(self, monkeypatch):
        monkeypatch.setattr(keeper, "MOST_OBJECTS", 2)
        async with World() as world:
            world.feed(500.0, days=0.2)
            names = ["web", "web1", "web2", "web3", "web4"]
            await world.begin(*map(deployment, names), *(autoscaler(name, **SHORT) for name in names))
            await world.run(MINUTE)
            before = {name: world.workload(name).state.highest for name in names}
            await world.running.stop()
            world.running = await world.start_operator()
            world.operator = world.running.operator
            assert {name: world.workload(name).state.highest for name in names} == before
            held = [len(world.server.get("v1", "ConfigMap", f"bayescaler-state-{i}")["binaryData"]) for i in range(3)]
            assert held == [2, 2, 1]


class TestAnotherLeader:
    async def test_it_goes_on_from_what_the_first_one_saved(self, pair):  # noqa: F811
        for _ in range(8):
            await pair.tick_both()
            await pair.pass_seconds(TICK)
        first = pair.one.registry.get(("default", "web"))
        second = pair.two.registry.get(("default", "web"))
        first.tenure = replace(first.tenure, by="somebody")
        await pair.first_ends()
        await pair.pass_seconds(5.0)
        assert pair.two.may_write()
        await pair.two.loop.tick(now=pair.world.clock.now())
        assert second.tenure.by == "somebody"
        assert second.decision.final == first.decision.final
        assert second.state.decided_at == pair.world.clock.now()

    async def test_one_that_lost_the_lease_does_not_write_over_it(self, pair):  # noqa: F811
        await pair.tick_both()
        pair.one.keeper.lost()
        await pair.one.keeper.idle()
        pair.one.elector._leads_until = -1.0
        stale = pair.one.keeper
        pair.one.keeper._leads = 1
        pair.two.elector._leads_until = float("inf")
        await pair.two.loop.tick(now=pair.world.clock.now())
        await pair.two.keeper.save_all()
        told = pair.world.server.get("v1", "ConfigMap", STATE)
        await pair.pass_seconds(0)
        pair.one.registry.get(("default", "web")).phase = Phase.DEGRADED
        await stale.save_all()
        assert pair.world.server.get("v1", "ConfigMap", STATE) == told


class TestTheVolume:
    async def test_a_start_reads_only_the_buckets_since(self, tmp_path):
        async with World(settings=replace(SETTINGS, state_dir=str(tmp_path))) as world:
            world.feed(lambda t: 300.0 + 100.0 * ((t // 600.0) % 2), days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(5 * MINUTE)
            await world.running.stop()
            world.clock.advance(5 * MINUTE)
            asked = Reach(world)
            world.running = await world.start_operator()
            world.operator = world.running.operator
            await world.settle()
            await world.run(TICK)
            assert asked.longest <= 10 * MINUTE
            assert world.workload("web").seat.bank.buckets_seen(world.workload("web").seat.row) > 100

    async def test_the_file_goes_with_the_object(self, tmp_path):
        async with World(settings=replace(SETTINGS, state_dir=str(tmp_path), checkpoint_seconds=MINUTE)) as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(2 * MINUTE)
            await world.until(lambda: len(files(tmp_path)) == 1, "it is written")
            world.server.delete(autoscaler()["apiVersion"], autoscaler()["kind"], "web")
            await world.until(lambda: not files(tmp_path), "it is gone")

    @pytest.mark.parametrize("spoil", [lambda b: b[:100], lambda b: b[:-9] + b"notabytes", lambda b: b"x" * len(b)])
    async def test_a_damaged_file_is_said_and_the_history_replayed(self, tmp_path, spoil):
        async with World(settings=replace(SETTINGS, state_dir=str(tmp_path))) as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(MINUTE)
            await world.running.stop()
            (file,) = files(tmp_path)
            file.write_bytes(spoil(file.read_bytes()))
            asked = Reach(world)
            world.running = await world.start_operator()
            world.operator = world.running.operator
            await world.settle()
            await world.run(2 * TICK)
            assert asked.longest > HOUR
            assert world.replicas() >= 10
            assert ("Warning", "StateRefused") in await world.events()

    async def test_a_full_volume_harms_nothing(self, tmp_path, monkeypatch, caplog):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoints.Checkpoints, "_replace", full)
        async with World(settings=replace(SETTINGS, state_dir=str(tmp_path), checkpoint_seconds=MINUTE)) as world:
            world.feed(500.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(5 * MINUTE)
            assert world.replicas() >= 10
            assert "posterior not saved" in caplog.text


def files(folder):
    return [*Path(folder).iterdir()]


class Reach:
    """Seconds that each query of the load reached over, from now on."""

    def __init__(self, world):
        self._received = world.prometheus.received
        self._received.clear()

    @property
    def longest(self):
        ranges = [one.parameters for one in self._received if "start" in one.parameters]
        return max(float(asked["end"]) - float(asked["start"]) for asked in ranges)
