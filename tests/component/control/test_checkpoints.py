"""Posteriors on a volume: only what came since is read, and a bad volume costs only itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from bayescaler.control import checkpoints

from .restarts import clean, hold, played, recovery, scale_up, steered
from .worlds import HOUR, MINUTE, SETTINGS, SHORT, TICK, World, autoscaler, deployment


@pytest.mark.parametrize("story", [scale_up, hold, recovery, steered])
async def test_with_a_volume_every_decision_is_the_same(story, tmp_path):
    unbroken = await played(story)
    assert await played(story, restart=clean, state_dir=str(tmp_path)) == unbroken


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
        world.feed(500.0, days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(2 * MINUTE)
        await world.until(lambda: len(files(tmp_path)) == 1, "it is written")
        world.server.delete(autoscaler()["apiVersion"], autoscaler()["kind"], "web")
        await world.until(lambda: not files(tmp_path), "it is gone")


@pytest.mark.parametrize("spoil", [lambda b: b[:100], lambda b: b[:-9] + b"notabytes", lambda b: b"x" * len(b)])
async def test_a_damaged_file_is_said_and_the_history_replayed(tmp_path, spoil):
    async with World(settings=replace(SETTINGS, state_dir=str(tmp_path))) as world:
        world.feed(500.0, days=0.2)
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


async def test_a_full_volume_harms_nothing(tmp_path, monkeypatch, caplog):
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
