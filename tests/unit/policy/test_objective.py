"""The smallest number of replicas that keeps the promise, against exact distributions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from bayescaler.policy import Limiter, Outlook, State, decide
from bayescaler.policy.objective import pods
from bayescast import LEVELS

from .worlds import NOON, expected, live, policy


def counted(samples):
    """Max load as it was counted: quantiles by counting."""
    return np.quantile(samples, LEVELS, method="inverted_cdf")


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("capacity", [0.7, 10.0, 50.0, 333.0])
def test_the_promise_is_kept_and_one_less_would_break_it(quantile, capacity):
    samples = np.array([(37 * i * i) % 1009 + 0.5 for i in range(400)])
    rules = policy(quantile=quantile, capacity=capacity, max_replicas=100_000)
    forecast = expected(counted(samples))
    decision, _ = decide(rules, live(1, 0.0), Outlook(forecast, forecast), State(), now=NOON)

    assert decision.steps[0].limiter is Limiter.FORECAST
    assert (samples <= decision.raw * capacity).mean() >= quantile
    assert (samples <= (decision.raw - 1) * capacity).mean() < quantile


@pytest.mark.parametrize("buffer", [0.0, 0.1, 0.25])
def test_the_buffer_is_served_with_the_same_probability(buffer):
    forecast = expected(counted([20.0 * i for i in range(1, 101)]))
    decision, _ = decide(policy(buffer=buffer), live(1, 0.0), Outlook(forecast, forecast), State(), now=NOON)

    exact = Fraction(1900) * (1 + Fraction(str(buffer))) / 50
    assert decision.raw == math.ceil(exact)
    assert decision.demand == pytest.approx(1900.0 * (1.0 + buffer))


def test_a_need_beyond_every_count_is_still_a_count():
    assert pods(1e300) <= 2**31 - 1
    assert pods(0.0) == 0
    assert pods(1e-12) == 1
    assert pods(500 * 1.1 / 50) == 11
