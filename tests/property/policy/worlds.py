"""Strategies: every policy, observation and forecast that can be meant.

Parts stand outside of what draws them: made anew for every draw they would cost several times the draw.
"""

import numpy as np
from hypothesis import strategies as st

from bayescaler.policy import (
    Behavior,
    Budget,
    Fallback,
    Health,
    Mode,
    Observation,
    Outlook,
    Phase,
    Policy,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    Schedule,
    Select,
)
from bayescast import LEVELS, Family, Predictive

START = 1_700_000_000.0
BUCKET, LAG = 60.0, 15.0
MISSING = [health for health in Health if health is not Health.LIVE]
loads = st.floats(0.0, 1e5) | st.just(0.0)


def exponential(median, growth=1.0):
    """Max load of 5 minutes with P(max > x) = 2 ** (-x / median), or 0 everywhere; of half an hour `growth` as much."""
    values = -median * np.log2(1.0 - np.array(LEVELS))
    return Outlook(
        *(
            Predictive(np.array(LEVELS), values * factor, lead, 60.0, START, Family.POISSON_GAMMA)
            for factor, lead in ((1.0, 5), (growth, 30))
        )
    )


forecasts = st.none() | st.builds(exponential, loads, st.sampled_from([1.0, 1.2, 2.0, 5.0]))


limits = st.lists(
    st.builds(ScalingPolicy, st.sampled_from(PolicyType), st.integers(1, 100), st.sampled_from([15.0, 60.0, 600.0])),
    min_size=1,
    max_size=3,
)


@st.composite
def rules(draw, *, selects=tuple(Select)):
    return ScalingRules(
        policies=tuple(draw(limits)),
        stabilization_window_seconds=draw(st.sampled_from([0.0, 60.0, 300.0])),
        select=draw(st.sampled_from(selects)),
        tolerance=draw(st.sampled_from([0.0, 0.05, 0.1])),
    )


@st.composite
def schedules(draw):
    limits = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    least, most = (draw(st.integers(0, 30)) if limit else None for limit in limits)
    return Schedule(
        name="some",
        start=draw(st.sampled_from(["*/20 * * * *", "13 * * * *", "15 22 14 11 *", "0 8 * * 5"])),
        duration_seconds=draw(st.sampled_from([90.0, 600.0, 4000.0])),
        time_zone=draw(st.sampled_from(["UTC", "Asia/Kathmandu"])),
        min_replicas=least,
        max_replicas=most,
    )


budgets = st.builds(
    Budget,
    st.sampled_from([0.001, 0.01, 0.1]),
    step_seconds=st.just(BUCKET),
    startup_seconds=st.sampled_from([0.0, 60.0, 90.0]),
    lag_seconds=st.just(LAG),
)


behaviors = st.builds(Behavior, rules(), rules())
fallbacks = st.builds(
    Fallback,
    after_seconds=st.sampled_from([0.0, 60.0, 180.0]),
    replicas=st.none() | st.integers(0, 50),
    hold_seconds=st.sampled_from([0.0, 300.0]),
    recover_seconds=st.sampled_from([0.0, 60.0]),
)
prices = st.none() | st.sampled_from([1.0, 20.0, 400.0])
any_budget = st.none() | budgets
few_schedules = st.lists(schedules(), max_size=2)


@st.composite
def policies(draw, **changes):
    least = draw(st.integers(0, 20))
    return Policy(
        **{
            "min_replicas": least,
            "max_replicas": draw(st.integers(max(least, 1), 100)),
            "capacity": draw(st.floats(1.0, 1000.0)),
            "quantile": draw(st.sampled_from([0.5, 0.9, 0.95, 0.99])),
            "price": draw(prices),
            "budget": draw(any_budget),
            "buffer": draw(st.sampled_from([0.0, 0.1])),
            "behavior": draw(behaviors),
            "fallback": draw(fallbacks),
            "mode": draw(st.sampled_from(Mode)),
            "paused": draw(st.booleans()),
            "schedules": tuple(draw(few_schedules)),
            "lead_seconds": draw(st.sampled_from([0.0, 120.0])),
            "activation_threshold": draw(st.sampled_from([0.0, 0.0, 500.0])),
        }
        | changes
    )


uses = st.none() | st.floats(0.0, 3.0)
served = st.none() | st.integers(0, 120)
few_loads = st.lists(loads, max_size=3)


@st.composite
def sights(draw, *, healths=tuple(Health), **changes):
    """What is seen besides the replicas, as keyword arguments of Observation.

    `late`: buckets by which the newest is behind; `earlier`: loads of those that came with it.
    """
    health = draw(st.sampled_from(healths))
    return {
        "health": health,
        "load": draw(loads) if health is Health.LIVE else None,
        "utilization": draw(uses) if health is not Health.LIVE else None,
        "phase": draw(st.sampled_from(Phase)),
        "scale_in_allowed": draw(st.booleans()),
        "rolling_out": draw(st.booleans()),
        "conflict": draw(st.sampled_from(["", "", "", "an HPA is on it too"])),
        "serving": draw(served),
        "late": draw(st.sampled_from([0, 0, 0, 1, 9])),
        "earlier": draw(few_loads),
    } | changes


def seen(replicas, sight, *, now, ready=None):
    told = {name: value for name, value in sight.items() if name not in {"late", "earlier"}}
    newest = BUCKET * ((now - LAG) // BUCKET - sight["late"])
    ends = (newest - BUCKET * back for back in range(len(sight["earlier"]), 0, -1))
    earlier = tuple(zip(ends, sight["earlier"], strict=True))
    return Observation(replicas=replicas, ready_replicas=ready, load_at=newest, earlier=earlier, **told)


@st.composite
def days(draw, *, healths=tuple(Health), most=15, **changes):
    """A run of ticks: (seconds since the one before, sight, forecast)."""
    tick = st.tuples(st.sampled_from([1.0, 15.0, 15.0, 60.0, 400.0]), sights(healths=healths, **changes), forecasts)
    return draw(st.lists(tick, min_size=1, max_size=most))
