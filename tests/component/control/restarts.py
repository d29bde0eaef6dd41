"""Stories in whose middle something happens to the operator: what was decided, with and without it."""

from dataclasses import replace

from .worlds import MINUTE, NOON, SETTINGS, SHORT, TICK, World, autoscaler, deployment

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


UNBROKEN = {}


async def unbroken(story):
    """Tell what is decided where nothing happens; each story is played once for all that compare with it."""
    if story not in UNBROKEN:
        UNBROKEN[story] = await played(story)
    return UNBROKEN[story]


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
    await world.resume()


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
    world.feed(510.0, days=0.2)
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
