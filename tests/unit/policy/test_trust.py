"""When a forecast has earned trust, when it loses it, and what it takes to get it back."""

import pytest

from bayescaler.policy import Evidence, Phase, assess
from bayescaler.policy.trust import wilson_lower


def shown(disjoint, coverage, nominal=0.95, *, seen=0, season=1440, skill=0.4):
    return Evidence(disjoint, coverage, nominal, skill, seen, season)


@pytest.mark.parametrize(
    ("evidence", "previous", "phase"),
    [
        pytest.param(shown(0, None), Phase.LEARNING, Phase.LEARNING, id="nothing scored yet"),
        pytest.param(shown(99, 0.95), Phase.LEARNING, Phase.LEARNING, id="99 windows are not enough"),
        pytest.param(shown(100, 0.95), Phase.LEARNING, Phase.TRUSTED, id="100 are, at 95 %"),
        pytest.param(shown(499, 0.99, 0.99), Phase.LEARNING, Phase.LEARNING, id="99 % takes 500"),
        pytest.param(shown(500, 0.99, 0.99), Phase.LEARNING, Phase.TRUSTED, id="which is five misses expected"),
        pytest.param(shown(100, 0.99, 0.99, seen=1440), Phase.LEARNING, Phase.TRUSTED, id="or a whole season seen"),
        pytest.param(shown(500, 0.999, 0.999, season=0), Phase.LEARNING, Phase.TRUSTED, id="never more than 500"),
        pytest.param(shown(100, 0.87), Phase.TRUSTED, Phase.TRUSTED, id="13 misses of 100 may be bad luck"),
        pytest.param(shown(100, 0.86), Phase.TRUSTED, Phase.DEGRADED, id="14 of 100 hardly"),
        pytest.param(shown(1000, 0.906), Phase.TRUSTED, Phase.TRUSTED, id="94 of 1000 may be"),
        pytest.param(shown(1000, 0.905), Phase.TRUSTED, Phase.DEGRADED, id="95 of 1000 hardly"),
        pytest.param(
            shown(50_000, 0.945), Phase.TRUSTED, Phase.TRUSTED, id="months of evidence do not condemn half a point"
        ),
        pytest.param(shown(100, 0.87), Phase.DEGRADED, Phase.DEGRADED, id="what keeps trust does not win it back"),
        pytest.param(shown(100, 0.93), Phase.DEGRADED, Phase.TRUSTED, id="7 of 100 do"),
        pytest.param(shown(100, 0.60), Phase.LEARNING, Phase.DEGRADED, id="a bad forecast is never trusted"),
        pytest.param(shown(40, 0.95), Phase.TRUSTED, Phase.LEARNING, id="evidence lost is learning again"),
    ],
)
def test_phase(evidence, previous, phase):
    assert assess(evidence, previous)[0] is phase


def test_the_reason_gives_the_numbers():
    assert assess(shown(42, 0.95), Phase.LEARNING)[1] == "42 of 100 disjoint windows scored"
    assert assess(shown(240, 0.96), Phase.LEARNING)[1] == (
        "4 % of 240 disjoint windows missed, 5 % promised, skill 0.40 against the last value"
    )


def test_no_skill_on_a_flat_load_costs_no_trust():
    flat = shown(200, 1.0, skill=float("nan"))
    assert assess(flat, Phase.LEARNING) == (Phase.TRUSTED, "0 % of 200 disjoint windows missed, 5 % promised")


def test_the_wilson_bound_is_the_root_of_its_equation():
    share, trials, z = 0.14, 100, 2.326
    bound = wilson_lower(share, trials, z)
    assert share - bound == pytest.approx(z * (bound * (1 - bound) / trials) ** 0.5)
    assert wilson_lower(0.0, 100) == pytest.approx(0.0, abs=1e-12)
