"""Saved states: what is refused and what goes on, where they are kept, and who may write them."""

import base64
from dataclasses import replace

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import Conflict
from bayescaler.cluster.saved_states import SavedStates
from bayescaler.control import keeper
from bayescaler.policy import saved
from bayescaler.policy.reasons import Phase
from bayescaler.policy.saved import MOST_BYTES, unpack
from bayescaler.sandbox.server import Fault

from .restarts import STATE
from .worlds import MINUTE, NOON, SETTINGS, SHORT, TICK, World, autoscaler, deployment

CONFIG_MAP_UPDATE = ("configmaps", "update")


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
            world.feed(510.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(MINUTE)
            await world.running.stop()
            kept = world.server.get("v1", "ConfigMap", STATE)["binaryData"]
            spoilt = {uid: base64.b64encode(spoil(base64.b64decode(text))).decode() for uid, text in kept.items()}
            world.server.patch("v1", "ConfigMap", STATE, {"binaryData": spoilt})
            await world.resume()
            await world.run(2 * TICK)
            assert world.replicas() >= 10
            assert ("Warning", "StateRefused") in await world.events()
            assert why in (await notes(world))["StateRefused"]
            await world.running.stop()
            assert saved_states(world), "it can be taken up again"

    async def test_a_part_from_a_newer_version_costs_only_itself(self):
        async with World() as world:
            world.feed(510.0, days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(2 * MINUTE)
            before = world.workload("web")
            assert before.starts.lead_time is not None
            await world.running.stop()
            told = saved._opened(blob_of(world), before.uid)
            told["leadTime"][0] = 2.0
            told["parts"]["other writers"] = 2
            spoilt = base64.b64encode(saved._sealed(told, before.uid)).decode()
            world.server.patch("v1", "ConfigMap", STATE, {"binaryData": {before.uid: spoilt}})
            await world.resume()
            after = world.workload("web")
            assert after.state.highest == before.state.highest
            assert (after.tenure.of, after.starts.lead_time) == ("", None)
            await world.run(TICK)
            said = (await notes(world))["StateRefused"]
            assert said.startswith("of the saved state was left out: other writers: of version 2, known is 1")
            assert "lead time: state of version 2" in said
            counted = world.operator.metrics.registry.get_sample_value
            results = [counted("bayescaler_state_reads_total", {"result": r}) for r in ("PartRefused", "restored")]
            assert results == [1.0, 1.0]

    async def test_the_state_of_another_query_keeps_its_windows_and_loses_what_speaks_of_the_load(self):
        async with World() as world:
            world.feed(510.0, days=0.2)
            world.feed(50.0, name="other_requests_total", days=0.2)
            await world.begin(deployment(replicas=12), autoscaler(**SHORT))
            await world.run(4 * MINUTE)
            await world.running.stop()
            world.edit(load={"prometheus": {"query": "sum(rate(other_requests_total[1m]))"}})
            await world.resume()
            seen = await world.run(3 * MINUTE)
            assert min(seen) >= 11, "held by the window, as it was; 50/s need two"

    async def test_without_the_right_to_read_it_works_as_before_and_overwrites_nothing(self, caplog):
        async with World() as world:
            world.feed(510.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(**SHORT))
            await world.run(MINUTE)
            await world.running.stop()
            before = world.server.get("v1", "ConfigMap", STATE)
            world.server.faults.add(
                Fault(match=lambda r: r.resource == "configmaps", status=403, reason="Forbidden", times=None)
            )
            await world.resume()
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


def blob_of(world, name="web"):
    return base64.b64decode(world.server.get("v1", "ConfigMap", STATE)["binaryData"][world.workload(name).uid])


def saved_states(world):
    data = world.server.get("v1", "ConfigMap", STATE).get("binaryData") or {}
    return {uid: unpack(base64.b64decode(text), uid) for uid, text in data.items()}


class TestTheConfigMaps:
    async def test_they_are_written_now_and_then_and_drop_what_is_gone(self):
        async with World(settings=replace(SETTINGS, save_seconds=5 * MINUTE)) as world:
            world.feed(510.0, days=0.2)
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
            assert set(world.operator.keeper._places) == {world.workload("web").uid}, "nothing is remembered of it"

    async def test_no_tick_writes_more_than_one_of_them(self, monkeypatch):
        monkeypatch.setattr(keeper, "MOST_OBJECTS", 1)
        async with World(settings=replace(SETTINGS, save_seconds=MINUTE)) as world:
            world.feed(510.0, days=0.2)
            names = ["web", "web1", "web2"]
            await world.begin(*map(deployment, names), *(autoscaler(name, **SHORT) for name in names))
            written = []
            for _ in range(4 * 6):
                since = len(world.requests)
                await world.run(TICK)
                await world.operator.keeper.idle()
                written.append([r.name for r in world.requests[since:] if (r.resource, r.verb) == CONFIG_MAP_UPDATE])
            assert max(map(len, written)) == 1
            assert {name for names in written for name in names} == {f"bayescaler-state-{i}" for i in range(3)}

    async def test_a_writer_that_was_overtaken_is_refused(self):
        async with World() as world, await KubeClient.connect(world.kubeconfig) as client:
            early, late = (SavedStates(client, "default", "other") for _ in range(2))
            shard = await early.write(await early.read(0), {"uid": b"first"}, term=1)
            await late.write(await late.read(0), {"uid": b"second"}, term=2)
            with pytest.raises(Conflict):
                await early.write(shard, {"uid": b"stale"}, term=1)
            found = await late.read(0)
            assert (found.entries, found.term) == ({"uid": b"second"}, 2)

    @pytest.mark.parametrize(
        "what",
        [
            {"verb": "patch", "drop": True, "after": True},
            {"verb": "patch", "status": 409, "reason": "AlreadyExists", "after": True},
            {"verb": "update", "drop": True, "after": True},
        ],
        ids=["made, and the answer lost", "made by another one at once", "written, and the answer lost"],
    )
    async def test_one_whose_making_went_wrong_is_written_at_the_next_turn(self, what):
        verb = what.pop("verb")
        async with World(settings=replace(SETTINGS, save_seconds=2 * MINUTE)) as world:
            world.feed(510.0, days=0.2)
            fault = Fault(match=lambda r: r.resource == "configmaps" and r.verb == verb, **what)
            world.server.faults.add(fault)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(4 * MINUTE)
            await world.operator.keeper.idle()
            assert fault.hits == 1
            web = world.workload("web")
            (found,) = saved_states(world).values()
            assert found.state.decided_at > NOON + MINUTE
            assert web.state_refused == ""
            counted = world.operator.metrics.registry.get_sample_value
            assert counted("bayescaler_state_writes_total", {"result": "ok"}) >= 1

    async def test_one_that_a_later_leader_has_made_meanwhile_is_not_written_over(self):
        async with World() as world, await KubeClient.connect(world.kubeconfig) as client:
            early, late = (SavedStates(client, "default", "other") for _ in range(2))
            nothing = await early.read(0)
            await late.write(await late.read(0), {"uid": b"of the later one"}, term=2)
            with pytest.raises(Conflict):
                await early.write(nothing, {"uid": b"stale"}, term=1)
            assert (await late.read(0)).entries == {"uid": b"of the later one"}

    async def test_one_that_somebody_deletes_is_made_again(self):
        async with World(settings=replace(SETTINGS, save_seconds=2 * MINUTE)) as world:
            world.feed(510.0, days=0.2)
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
            world.feed(510.0, days=0.2)
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
    async def test_it_goes_on_from_what_the_first_one_saved(self, pair):
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

    async def test_one_that_lost_the_lease_does_not_write_over_it(self, pair):
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
