"""Posteriors on a volume: only what came since is read, and a bad volume costs only itself."""

import os
from concurrent.futures import wait as wait_for_threads
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayescaler.control import checkpoints
from bayescaler.control.estimate import BankPool
from bayescaler.control.registry import Registry
from bayescaler.telemetry.metrics import Metrics

from .restarts import clean, hold, played, recovery, scale_up, steered, unbroken
from .worlds import HOUR, MINUTE, NOON, SETTINGS, SHORT, TICK, World, autoscaler, deployment


@pytest.mark.parametrize("story", [scale_up, hold, recovery, steered])
async def test_with_a_volume_every_decision_is_the_same(story, tmp_path):
    assert await played(story, restart=clean, state_dir=str(tmp_path)) == await unbroken(story)


async def test_a_start_reads_only_the_buckets_since(tmp_path):
    async with World(settings=replace(SETTINGS, state_dir=str(tmp_path))) as world:
        world.feed(lambda t: 300.0 + 100.0 * ((t // 600.0) % 2), days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(5 * MINUTE)
        await world.running.stop()
        world.clock.advance(5 * MINUTE)
        asked = Reach(world)
        await world.resume()
        await world.run(TICK)
        assert asked.longest <= 10 * MINUTE
        assert world.workload("web").seat.bank.buckets_seen(world.workload("web").seat.row) > 100


async def test_the_file_goes_with_the_object(tmp_path):
    async with World(settings=replace(SETTINGS, state_dir=str(tmp_path), checkpoint_seconds=MINUTE)) as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(2 * MINUTE)
        await world.until(lambda: len(files(tmp_path)) == 1, "it is written")
        world.server.delete(autoscaler()["apiVersion"], autoscaler()["kind"], "web")
        await world.until(lambda: not files(tmp_path), "it is gone")


@pytest.mark.parametrize("spoil", [lambda b: b[:100], lambda b: b[:-9] + b"notabytes", lambda b: b"x" * len(b)])
async def test_a_damaged_file_is_said_and_the_history_replayed(tmp_path, spoil):
    async with World(settings=replace(SETTINGS, state_dir=str(tmp_path))) as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=2), autoscaler(**SHORT))
        await world.run(MINUTE)
        await world.running.stop()
        (file,) = files(tmp_path)
        file.write_bytes(spoil(file.read_bytes()))
        asked = Reach(world)
        await world.resume()
        await world.run(2 * TICK)
        assert asked.longest > HOUR
        assert world.replicas() >= 10
        assert ("Warning", "StateRefused") in await world.events()


async def test_a_full_volume_harms_nothing_and_is_said_once(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    async with World(settings=replace(SETTINGS, state_dir=str(tmp_path), checkpoint_seconds=MINUTE)) as world:
        world.feed(510.0, days=0.2)
        await world.begin(deployment(replicas=2), autoscaler(**SHORT))
        counted = world.operator.metrics.registry.get_sample_value
        for failed in (1, 2):
            await world.run(2 * MINUTE)
            await world.until(
                lambda failed=failed: (
                    (counted("bayescaler_state_writes_total", {"result": "VolumeFailed"}) or 0) >= failed
                ),
                "it is tried again",
            )
        assert world.replicas() >= 10
        assert len([r for r in caplog.records if r.getMessage() == "posterior not saved"]) == 1
    assert files(tmp_path) == [], "nothing is left that did not fit"


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


def known(settings, *names):
    """The records of objects of these names."""
    settings = replace(settings, default_server_address="http://prometheus:9090")
    book = Registry(settings, on_new_load=lambda _: None, on_gone=lambda _: None)
    for place, name in enumerate(names):
        obj = autoscaler(name, **SHORT)
        book.observe("ADDED", obj | {"metadata": obj["metadata"] | {"uid": name, "generation": 1 + place}})
    return [book.get(("default", name)) for name in names]


async def learned(banks, *workloads):
    """Give each a posterior of the two hours until noon."""
    times = NOON - MINUTE * np.arange(120.0, 0.0, -1.0)
    for one in workloads:
        one.seat = await banks.fit(one.intent, times, np.full(120, 50.0), until=NOON)


async def test_on_a_volume_so_slow_that_the_next_round_is_due_everybody_still_has_their_turn(tmp_path):
    settings = replace(SETTINGS, state_dir=str(tmp_path), interval_seconds=TICK, checkpoint_seconds=4 * TICK)
    banks = BankPool()
    volume = checkpoints.Checkpoints(tmp_path, banks, settings, Metrics(lambda: ()))
    workloads = known(settings, "one", "two", "three", "four")
    await learned(banks, *workloads)
    for late in (0, 1):  # half of them a tick
        volume.look(workloads, now=NOON + late * 5 * TICK)
        await volume.idle()
    assert {file.name for file in files(tmp_path)} == {volume._file(one).name for one in workloads}


async def test_a_volume_that_hangs_keeps_nobody_waiting_and_is_used_again_when_it_answers(tmp_path, caplog):
    settings = replace(SETTINGS, state_dir=str(tmp_path))
    banks = BankPool()
    volume = checkpoints.Checkpoints(tmp_path, banks, settings, Metrics(lambda: ()))
    hangs, waits, later = known(settings, "hangs", "waits", "later")
    await learned(banks, waits, later)
    await volume.save_all((waits, later))
    os.mkfifo(volume._file(hangs))

    volume._settings = replace(settings, save_deadline_seconds=0.05)  # what hangs does so for however long
    assert await volume.recall(hangs, hangs.intent) is None
    assert await volume.recall(waits, waits.intent) is None
    assert hangs.state_refused == waits.state_refused == "the posterior could not be read: the volume does not answer"
    hangs.state_refused = ""
    assert await volume.recall(hangs, hangs.intent) is None
    assert hangs.state_refused == "", "said once"
    hung = tuple(volume._hung)
    volume._file(hangs).open("wb").close()
    wait_for_threads(hung)
    volume._settings = settings
    assert (await volume.recall(later, later.intent)).consumed_until == NOON
