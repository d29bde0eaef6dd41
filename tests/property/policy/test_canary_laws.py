"""Laws of the verdict on a canary: at most one in twenty that is no better is promoted, however often one looks."""

import numpy as np
import pytest

from bayescaler.policy.canary import ERROR, Book, Verdict

SEED = 20_260_302
RUNS, WINDOWS, LOOK_EVERY = 200, 600, 5


def normal(rng, size):
    return rng.standard_normal(size)


def bursty(rng, size):
    """Mostly quiet; now and then far beyond what anybody issued."""
    return np.where(rng.uniform(size=size) < 0.03, rng.pareto(1.5, size) * 5.0, rng.standard_normal(size))


def in_runs(rng, size):
    """What is missed is missed for a while: levels that wander."""
    return np.repeat(rng.standard_normal(-(-size // 20)) * 2.0, 20)[:size] + 0.3 * rng.standard_normal(size)


@pytest.mark.parametrize("seed", [SEED], ids="seed={}".format)
@pytest.mark.parametrize("load", [normal, bursty, in_runs])
@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_of_forecasts_that_are_alike_hardly_any_is_ever_promoted(load, noise, seed):
    """Both err by the same law, independently; the verdict is looked at again and again, and the first one counts."""
    rng = np.random.default_rng(seed)
    first = {Verdict.BETTER: 0, Verdict.WORSE: 0}
    for _ in range(RUNS):
        outcomes = load(rng, WINDOWS)
        live, canary = (1.645 + noise * rng.standard_normal(WINDOWS) for _ in range(2))
        book = Book(0.95, 0.52)
        for i in range(WINDOWS):
            book = book.scored(float(live[i]), float(canary[i]), float(outcomes[i]))
            if i % LOOK_EVERY == 0 and (verdict := book.verdict) is not Verdict.UNDECIDED:
                first[verdict] += 1
                break
    assert max(first.values()) <= ERROR * RUNS, f"seed {seed}: {first} of {RUNS}"


def test_the_law_can_be_broken_by_a_rule_that_looks_again_and_again_at_a_fixed_sample_test():
    """So the test above can fail: 1.645 standard errors, looked at as often, promote far more than one in twenty."""
    rng = np.random.default_rng(SEED)
    promoted = 0
    for _ in range(RUNS):
        outcomes, live, canary = rng.standard_normal(WINDOWS), *(1.645 + 0.5 * rng.standard_normal((2, WINDOWS)))
        book = Book(0.95, 0.52)
        for i in range(WINDOWS):
            book = book.scored(float(live[i]), float(canary[i]), float(outcomes[i]))
            if i > 20 and i % LOOK_EVERY == 0 and book.gain > 1.645 * book.squares**0.5:
                promoted += 1
                break
    assert promoted > 3 * ERROR * RUNS
