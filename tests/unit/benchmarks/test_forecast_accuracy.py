"""The accuracy benchmark measures what it says: peers look at the past alone, and losses are over the same origins."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bayescast import LEVELS, Kind

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import forecast.peers
    import forecast.rows
    import forecast.summary

    return forecast


@pytest.fixture
def wave(benchmark: ModuleType) -> object:
    """Six days at five minutes that repeat to the digit."""
    times = 300.0 * np.arange(6 * 288)
    loads = 100.0 + 50.0 * np.sin(2 * np.pi * times / 86400.0)
    return benchmark.series.Series("wave", Kind.RATE, 300.0, times, loads)


def test_a_band_holds_its_share_of_errors_that_are_alike(benchmark: ModuleType) -> None:
    errors = np.random.default_rng(0).normal(size=20_000)
    bands = benchmark.conformal.rolling(errors, 3)[3000:]
    covered = np.mean(errors[3000:, None] <= bands, axis=0)
    assert covered == pytest.approx(benchmark.conformal.JUDGED, abs=0.01)


def test_a_band_rests_on_windows_that_are_over(benchmark: ModuleType) -> None:
    errors = np.random.default_rng(1).normal(size=500)
    changed = errors.copy()
    changed[300:] += 100.0
    before, after = (benchmark.conformal.rolling(given, 12) for given in (errors, changed))
    assert np.array_equal(before[:312], after[:312], equal_nan=True)
    assert not np.array_equal(before[312:], after[312:])


def test_the_yardstick_is_the_quantile_of_the_newest_errors(benchmark: ModuleType) -> None:
    errors = np.random.default_rng(2).normal(size=3000)
    errors[2000:2050] = np.nan
    found = benchmark.conformal.rolling(errors, 5, benchmark.conformal.empirical)
    newest = errors[2900 - 5 - 1999 : 2900 - 5 + 1]
    assert found[2900] == pytest.approx(np.nanquantile(newest, benchmark.conformal.JUDGED))
    assert np.isnan(found[:54]).all()
    assert not np.isnan(found[54:]).any()


def test_what_repeats_daily_is_no_riddle_to_the_seasonal_peer(benchmark: ModuleType, wave: object) -> None:
    issued = benchmark.naive.yesterday(wave)
    for lead, quantiles in issued.items():
        realised = benchmark.rows.scores.window_max(wave.values, lead)[wave.half :]
        known = ~np.isnan(realised)
        assert quantiles[known, 3] == pytest.approx(realised[known])


def test_a_gap_is_filled_from_behind(benchmark: ModuleType) -> None:
    loads = np.array([np.nan, 4.0, np.nan, np.nan, 6.0, 5.0, np.nan, 7.0])
    one = benchmark.series.Series("gaps", Kind.COUNT, 300.0, 300.0 * np.arange(8), loads)
    assert one.loads.tolist() == [4.0, 4.0, 4.0, 4.0, 6.0, 5.0, 5.0, 7.0]


def test_a_duel_is_over_the_origins_that_both_answered(benchmark: ModuleType, wave: object) -> None:
    nine = {lead: np.full((len(wave.values) - wave.half, len(LEVELS)), 160.0) for lead in wave.leads}
    theirs = {lead: issued[:, [0, 3, 4, 6]].copy() for lead, issued in nine.items()}
    for issued in theirs.values():
        issued[:100] = np.nan
    row = benchmark.rows.rows(wave, nine, {"twin": theirs}, {})[-1]
    assert row.duels["twin"].windows == row.windows - 100
    assert benchmark.summary.ratio(row.duels["twin"]) == pytest.approx(1.0)
    assert row.coverage == pytest.approx(1.0)


def test_kept_answers_are_void_when_the_series_changes(benchmark: ModuleType, wave: object, tmp_path: Path) -> None:
    scope, peer = benchmark.refitted.Scope(1.0, 1.0), benchmark.peers.PEERS["last"]
    benchmark.peers.keep("last", wave, scope, tmp_path)
    again = benchmark.peers.kept(peer, wave, scope, tmp_path)
    fresh = benchmark.naive.last_value(wave)
    assert all(np.array_equal(again[lead], fresh[lead], equal_nan=True) for lead in wave.leads)
    other = benchmark.series.Series(wave.name, wave.kind, wave.step_seconds, wave.times, wave.values + 1.0)
    assert peer.key(other, scope) != peer.key(wave, scope)


def test_refitted_models_follow_what_came_and_nothing_later(benchmark: ModuleType, wave: object) -> None:
    pytest.importorskip("statsforecast", reason="uv sync --group bench")
    window, coming = wave.values[:600], wave.values[600:611]
    later = coming.copy()
    later[5:] *= 3.0
    for follow in (benchmark.refitted.follow_ets, lambda *given: benchmark.refitted.follow_mstl(*given, day=288)):
        as_it_was, changed = follow(window, coming, 12), follow(window, later, 12)
        assert as_it_was.shape == (12, 12)
        assert np.array_equal(as_it_was[:6], changed[:6])
        assert not np.array_equal(as_it_was[6:], changed[6:])
