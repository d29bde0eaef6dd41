"""The grid of buckets, and what the newest of them says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy.reasons import Health
from bayescaler.sources.grid import closed_buckets, judged

NAN = np.nan


@given(
    start=st.floats(1e9, 2e9),
    length=st.floats(0, 1e5),
    step=st.sampled_from([1.0, 15.0, 60.0, 3600.0]),
    lag=st.floats(-1e4, 1e4),
)
def test_buckets_start_in_the_range_are_aligned_and_closed(start, length, step, lag):
    end, now = start + length, start + length + lag
    times = closed_buckets(start, end, step_seconds=step, now=now)
    assert np.all(times % step == 0)
    assert np.all((times >= start) & (times < end) & (times + step <= now))
    # and none is left out
    every = np.arange(start // step, end // step + 1) * step
    assert set(every[(every >= start) & (every < end) & (every + step <= now)]) == set(times)


@pytest.mark.parametrize(
    ("values", "seen", "health"),
    [
        ([1, 2], [True, True], Health.LIVE),
        ([1, 0], [True, True], Health.LIVE),
        ([NAN, 0], [False, True], Health.LIVE),
        ([NAN, NAN], [False, False], Health.ABSENT),
        ([1, NAN], [True, False], Health.STALE),
        ([-1, NAN], [True, False], Health.STALE),
        ([1, NAN], [True, True], Health.IMPLAUSIBLE),
        ([1, np.inf], [True, True], Health.IMPLAUSIBLE),
        ([1, -2], [True, True], Health.IMPLAUSIBLE),
        ([], [], Health.ABSENT),
    ],
)
def test_absent_stale_implausible_and_zero_are_told_apart(values, seen, health):
    found = judged(np.arange(len(values)) * 60.0, np.array(values, dtype=float), np.array(seen, dtype=bool))
    assert found.health is health
    assert (found.message == "") is (health is Health.LIVE)
    assert np.all(np.isnan(found.values) | (np.isfinite(found.values) & (found.values >= 0)))
