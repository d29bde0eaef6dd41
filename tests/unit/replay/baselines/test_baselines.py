"""What holds for every baseline: limits, causality, honest information; and the HPA on the pods' own use."""

import numpy as np
import pytest

from bayescaler.replay.baselines import BASELINES, Aws, Hpa, Keda, Kpa, LastWeek, Phpa, ResourceHpa, baseline, sweep
from bayescaler.replay.hpa import HpaSpec, HpaState, step
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant, lognormal

DAYS = 9
PER_DAY = 288
HINDSIGHT = {"clairvoyant"}


def loads(seed=0):
    """Nine days at five minutes, with a day in them, noise, gaps and a burst."""
    dice = np.random.default_rng(seed)
    at = np.arange(DAYS * PER_DAY)
    made = (120.0 + 80.0 * np.sin(2 * np.pi * at / PER_DAY)) * dice.gamma(20.0, 1 / 20.0, len(at))
    made[1000:1003] = np.nan
    made[2000:2010] *= 6.0
    return made


def scenario(values, **more):
    fixed = {
        "step_seconds": 300.0,
        "capacity": 10.0,
        "interval_seconds": 60.0,
        "max_replicas": 60,
        "start_up": lognormal(90.0, 200.0),
    }
    return Scenario(values, **(fixed | more))


@pytest.mark.jit
@pytest.mark.parametrize("name", BASELINES)
def test_replicas_are_whole_and_within_the_limits(name):
    case = scenario(loads(), min_replicas=2, max_replicas=25)
    told = baseline(name, case).replicas(case)

    assert told.dtype == np.int64
    assert told.shape == case.instants.shape
    assert told.min() >= 2
    assert told.max() <= 25


@pytest.mark.jit
@pytest.mark.parametrize("name", sorted(BASELINES.keys() - HINDSIGHT))
def test_what_is_not_known_yet_changes_no_decision(name):
    past, other = loads(), loads()
    cut = 5 * PER_DAY + 100
    other[cut:] = 5000.0 * np.random.default_rng(9).random(len(other) - cut)
    case, changed = scenario(past, learned_buckets=600), scenario(other, learned_buckets=600)
    before = case.known <= cut

    told, changed_too = (baseline(name, one).replicas(one) for one in (case, changed))

    assert before.sum() > 7500
    assert told[before].tolist() == changed_too[before].tolist()
    if name != "static":
        assert told.tolist() != changed_too.tolist()


@pytest.mark.jit
@pytest.mark.parametrize("name", sorted(BASELINES.keys() - HINDSIGHT))
def test_a_prefix_of_the_load_gives_a_prefix_of_the_decisions(name):
    short, whole = (scenario(values, learned_buckets=600) for values in (loads()[: 8 * PER_DAY], loads()))

    told = baseline(name, whole).replicas(whole)
    assert baseline(name, short).replicas(short).tolist() == told[: len(short.instants)].tolist()


def test_there_is_one_of_each_name_and_no_other():
    case = scenario(loads())

    assert {"hpa", "keda", "kpa", "phpa", "aws", "crane", "last-week", "static", "clairvoyant"} <= BASELINES.keys()
    with pytest.raises(ValueError, match="no baseline 'vpa'; there are hpa, "):
        baseline("vpa", case)


def test_static_is_enough_for_all_that_was_learned_from():
    case = scenario(np.r_[np.full(20, 95.0), np.full(20, 400.0)], learned_buckets=20)

    assert set(baseline("static", case).replicas(case).tolist()) == {10}


def test_a_sweep_is_the_hpa_at_each_target():
    case = scenario(loads()[:600])
    low, high = sweep(Hpa(1.0), case, [5.0, 9.0])

    assert low.tolist() == Hpa(5.0).replicas(case).tolist()
    assert (low >= high).all()
    assert low.sum() > 1.5 * high.sum()


def test_on_its_pods_own_use_an_hpa_cannot_see_beyond_what_they_can_do():
    # Ten times the load of ten pods: the load says 100 of them, ten pods at their limit say 15 (100 % over 70 %).
    case = scenario(
        np.r_[np.full(4, 70.0), np.full(8, 1000.0)], start_replicas=10, start_up=constant(120.0), max_replicas=200
    )
    own, load = ResourceHpa(70).replicas(case), Hpa(7.0).replicas(case)
    jump = int(np.flatnonzero(case.seen == 1000.0)[0])

    assert own[:jump].tolist() == load[:jump].tolist() == [10] * jump
    assert (own[jump], load[jump]) == (15, 20)
    # While the five start they count as idle: 67 % of a target of 70 % is within tolerance.
    assert own[jump + 1] == 15
    assert own[jump + 2] == 22
    assert load[jump + 4] == 143


def test_where_nothing_starts_and_nothing_saturates_both_hpas_agree():
    dice = np.random.default_rng(4)
    values = np.round(200.0 + 120.0 * np.sin(np.arange(300) / 20.0) + dice.normal(0.0, 10.0, 300))
    case = scenario(values, start_up=constant(0.0), start_replicas=30, capacity=1.0, max_replicas=1000)
    # Over 128 a whole percentage is exact: over 100 its noise is rounded up to a pod, as in the real one.
    own = ResourceHpa(128, usage_limit=50.0).replicas(case)
    state, current, expected = HpaState(), 30, []
    for now, metric in zip(case.instants, case.seen, strict=True):
        # Utilization is cut to whole percents, and replicas are a multiple of it.
        seen = None if np.isnan(metric) else np.floor(100.0 * metric / current + 1e-9) / 100.0 * current
        current, state = step(HpaSpec(1.28, 1, 1000), state, metric=seen, current=current, now=now)
        expected.append(current)

    assert own.tolist() == expected


@pytest.mark.parametrize("make", [Hpa, Keda, Kpa, Phpa, Aws, LastWeek])
def test_a_target_of_nothing_is_refused(make):
    with pytest.raises(ValueError, match="0"):
        make(0.0).replicas(scenario(loads()[:20]))
