"""Two processes of the operator and one Lease, in simulated time."""

import asyncio

from bayescaler.cluster.lease import LeaseElector

from .worlds import World


class Candidate(LeaseElector):
    """The elector in simulated time; `busy` while a request of its is under way."""

    world: World

    def __init__(self, *args, **callbacks):
        clock = self.world.clock
        times = {"clock": clock.now, "wall_clock": clock.now, "sleep": self._wait, "jitter": lambda: 0.0}
        super().__init__(*args, **callbacks, **times)
        self.busy = False

    async def _wait(self, seconds):
        due = asyncio.get_running_loop().create_future()
        timer = self.world.clock.call_later(seconds, lambda: due.done() or due.set_result(None))
        try:
            await due
        finally:
            timer.cancel()

    async def _try(self):
        self.busy = True
        try:
            await super()._try()
        finally:
            self.busy = False


class Pair:
    """Two operators on one cluster, and time that leaves their electors room to breathe."""

    def __init__(self, world, one, two):
        self.world, self.one, self.two = world, one.operator, two.operator
        self.processes = (one, two)

    async def pass_seconds(self, seconds):
        candidates = (self.one.elector, self.two.elector)
        for _ in range(round(seconds)):
            self.world.clock.advance(1.0)
            for _ in range(3):
                await asyncio.sleep(0)
            await self.world.until(lambda: not any(c.busy for c in candidates), "the electors are done")
        await self.world.advance(0)

    async def first_ends(self):
        """The first process ends; from now on the world waits for what the second one knows."""
        await self.processes[0].stop()
        self.world.operator = self.two

    async def tick_both(self):
        """One tick of each; returns who wrote to the scale of `web`."""
        before = len(self.world.requests)
        await self.one.loop.tick(now=self.world.clock.now())
        by_one = scale_writes(self.world, before)
        between = len(self.world.requests)
        await self.two.loop.tick(now=self.world.clock.now())
        return by_one, scale_writes(self.world, between)


def scale_writes(world, since):
    return len([r for r in world.requests[since:] if r.verb == "patch" and r.subresource in {"scale", "status"}])
