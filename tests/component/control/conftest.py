"""Worlds that several stories begin in."""

from dataclasses import replace

import pytest

from bayescaler.control import service

from .leadership import Candidate, Pair
from .worlds import SETTINGS, SHORT, TICK, World, autoscaler, deployment, impatient_recovery


@pytest.fixture
async def pair(monkeypatch):
    impatient_recovery(monkeypatch)
    monkeypatch.setattr(service, "LeaseElector", Candidate)
    world = World(settings=replace(SETTINGS, leader_election=True, identity="one"))
    monkeypatch.setattr(Candidate, "world", world, raising=False)
    async with world:
        world.feed(510.0, days=0.2)
        await world.until(lambda: world.operator.elector.is_leader, "the first one leads")
        second = await world.start_operator(identity="two")
        made = Pair(world, world.running, second)
        await world.begin(deployment(replicas=8), autoscaler(**SHORT))
        await world.until(lambda: len(made.two.registry) == 1, "the second one knows the object")
        await made.two.warmup.idle()
        await made.pass_seconds(TICK)
        yield made
