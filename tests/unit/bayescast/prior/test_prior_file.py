"""A prior as JSON: the same to the bit when read, refused by name when it is none."""

import json
import math

import pytest

from bayescast import (
    Forecaster,
    InvalidPrior,
    Prior,
    pool,
)
from bayescast.kernels import state as st

from .conftest import SPEC, fitted, rates


def test_json_gives_back_the_same_prior_to_the_bit(known):
    read = Prior.from_json(known.to_json())
    assert read.to_json() == known.to_json()
    times, values = rates(2)
    again = Forecaster(SPEC, read).fit(times, values)
    assert again.checkpoint() == Forecaster(SPEC, known).fit(times, values).checkpoint()
    json.loads(known.to_json(), parse_constant=pytest.fail)  # no NaN, which JSON has not


def test_a_single_member_has_nobody_to_agree_with():
    alone = pool([fitted(*rates(10))])
    read = Prior.from_json(alone.to_json())
    assert all(math.isnan(share) for share in read.agreement)
    assert read.visits == (1, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "something else"}, "no prior"),
        ({"version": 99}, "upgrade"),
        ({"version": "1"}, "upgrade"),
        ({"spec": {"step_seconds": 60.0}}, "spec"),
        ({"spec": None}, "spec"),
        ({"family": "Cauchy"}, "family"),
        ({"members": 0}, "members"),
        ({"visits": [1]}, "visits"),
        ({"visits": [1, 200]}, "visits"),
        ({"load_shape": [1.0, "a"]}, "load_shape"),
        ({"scales": [[0.0] * st.N_EXPERTS]}, "scales"),
        ({"level": None}, "level"),
        ({"bins": [[[-1.0] * st.N_BINS] * st.N_HISTOGRAMS]}, "bins"),
        ({"losses": [[1.0, 2.0]]}, "losses"),
        ({"dispersion": -1.0}, "dispersion"),
    ],
)
def test_what_is_no_prior_of_this_version_is_refused(known, change, said):
    text = json.dumps(json.loads(known.to_json()) | change)
    with pytest.raises(InvalidPrior, match=said):
        Prior.from_json(text)


def test_a_covariance_that_is_none_is_refused(known):
    about = json.loads(known.to_json())
    about["slow_fit"][0][0][0] = -1.0
    with pytest.raises(InvalidPrior, match="slow_fit"):
        Prior.from_json(json.dumps(about))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "12", '{"format": "bayescast-prior"}'])
def test_what_is_cut_off_or_empty_is_refused(text):
    with pytest.raises(InvalidPrior, match="pool"):
        Prior.from_json(text)


def test_a_missing_field_is_named(known):
    about = json.loads(known.to_json())
    del about["losses"], about["rises"]
    with pytest.raises(InvalidPrior, match="losses, rises"):
        Prior.from_json(json.dumps(about))
