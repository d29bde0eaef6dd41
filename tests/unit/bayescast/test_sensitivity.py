"""What was assumed before any data is told with its effect, and with the day on which it no longer matters."""

from dataclasses import replace

import numpy as np
import pytest

from bayescast import LEVELS, Forecaster, ForecastSpec, InvalidValue, Kind, NoData, SpecMismatch, pool
from bayescast.sensitivity import CONSTANTS, COUNT_CONSTANTS, FACTORS, GROUP, LIMITS, SHOWN_LEVELS, sensitivity

STEP = 3600.0
SPEC = ForecastSpec(STEP, (3, 6))


@pytest.fixture(scope="module")
def load():
    times = STEP * np.arange(20 * 24)
    shape = np.exp(0.8 * np.sin(2 * np.pi * times / 86400.0))
    return times, 50.0 * shape * np.random.default_rng(4).lognormal(0.0, 0.1, len(times))


def found(moves):
    return {(move.assumption, move.factor): move for move in moves}


def test_every_prior_constant_is_halved_and_doubled(load):
    times, values = (part[:60] for part in load)
    moves = found(sensitivity(SPEC, times, values))
    assert set(moves) == {(name, factor) for name in CONSTANTS for factor in FACTORS}
    counts = found(sensitivity(replace(SPEC, kind=Kind.COUNT), times, np.rint(values)))
    assert set(counts) - set(moves) == {(name, factor) for name in COUNT_CONSTANTS for factor in FACTORS}
    for move in (*moves.values(), *counts.values()):
        for level in SHOWN_LEVELS:
            assert 0.0 <= move.first_day[level] <= move.largest[level]
            assert set(move.settled[level]) == set(LIMITS)


@pytest.mark.jit
def test_a_move_is_that_of_two_forecasters(load):
    times, values = load
    move = found(sensitivity(SPEC, times, values, lead=6))["scale_prior", 2.0]
    wide = replace(SPEC, settings=SPEC.settings._replace(scale_prior=2 * SPEC.settings.scale_prior))
    one, other = (Forecaster(spec).replay(times, values)[6] for spec in (SPEC, wide))
    for level in SHOWN_LEVELS:
        place = LEVELS.index(level)
        moved = np.abs(other[:, place] / one[:, place] - 1.0)
        assert move.largest[level] == pytest.approx(moved.max())
        assert move.first_day[level] == pytest.approx(moved[:24].mean())
        means = np.convolve(moved, np.ones(24) / 24, mode="valid")
        for limit, count in move.settled[level].items():
            if count is None:
                assert means[-1] > limit
            else:
                assert (means[count:] <= limit + 1e-12).all()
                assert count == 0 or means[count - 1] > limit


@pytest.mark.jit
def test_the_size_of_errors_matters_at_first_and_no_longer_after_weeks(load):
    move = found(sensitivity(SPEC, *load))["scale_prior", 2.0]
    assert move.first_day[0.95] > 0.01
    settled = move.settled[0.95][0.05]
    assert settled is not None
    assert 0 < settled < 15 * 24


def test_a_group_prior_is_left_out_in_turn_and_speaks_for_the_constants_it_replaces(load):
    times, values = (part[:72] for part in load)
    prior = pool([Forecaster(SPEC).fit(times, size * values) for size in (1.0, 30.0)])
    moves = found(sensitivity(SPEC, times, 7.0 * values, prior=prior))
    assert moves[GROUP, 0.0].first_day[0.95] > 0.05
    assert moves["scale_prior", 2.0].largest[0.95] == 0.0
    with pytest.raises(SpecMismatch):
        sensitivity(replace(SPEC, leads=(1,)), times, values, prior=prior)


def test_a_load_of_zeros_has_moves_all_the_same():
    for move in sensitivity(SPEC, STEP * np.arange(30), np.zeros(30)):
        assert all(np.isfinite(value) for value in move.largest.values())


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.zeros(0)])
def test_a_history_without_a_load_is_refused(values):
    with pytest.raises(NoData, match="no load"):
        sensitivity(SPEC, STEP * np.arange(len(values)), values)


def test_what_cannot_be_a_load_is_refused_as_ever():
    with pytest.raises(InvalidValue, match="give NaN"):
        sensitivity(SPEC, [0.0, STEP], [1.0, -1.0])
