"""Start-up times: what is said of them is what is drawn."""

import numpy as np
import pytest

from bayescaler.replay import startup


@pytest.mark.parametrize(
    ("law", "median", "p90"),
    [
        pytest.param(startup.constant(60.0), 60.0, 60.0, id="constant"),
        pytest.param(startup.uniform(20.0, 120.0), 70.0, 110.0, id="uniform"),
        pytest.param(startup.lognormal(60.0, 150.0), 60.0, 150.0, id="lognormal"),
    ],
)
def test_its_quantiles_are_those_that_were_given_and_those_that_are_drawn(law, median, p90):
    drawn = law.steps(0.001, seed=3) * 0.001

    assert (law.quantile(0.5), law.quantile(0.90000001)) == pytest.approx((median, p90), rel=1e-5)
    assert np.quantile(drawn, (0.5, 0.9)) == pytest.approx((median, p90), rel=0.05)


def test_the_seed_decides_what_is_drawn():
    law = startup.lognormal(60.0, 150.0)

    assert np.array_equal(law.steps(15.0, seed=1), law.steps(15.0, seed=1))
    assert not np.array_equal(law.steps(15.0, seed=1), law.steps(15.0, seed=2))


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 0), (60.0, 4), (60.1, 5), (14.9, 1), (3 * 0.1 * 50, 1)])
def test_a_pod_ready_within_a_step_serves_from_the_next(seconds, steps):
    assert set(startup.constant(seconds).steps(15.0).tolist()) == {steps}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: startup.constant(-1.0), "give 0 or more"),
        (lambda: startup.uniform(5.0, 1.0), "low <= high"),
        (lambda: startup.lognormal(60.0, 30.0), "median <= p90"),
        (lambda: startup.lognormal(0.0, 30.0), "0 < median"),
    ],
)
def test_times_that_cannot_be_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
