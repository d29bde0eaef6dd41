"""How much a forecast may do, by how well it has kept its promise so far.

A forecast promises that a share `nominal` of lead windows stays below its quantile. Windows overlap, so only
the number of disjoint ones counts as evidence, and misses among them are judged by the Wilson bound:

* Learning until five misses would be expected of a kept promise (100 windows at .95), never on fewer than 100
  nor asking for more than 500 (a day of three-minute windows); 100 also do for a higher quantile once a whole
  season has been seen. With fewer, even a forecast missing three times too often would mostly go unnoticed.
* Degraded when it is nearly certain (one-sided 99 %) that it misses more than half as often again as
  promised: at .95 over 100 windows, 14 misses; over 1000, 95. The half keeps months of evidence from
  condemning a quantile that is off by a fraction of a point.
* Trusted otherwise; out of Degraded only when the misses seen are themselves no more than half as often
  again as promised, so that it takes better news to come back than it took to stay.

Skill is told, not judged: on a flat load the last value is perfect and no forecast has any.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, sqrt

from .explain import percent
from .reasons import Phase

EXPECTED_MISSES = 5.0
FEWEST_WINDOWS = 100
ENOUGH_WINDOWS = 500
TOLERATED = 1.5  # times the promised share of misses
Z_CERTAIN = 2.326  # one-sided 99 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a forecast has shown at the level of the objective.

    `coverage` is the share of windows below the quantile (None before the first), `disjoint_windows` how many
    disjoint windows stand behind it, `skill` 1 - loss over that of the last value, `season_buckets` the
    buckets of one season (0 without).
    """

    disjoint_windows: int
    coverage: float | None
    nominal: float
    skill: float | None
    buckets_seen: int
    season_buckets: int


def assess(evidence: Evidence, previous: Phase) -> tuple[Phase, str]:
    """Return the phase and one clause of why."""
    phase = phase_of(evidence, previous)
    seen, coverage = evidence.disjoint_windows, evidence.coverage
    if phase is Phase.LEARNING or coverage is None:
        return phase, f"{seen} of {windows_needed(evidence)} disjoint windows scored"
    promised, missed = 1.0 - evidence.nominal, 1.0 - coverage
    told = f"{percent(missed)} of {seen} disjoint windows missed, {percent(promised)} promised"
    if evidence.skill is not None and isfinite(evidence.skill):
        told += f", skill {evidence.skill:.2f} against the last value"
    if phase is Phase.DEGRADED and not _condemned(evidence, coverage):
        told += f"; trusted again at {percent(TOLERATED * promised)}"
    return phase, told


def phase_of(evidence: Evidence, previous: Phase) -> Phase:
    """Return the phase."""
    coverage = evidence.coverage
    if coverage is None or not isfinite(coverage) or evidence.disjoint_windows < windows_needed(evidence):
        return Phase.LEARNING
    doubted = previous is Phase.DEGRADED and 1.0 - coverage > TOLERATED * (1.0 - evidence.nominal)
    return Phase.DEGRADED if doubted or _condemned(evidence, coverage) else Phase.TRUSTED


def _condemned(evidence: Evidence, coverage: float) -> bool:
    """Return whether it is nearly certain that more is missed than is tolerated."""
    return wilson_lower(1.0 - coverage, evidence.disjoint_windows) > TOLERATED * (1.0 - evidence.nominal)


def nearest_level(levels: Iterable[float], quantile: float) -> float:
    """Return the level at which a promise of `quantile` is judged."""
    return min(levels, key=lambda level: abs(level - quantile))


def windows_needed(evidence: Evidence) -> int:
    """Return how many disjoint windows end Learning."""
    if evidence.season_buckets and evidence.buckets_seen >= evidence.season_buckets:
        return FEWEST_WINDOWS
    expected = round(EXPECTED_MISSES / (1.0 - evidence.nominal))
    return min(max(expected, FEWEST_WINDOWS), ENOUGH_WINDOWS)


def wilson_lower(share: float, trials: int, z: float = Z_CERTAIN) -> float:
    """Return the lower bound of a proportion seen as `share` of `trials` (Wilson 1927)."""
    spread = z * sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    return (share + z * z / (2.0 * trials) - spread) / (1.0 + z * z / trials)
