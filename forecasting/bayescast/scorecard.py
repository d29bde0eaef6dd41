"""All scores of one lead over one stretch of time in one report, and its rendering as a dict."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import scores
from .predictive import LEVELS

PIT_BINS = 10
TERCILES = ("low", "middle", "high")
RELIABILITY_LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Share:
    """Share of windows whose largest load was at most the issued quantile; low and high: its 95 % interval.

    The interval is NaN where fewer than five days are behind it.
    """

    share: float
    low: float
    high: float
    windows: int


@dataclass(frozen=True, slots=True)
class Report:
    """How the quantiles of one lead did. Losses are in the unit of the load; `scores` gives every formula.

    start, end: the time the scored origins span (epoch seconds). windows: scored ones; disjoint_windows: how many of
    them do not overlap. pinball, coverage: by level. coverage_by_hour: local hour at which the window begins -> by
    level. coverage_by_level: third of the issued median (low, middle, high) -> by level. reliability: level -> share of
    the disjoint windows' PIT values at most it. pit: their histogram in ten bins. brier: of exceeding `capacity`; None
    without one. psi, kl: drift from the load before the stretch to the load in it; NaN if there is none before.
    """

    lead: int
    step_seconds: float
    start: float
    end: float
    windows: int
    disjoint_windows: int
    pinball: dict[float, float]
    crps: float
    rmse: float
    coverage: dict[float, Share]
    coverage_by_hour: dict[int, dict[float, Share]]
    coverage_by_level: dict[str, dict[float, Share]]
    reliability: dict[float, float]
    pit: tuple[int, ...]
    capacity: float | None
    brier: float | None
    psi: float
    kl: float

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: levels and hours become text, what is not known becomes None."""
        rendered: dict[str, Any] = plain(asdict(self))
        return rendered


def score(
    times: ArrayLike,
    values: ArrayLike,
    quantiles: ArrayLike,
    *,
    lead: int,
    step_seconds: float,
    time_zone: str = "UTC",
    capacity: float | None = None,
    since: float = -math.inf,
    seed: int = 0,
) -> Report:
    """Score quantiles issued at LEVELS, (n, 9), after each bucket of a series, (n,) `times` and `values`.

    times: bucket starts on a regular grid (epoch seconds); NaN values are missing. since: first origin to score; the
    rest is what the forecaster had to learn from. Raises InvalidValue on arrays that do not fit.
    """
    at, loads = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    issued = np.asarray(quantiles, dtype=np.float64)
    maxima = np.where(at >= since, scores.window_max(loads, lead), np.nan)
    begins = at + step_seconds
    days, hours = scores.local_days(begins, time_zone), scores.local_hours(begins, time_zone)
    transforms = scores.pit(issued, maxima, lead, seed=seed)
    scored = ~np.isnan(maxima) & ~np.isnan(issued).any(axis=1)
    origins, before, stretch = at[scored], loads[at < since], loads[at >= since]
    thirds = scores.terciles(issued, maxima)
    return Report(
        lead=lead,
        step_seconds=step_seconds,
        start=float(origins[0]) if len(origins) else math.nan,
        end=float(origins[-1]) if len(origins) else math.nan,
        windows=len(origins),
        disjoint_windows=len(transforms),
        pinball=_by_level(scores.pinball(issued, maxima)),
        crps=scores.crps(issued, maxima),
        rmse=scores.rmse(issued, maxima),
        coverage=_shares(scores.coverage(issued, maxima, days, seed=seed))[0],
        coverage_by_hour=dict(enumerate(_shares(scores.coverage(issued, maxima, days, hours, count=24, seed=seed)))),
        coverage_by_level=dict(
            zip(TERCILES, _shares(scores.coverage(issued, maxima, days, thirds, count=3, seed=seed)), strict=True)
        ),
        reliability=dict(
            zip(RELIABILITY_LEVELS, scores.reliability(transforms, RELIABILITY_LEVELS).tolist(), strict=True)
        ),
        pit=tuple(np.histogram(transforms, bins=PIT_BINS, range=(0.0, 1.0))[0].tolist()),
        capacity=capacity,
        brier=None if capacity is None else scores.brier(issued, maxima, capacity),
        psi=scores.psi(before, stretch),
        kl=scores.kl(before, stretch),
    )


def plain(value: Any) -> Any:
    """Return what JSON can hold of nested dicts, tuples and lists: keys as text, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, tuple | list):
        return [plain(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _by_level(values: NDArray[np.float64]) -> dict[float, float]:
    return dict(zip(LEVELS, values.tolist(), strict=True))


def _shares(found: scores.Coverage) -> list[dict[float, Share]]:
    """Return one dict from level to share a group."""
    return [
        {
            level: Share(float(found.share[g, k]), float(found.low[g, k]), float(found.high[g, k]), int(windows))
            for k, level in enumerate(LEVELS)
        }
        for g, windows in enumerate(found.windows)
    ]
