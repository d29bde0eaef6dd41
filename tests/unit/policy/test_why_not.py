"""Why it is not N: the rule that moved it past, the risk there, from where on it would be right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescast
from bayescaler.policy.change import changes
from bayescaler.policy.objective import pods
from bayescaler.policy.priced import prices
from bayescaler.policy.reasons import Limiter
from bayescaler.policy.record import read
from bayescaler.policy.why_not import why_not
from bayescast.predictive import LEVELS

QUANTILES = [320.0, 350.0, 370.0, 400.0, 420.0, 440.0, 470.0, 490.0, 540.0]


def record(*steps, load=300.0, demand=420.0, current=8, limiter=None, rung="Predictive", **spec):
    """A decision at 50/s a replica, minReplicas 2 and maxReplicas 20: steps are (limiter, after)."""
    moves, before = [], current
    for name, after in steps:
        moves.append({"limiter": name, "before": before, "after": after, "why": f"so says {name}"})
        before = after
    return read(
        {
            "version": 1, "object": "shop/web", "final": before, "raw": steps[0][1], "current": current, "load": load,
            "demand": demand, "limiter": limiter or steps[-1][0], "steps": moves, "unit": "/s", "rung": rung,
            "forecast": {
                "horizon": "2m", "quantile": 0.95, "value": demand, "p50": QUANTILES[0], "quantiles": QUANTILES,
            },
            "spec": {
                "minReplicas": 2, "maxReplicas": 20, "capacity": {"perReplica": 50}, "objective": {"quantile": 0.95},
                **spec,
            },
        }
    )  # fmt: skip


def test_that_it_is_n_already_is_said_with_its_risk():
    answer = why_not(record(("Forecast", 9)), 9)
    assert answer.lines[0] == "it is 9"
    assert answer.lines[1].startswith("at 9 replicas (450/s): ")


def test_where_no_rule_moved_it_the_forecast_itself_asks_for_it():
    answer = why_not(record(("Forecast", 9)), 7)
    assert answer.rule == ""
    assert answer.lines[0] == "no rule moved it past 7: what is asked for is 9 (Forecast: so says Forecast)"


def test_the_rule_that_moved_it_past_n_is_named_not_one_before_or_after():
    one = record(("Forecast", 4), ("SafetyFloor", 6), ("ScaleDownStabilization", 12), ("MaxReplicas", 10))
    assert [why_not(one, n).rule for n in (3, 4, 5, 6, 9)] == [
        "",
        "SafetyFloor",
        "SafetyFloor",
        "ScaleDownStabilization",
        "ScaleDownStabilization",
    ]
    assert [why_not(one, n).rule for n in (11, 12, 13)] == ["MaxReplicas", "MaxReplicas", ""]


def test_the_risk_is_that_of_the_issued_forecast():
    predictive = bayescast.Predictive(np.array(LEVELS), np.array(QUANTILES), 2, 60.0, 0.0, bayescast.Family.AUTO)
    for count in (5, 7, 8, 9, 12):
        assert why_not(record(("Forecast", 9)), count).risk == pytest.approx(predictive.exceedance(50.0 * count))


def test_a_load_that_n_would_not_serve_now_is_said_before_any_probability():
    answer = why_not(record(("Forecast", 9), load=410.0), 8)
    assert "at 8 replicas load would be short at once: 410/s now, 400/s served" in answer.lines
    assert any("and load itself is no more than that (410/s now)" in line for line in answer.lines)
    assert not any("quantile" in line for line in answer.lines)


def number(line, after):
    return float(line.split(after)[1].split("/s")[0])


@given(st.integers(1, 19))
def test_the_loads_and_capacities_that_are_named_do_ask_for_n(count):
    """A load just above the lower bound and one at the upper, and such capacities, are reckoned anew."""
    lines = why_not(record(("Forecast", 9), load=10.0), count).lines
    served = next((line for line in lines if "would be right once" in line), None)
    if count == 9:
        assert served is None
        return
    high = number(served, "up to ")
    assert pods(high / 50.0) == count
    if count > 1:
        assert pods((number(served, "more than ") + 1e-6) / 50.0) == count
    capacity = next(line for line in lines if "a replica served" in line)
    least = number(capacity, "at least ")
    most = number(capacity, "less than ") if count > 1 else 2 * least
    assert pods(420.0 / ((least + most) / 2)) == count
    assert most > least


@pytest.mark.parametrize("count", [7, 8, 10])
def test_the_quantiles_that_are_named_ask_for_n(count):
    one = record(("Forecast", 9))
    (line,) = [line for line in why_not(one, count).lines if "quantile above" in line]
    low, high, now = (float(word) for word in line.replace("(", " ").split() if word.replace(".", "").isdigit())
    assert now == 0.95
    assert pods(one.forecast.predictive.quantile((low + high) / 2) / 50.0) == count


def test_a_bound_of_the_spec_is_named_with_what_it_would_have_to_be():
    assert (
        "maxReplicas is 20: 25 needs it at 25 or more"
        in why_not(record(("Forecast", 30), ("MaxReplicas", 20)), 25).lines
    )
    assert "minReplicas is 2: 1 needs it at 1 or less" in why_not(record(("Forecast", 1), ("MinReplicas", 2)), 1).lines


ARGUES = ("quantile", "would be right", "a replica served", "needs it at", "shorten", "lower minReplicas", "allow more")


@given(st.sampled_from(Limiter), st.integers(1, 20), st.integers(0, 19), st.booleans())
def test_fewer_are_never_argued_for_without_live_load(limiter, final, count, stored):
    asked = ("Forecast", 5) if stored else ("Hold", 8)
    one = record(asked, (str(limiter), final), load=None, demand=250.0 if stored else None, rung="Hold")
    if count >= final:
        return
    answer = why_not(one, count)
    assert "fewer: not before load has been read steadily again; nothing is lowered on missing data" in answer.lines
    assert not any(word in line for line in answer.lines[1:] for word in ARGUES)
    assert not any(line.startswith("fewer: ") and "not before" not in line for line in changes(one))


@given(st.integers(0, 40), st.integers(0, 40))
def test_more_replicas_are_never_riskier(few, many):
    one = record(("Forecast", 9))
    few, many = sorted((few, many))
    assert why_not(one, few).risk >= why_not(one, many).risk


def priced(price, **changes):
    """A decision under a price, with a buffer."""
    objective = {"costs": {"replicaHour": 0.5, "overloadHour": 0.5 * price}, "buffer": 0.1}
    return record(("Forecast", best(price, 0.1)), objective=objective, **changes)


def best(price, buffer):
    """The cheapest number at 50/s a replica, by trying them all."""
    predictive = record(("Forecast", 9)).forecast.predictive
    least = pods(QUANTILES[0] * (1 + buffer) / 50.0)
    return min(range(least, 60), key=lambda n: n + price * predictive.exceedance(n * 50.0 / (1 + buffer)))


def test_under_a_price_both_numbers_are_weighed_by_it():
    one = priced(40.0)
    answer = why_not(one, 8)
    short = one.forecast.predictive.exceedance(8 * 50.0 / 1.1)
    assert answer.total == pytest.approx(8 + 40.0 * short)
    assert f"priced at 40 replicas, buffer included, 8 comes to {answer.total:.3g}, {one.final} to " in answer.lines[2]
    assert answer.total > why_not(one, one.final).total


@given(st.floats(1.0, 1e5), st.integers(8, 20))
def test_at_the_prices_that_are_named_the_number_is_the_cheapest(price, count):
    one = priced(price)
    low, high = prices(one, count)
    if count == best(price, 0.1):
        assert low <= price <= high
    elif low < high:
        inside = (max(low, 1e-6) * min(high, 1e9)) ** 0.5
        assert best(inside, 0.1) == count


def test_no_price_goes_below_the_median():
    assert (
        "no price asks for fewer than the 8 that the median of what is expected needs" in why_not(priced(40.0), 5).lines
    )


def test_the_cost_that_would_ask_for_it_is_named_in_the_words_of_the_spec():
    (line,) = [line for line in why_not(priced(40.0), 12).lines if "would be right" in line]
    assert line.startswith("12 would be right at an objective.costs.overloadHour of above ")
    assert line.endswith("times replicaHour (40 now)")


def test_under_a_price_no_load_is_named_from_which_a_number_would_be_right():
    for count in (5, 8, 12, 15):
        assert not any("to be served" in line for line in why_not(priced(40.0), count).lines)


def test_what_one_more_spares_and_one_fewer_adds_is_told_against_what_it_has_to():
    one = priced(40.0)
    more, fewer = changes(one)[:2]
    chances = [one.forecast.predictive.exceedance(n * 50.0 / 1.1) for n in range(one.final - 1, one.final + 2)]
    assert f"more: {one.final + 1} once one more spares more than 2.5 % of running short" in more
    assert f"fewer: {one.final - 1} once one fewer adds less than 2.5 % of running short" in fewer
    assert chances[1] - chances[2] < 0.025 < chances[0] - chances[1]
