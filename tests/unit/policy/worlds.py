"""Builders of policies, observations and exact forecasts for the stories told here."""

import numpy as np

from bayescaler.policy import Behavior, Health, Observation, Outlook, Policy, ScalingRules, State, decide
from bayescast import LEVELS, Family, Predictive

NOON = 1_700_000_000.0
TICK = 15.0
FREE = ScalingRules(Behavior().scale_down.policies, 0.0)


def uniform(high, longer=None):
    """Max load over the next 3 minutes, uniform on [0, high]: the quantile q is q * high; of half an hour `longer`."""
    return Outlook(*(expected(np.array(LEVELS) * most, lead) for most, lead in ((high, 3), (longer or high, 30))))


def expected(values, lead=3):
    """The largest load of so many minutes, by its quantiles at LEVELS."""
    return Predictive(np.array(LEVELS), np.asarray(values, float), lead, 60.0, NOON - TICK, Family.POISSON_GAMMA)


def expecting(demand, q=0.95, longer=None):
    """A forecast of which the quantile `q` is `demand`, over half an hour `longer`."""
    return uniform(demand / q, longer and longer / q)


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
