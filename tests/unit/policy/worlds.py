"""Builders of policies, observations and exact forecasts for the stories told here."""

from bayescaler.policy import Behavior, Health, Observation, Policy, ScalingRules, State, decide

NOON = 1_700_000_000.0
TICK = 15.0
FREE = ScalingRules(Behavior().scale_down.policies, 0.0)


class Uniform:
    """Max load over the next 3 minutes, uniform on [0, high]: the quantile q is q * high."""

    levels = (0.5, 0.9, 0.95)
    lead = 3
    step_seconds = 60.0

    def __init__(self, high):
        self.high = high

    def quantile(self, q):
        return q * self.high

    def cdf(self, x):
        return min(max(x / self.high, 0.0), 1.0) if self.high else 1.0

    def exceedance(self, x):
        return 1.0 - self.cdf(x)


def expecting(demand, q=0.95):
    """A forecast of which the quantile `q` is `demand`."""
    return Uniform(demand / q)


def policy(**changes):
    """1 to 60 replicas, 50/s each, 95 %, no tolerance: every pod counts in a story."""
    behavior = Behavior(
        scale_up=ScalingRules(Behavior().scale_up.policies, 0.0, tolerance=0.0),
        scale_down=ScalingRules(Behavior().scale_down.policies, 300.0, tolerance=0.0),
    )
    return Policy(
        **{"min_replicas": 1, "max_replicas": 60, "capacity": 50.0, "unit": "/s", "behavior": behavior} | changes
    )


def live(replicas, load, **changes):
    """A workload with `replicas`, all ready, under a live `load`."""
    return Observation(
        **{"replicas": replicas, "ready_replicas": replicas, "health": Health.LIVE, "load": load} | changes
    )


def blind(replicas, health=Health.ABSENT, **changes):
    """A workload of which the load cannot be had."""
    return Observation(**{"replicas": replicas, "ready_replicas": replicas, "health": health} | changes)


def settled(rules, replicas, load, *, until=NOON):
    """The state after ten quiet minutes at `replicas`, one tick before `until`."""
    state, quiet = State(), expecting(replicas * rules.capacity / (1 + rules.buffer))
    for tick in range(40, 0, -1):
        _, state = decide(rules, live(replicas, load), quiet, state, now=until - tick * TICK)
    return state
