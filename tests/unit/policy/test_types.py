"""What cannot be meant is refused with what, where and the cure."""

import pytest

from bayescaler.policy import Fallback, Health, Observation, Policy


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"min_replicas": 5, "max_replicas": 4}, r"replicas 5\.\.4"),
        ({"min_replicas": -1}, r"replicas -1\.\."),
        ({"min_replicas": 0, "max_replicas": 0}, r"max_replicas >= 1"),
        ({"capacity": 0.0}, "capacity 0.0 serves nothing"),
        ({"capacity": float("inf")}, "capacity inf"),
        ({"quantile": 1.0}, "quantile 1.0"),
        ({"buffer": -0.1}, "buffer -0.1"),
        ({"fallback": Fallback(target_utilization=70.0)}, "target_utilization 70.0"),
    ],
)
def test_a_policy_that_cannot_be_followed(changes, told):
    with pytest.raises(ValueError, match=told):
        Policy(**{"min_replicas": 1, "max_replicas": 10, "capacity": 50.0} | changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"load": None}, "live load is a number"),
        ({"health": Health.STALE}, "any other health has none"),
        ({"load": float("nan")}, "implausible"),
        ({"load": -1.0}, "implausible"),
        ({"replicas": -1}, "counts >= 0"),
        ({"utilization": float("inf")}, "give None if unknown"),
    ],
)
def test_an_observation_that_cannot_have_been_made(changes, told):
    with pytest.raises(ValueError, match=told):
        Observation(**{"replicas": 1, "ready_replicas": 1, "health": Health.LIVE, "load": 5.0} | changes)
