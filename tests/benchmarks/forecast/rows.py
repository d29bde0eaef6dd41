"""The scores of one series at one lead: a row. All losses of a comparison are over the same origins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bayescast import LEVELS, scores

from .conformal import JUDGED, Answers
from .series import Floats, Series

QUARTER_DAYS = 4
_ROUNDING = 1e-9  # of a peer that takes logarithms: a quantile at an atom must not count as below it
_PLACES = [LEVELS.index(level) for level in JUDGED]


@dataclass(frozen=True, slots=True)
class Duel:
    """Ours beside another on the origins both answered: mean pinball and coverage at JUDGED, shapes (4,)."""

    windows: int
    ours: Floats
    theirs: Floats
    our_coverage: Floats
    their_coverage: Floats


@dataclass(frozen=True, slots=True)
class Row:
    """One series at one lead. coverage, low, high: (4,), with a 95 % bootstrap interval of days; by_quarter (4, 4) and
    by_tercile (3, 4): coverage by quarter of the day and by third of the issued median.
    """

    series: str
    tuning: bool
    lead: int
    step_seconds: float
    windows: int
    disjoint: int
    coverage: Floats
    low: Floats
    high: Floats
    by_quarter: Floats
    by_tercile: Floats
    duels: dict[str, Duel]
    ablations: dict[str, Duel] = field(default_factory=dict)


def rows(
    series: Series,
    ours: Mapping[int, Floats],
    peers: Mapping[str, Answers],
    ablations: Mapping[str, Mapping[int, Floats]],
) -> list[Row]:
    """Score every lead of a series."""
    days, quarters = _calendar(series)
    found = []
    for lead in series.leads:
        realised = scores.window_max(series.values, lead)[series.half :]
        nine = ours[lead]
        covered = scores.coverage(nine, realised, days)
        groups = (
            scores.coverage(nine, realised, days, quarters, count=QUARTER_DAYS),
            scores.coverage(nine, realised, days, scores.terciles(nine, realised), count=3),
        )
        four = nine[:, _PLACES]
        found.append(
            Row(
                series.name,
                series.tuning,
                lead,
                series.step_seconds,
                int(covered.windows[0]),
                len(scores.disjoint_windows(realised, lead)),
                *(part[0, _PLACES] for part in (covered.share, covered.low, covered.high)),
                *(group.share[:, _PLACES] for group in groups),
                _duels(four, realised, {name: given[lead] for name, given in peers.items() if lead in given}),
                _duels(four, realised, {name: given[lead][:, _PLACES] for name, given in ablations.items()}),
            )
        )
    return found


def _calendar(series: Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return day and quarter of the day in which the windows of the second half begin."""
    begins = series.times[series.half :] + series.step_seconds
    return scores.local_days(begins), scores.local_hours(begins) * QUARTER_DAYS // 24


def _duels(ours: Floats, realised: Floats, others: Mapping[str, Floats]) -> dict[str, Duel]:
    return {name: duel for name, theirs in others.items() if (duel := _duel(ours, theirs, realised)).windows}


def _duel(ours: Floats, theirs: Floats, realised: Floats) -> Duel:
    both = ~(np.isnan(realised) | np.isnan(ours).any(axis=1) | np.isnan(theirs).any(axis=1))
    maxima = realised[both, None]
    if not len(maxima):
        return Duel(0, *(np.full(len(JUDGED), np.nan) for _ in range(4)))
    return Duel(
        len(maxima),
        *(_pinball(issued[both], maxima) for issued in (ours, theirs)),
        *(np.mean(maxima <= issued[both] + _ROUNDING * (1.0 + maxima), axis=0) for issued in (ours, theirs)),
    )


def _pinball(issued: Floats, maxima: Floats) -> Floats:
    miss, levels = maxima - issued, np.array(JUDGED)
    return np.asarray(np.maximum(levels * miss, (levels - 1.0) * miss).mean(axis=0))
