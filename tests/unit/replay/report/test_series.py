"""The columns of the timeline: exact as long as they are small, and never hiding an extreme."""

import json

import numpy as np
import pytest

from bayescaler.policy.reasons import Limiter
from bayescaler.replay.report.series import FAN, limiter_shares, timeline
from bayescast import LEVELS


def unrolled(runs, steps):
    gaps, values = runs
    starts = np.cumsum(gaps)
    return np.repeat(values, np.diff([*starts, steps]))


@pytest.fixture(scope="module")
def drawn(found):
    return timeline(found)


def test_runs_unroll_to_what_was_played(found, drawn):
    scenario = found.case.scenario
    assert [told["name"] for told in drawn["policies"]] == [
        "Bayescaler at 95 %",
        "HPA at 70 %",
        "Knative KPA",
        "Static",
    ]
    for told, wanted in zip(drawn["policies"], found.replicas.values(), strict=True):
        played = scenario.play(wanted)
        assert unrolled(told["replicas"], drawn["steps"]).tolist() == played.replicas.tolist()
        assert unrolled(told["ready"], drawn["steps"]).tolist() == played.ready.tolist()
        assert unrolled(told["short"], drawn["steps"]).tolist() == (played.short > 0).astype(int).tolist()


def test_loads_keep_four_digits_and_gaps_stay_gaps(found, drawn):
    loads = found.case.scenario.loads[found.case.scenario.learned :]
    assert drawn["load"] == pytest.approx(loads.tolist(), rel=5e-4)
    assert len(json.dumps(drawn["load"])) <= 7 * len(loads)


def test_a_forecast_stands_where_it_was_at_hand_not_where_it_came_true(found, drawn):
    scenario, track = found.case.scenario, found.decided.forecasts.track
    bucket = 100
    for level, column in zip(FAN, drawn["fan"], strict=True):
        issued = track.quantiles[scenario.learned + bucket - 1, LEVELS.index(level)]
        assert column[bucket] == pytest.approx(issued, rel=5e-4)


def test_the_limiter_is_that_of_each_decision(found, drawn):
    held = unrolled(drawn["limited"], drawn["steps"])
    scenario = found.case.scenario
    per_decision = round(scenario.interval_seconds / scenario.grid_seconds)
    first = scenario.first_judged // per_decision
    names = [drawn["limiters"][i] for i in held[::per_decision]]
    assert names == [str(limiter) for limiter in found.decided.limiters[first:]]
    assert sum(part for _, part in limiter_shares(found)) == pytest.approx(1.0)
    assert all(isinstance(limiter, Limiter) for limiter, _ in limiter_shares(found))


def test_a_longer_time_comes_in_blocks_that_keep_the_extremes(found, drawn):
    blocks = timeline(found, most=100)
    scenario = found.case.scenario
    per_block = 3
    loads = scenario.loads[scenario.learned :].reshape(-1, per_block)

    assert blocks["step"] == per_block * scenario.step_seconds == blocks["grid"]
    assert blocks["load"] == pytest.approx(loads.max(axis=1).tolist(), rel=5e-4)
    assert blocks["lowest"] == pytest.approx(loads.min(axis=1).tolist(), rel=5e-4)
    size = per_block * round(scenario.step_seconds / scenario.grid_seconds)
    for coarse, fine in zip(blocks["policies"], drawn["policies"], strict=True):
        for what, extreme in (("replicas", np.max), ("ready", np.min), ("short", np.max)):
            expected = extreme(unrolled(fine[what], drawn["steps"]).reshape(-1, size), axis=1)
            assert unrolled(coarse[what], blocks["steps"]).tolist() == expected.tolist()
        for what, finer in (("paid", "replicas"), ("lacking", "short")):
            summed = unrolled(fine[finer], drawn["steps"]).reshape(-1, size).sum(axis=1)
            assert unrolled(coarse[what], blocks["steps"]).tolist() == summed.tolist()


def test_what_json_cannot_hold_is_not_in_it(drawn):
    json.dumps(drawn, allow_nan=False)
