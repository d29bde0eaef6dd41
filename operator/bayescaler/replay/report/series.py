"""The judged time as columns for the timeline: small enough to embed, exact up to two weeks of minutes.

Loads are by bucket, forecasts at the bucket before which they were at hand; counts are runs on the grid of the service:
the steps from one change to the next, and the value from there on. A longer time comes in blocks of buckets that show
the extremes: highest load and quantiles, most replicas, fewest ready pods, short if any of it was; sums stay exact.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy.reasons import Limiter
from bayescaler.replay.backtest import Backtest
from bayescast import LEVELS

from .figures import named

Floats = NDArray[np.float64]

MOST_BUCKETS = 20_160  # two weeks of minutes
FAN = (0.5, 0.8, 0.95, 0.99)
DIGITS = 4


def timeline(found: Backtest, *, most: int = MOST_BUCKETS) -> dict[str, Any]:
    """Return the columns of the timeline as JSON holds them; `most`: buckets before they come in blocks."""
    scenario, policy = found.case.scenario, found.case.policy
    buckets = len(scenario.loads) - scenario.learned
    block = ceil(buckets / most)
    steps = round(scenario.step_seconds / scenario.grid_seconds) * block if block > 1 else 1
    loads = scenario.loads[scenario.learned :]
    return {
        "start": scenario.start + scenario.learned * scenario.step_seconds,
        "step": scenario.step_seconds * block,
        "grid": scenario.grid_seconds * steps,
        "finest": scenario.grid_seconds,
        "steps": ceil((len(scenario.arrivals) - scenario.first_judged) / steps),
        "zone": found.case.spec.time_zone,
        "unit": policy.unit,
        "capacity": scenario.capacity,
        "aim": policy.aim,
        "load": _rounded(_blocks(loads, block, np.fmax)),
        "lowest": _rounded(_blocks(loads, block, np.fmin)) if block > 1 else None,
        "fan": [_rounded(_blocks(column, block, np.fmax)) for column in _at_hand(found)],
        "policies": [_policy(found, name, steps) for name in found.replicas],
        "limiters": [str(limiter) for limiter in Limiter],
        "limited": _runs(_limited(found)[::steps]),
        "moments": [[moment.start, moment.end] for moment in found.moments],
    }


def limiter_shares(found: Backtest) -> list[tuple[Limiter, float]]:
    """Return the rules that fixed the number, and in which share of the judged time, most often first."""
    counts = np.bincount(_limited(found), minlength=len(Limiter))
    shares = [(limiter, float(count / counts.sum())) for limiter, count in zip(Limiter, counts, strict=True) if count]
    return sorted(shares, key=lambda pair: -pair[1])


def _at_hand(found: Backtest) -> Sequence[Floats]:
    """Return the quantiles of the fan that were issued before each judged bucket, (n,) each."""
    issued, scenario = found.decided.forecasts, found.case.scenario
    first = scenario.learned - 1
    track = issued.track.quantiles * issued.scale
    if first < 0:
        track, first = np.vstack([np.full((1, len(LEVELS)), np.nan), track]), 0
    return [track[first : first + len(scenario.loads) - scenario.learned, LEVELS.index(level)] for level in FAN]


def _policy(found: Backtest, name: str, steps: int) -> dict[str, Any]:
    played = found.case.scenario.play(found.replicas[name])
    short = (played.short > 0.0).astype(np.int64)
    sums = {"paid": _runs(_blocks(played.replicas, steps, np.add)), "lacking": _runs(_blocks(short, steps, np.add))}
    return (sums if steps > 1 else {}) | {
        "name": named(name, found.case.policy),
        "replicas": _runs(_blocks(played.replicas, steps, np.maximum)),
        "ready": _runs(_blocks(played.ready, steps, np.minimum)),
        "short": _runs(_blocks(short, steps, np.maximum)),
    }


def _limited(found: Backtest) -> NDArray[np.int64]:
    """Return the place among Limiter of the rule that fixed the number, at each judged step of the service."""
    scenario = found.case.scenario
    held = np.repeat(found.decided.limited_by, round(scenario.interval_seconds / scenario.grid_seconds))
    return np.asarray(held[scenario.first_judged : len(scenario.arrivals)])


def _blocks(values: NDArray[Any], size: int, extreme: np.ufunc) -> NDArray[Any]:
    return values if size == 1 else np.asarray(extreme.reduceat(values, np.arange(0, len(values), size)))


def _runs(values: NDArray[Any]) -> list[list[int]]:
    """Return the steps from each change to the next (the first from 0), and the value from there on."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    return [np.diff(starts, prepend=0).tolist(), values[starts].tolist()]


def _rounded(values: Floats) -> list[float | int | None]:
    """Return values with four digits, None where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.where(np.isfinite(places), np.clip(places, -300, 300), 0.0)
    rounded = np.rint(values * scale) / scale
    return [None if v != v else int(v) if v == int(v) else float(f"{v:.{DIGITS}g}") for v in rounded.tolist()]  # noqa: PLR0124 - NaN
