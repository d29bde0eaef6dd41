"""How much a forecast may do, by how well it has kept its promise so far, and how it did beside a threshold.

A forecast promises that a share `nominal` of lead windows stays below its quantile. Windows overlap, so only
the number of disjoint ones counts as evidence, and misses among them are judged by the Wilson bound:

* Learning until five misses would be expected of a kept promise (100 windows at .95), never on fewer than 100
  nor asking for more than 500 (a day of three-minute windows); 100 also do for a higher quantile once a whole
  season has been seen. With fewer, even a forecast missing three times too often would mostly go unnoticed.
* Degraded on any of three charges:
  coverage: it is nearly certain (one-sided 99 %) that it misses more than half as often again as promised: at .95
  over 100 windows, 14 misses; over 1000, 95. The half keeps months of evidence from condemning a quantile that is
  off by a fraction of a point.
  change: the same, of the windows alone that began since the last change-point alarm, as long as they are at most
  15: two misses among the first six. The alarm alone demotes nobody: on real loads it sounds up to a dozen times a
  day, mostly for changes that the forecast expects or takes up at once.
  skill: it loses clearly more than what a threshold goes by, the newest load times the best constant: a tenth of that
  loss, and as much as holding two fifths of the load in vain would cost. Such thresholds themselves hold that much.
  On a flat load both lose next to nothing, and nothing follows from it.
* Trusted otherwise; out of Degraded only after ten new windows, of which no more than half as often again as
  promised were missed, and when the charge itself has become clearly weaker than what it took to bring it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from math import isfinite, sqrt
from typing import NamedTuple

from .explain import percent
from .reasons import Phase

EXPECTED_MISSES = 5.0
FEWEST_WINDOWS = 100
ENOUGH_WINDOWS = 500
TOLERATED = 1.5  # times the promised share of misses
Z_CERTAIN = 2.326  # one-sided 99 % of the normal distribution
CHANGE_WINDOWS = 15  # disjoint ones, for which a change is judged by itself
FEWEST_MISSES = 2  # since a change: one proves nothing
RETURN_WINDOWS = 10  # new disjoint ones that it takes to come back
WORSE_SKILL, WELL_SKILL = -0.1, 0.0
WORSE_HEADROOM, WELL_HEADROOM = 0.4, 0.2  # shares of the load


class Charge(Enum):
    """What speaks against a forecast."""

    COVERAGE = "coverage"
    CHANGE = "change"
    SKILL = "skill"


class Change(NamedTuple):
    """A change of the load's level that was noticed `at` (epoch seconds): a rise or a fall, and the disjoint windows
    that have begun and ended since.
    """

    at: float
    rise: bool
    windows: int


class Evidence(NamedTuple):
    """What a forecast has shown at the level of the objective.

    `coverage` is the share of windows below the quantile (None before the first), `disjoint_windows` how many
    disjoint windows stand behind it, `skill` 1 - loss over that of the last value times a learned constant,
    `season_buckets` the buckets of one season (0 without). `headroom_lost`: what was lost beyond that rival, as the
    share of the load that would cost as much if it were held in vain (negative: less was lost). `recent_misses`: of the
    newest disjoint windows, which were missed; bits, the newest the lowest. `change`: the newest change point.
    """

    disjoint_windows: int
    coverage: float | None
    nominal: float
    skill: float | None
    buckets_seen: int
    season_buckets: int
    headroom_lost: float = 0.0
    recent_misses: int = 0
    change: Change | None = None

    @property
    def promised(self) -> float:
        """Share of windows that may be missed."""
        return 1.0 - self.nominal

    def missed_of(self, windows: int) -> int:
        """Return how many of the newest disjoint windows, at most 32, were missed."""
        return (self.recent_misses & ((1 << windows) - 1)).bit_count()


class Standing(NamedTuple):
    """How far a forecast is trusted: the phase, the disjoint windows scored when it began, what it is charged with."""

    phase: Phase = Phase.LEARNING
    windows: int = 0
    charge: Charge | None = None


def judge(evidence: Evidence, before: Standing) -> Standing:
    """Return how far a forecast is trusted on this evidence, by how far it was before."""
    enough = _enough(evidence)
    charge = _charge(evidence, before.charge) if enough else None
    if not enough:
        phase = Phase.LEARNING
    elif charge is None and before.phase is Phase.DEGRADED and not _redeemed(evidence, before):
        phase, charge = Phase.DEGRADED, before.charge
    else:
        phase = Phase.TRUSTED if charge is None else Phase.DEGRADED
    return Standing(phase, before.windows if phase is before.phase else evidence.disjoint_windows, charge)


def assess(evidence: Evidence, previous: Phase) -> tuple[Phase, str]:
    """Return the phase and one clause of why, where no more than the phase before is known."""
    charge = Charge.COVERAGE if previous is Phase.DEGRADED else None
    standing = judge(evidence, Standing(previous, 0, charge))
    return standing.phase, why(evidence, standing)


def why(evidence: Evidence, standing: Standing) -> str:
    """Return one clause of why a forecast stands so."""
    seen, coverage = evidence.disjoint_windows, evidence.coverage
    if standing.phase is Phase.LEARNING or coverage is None:
        return f"{seen} of {windows_needed(evidence)} disjoint windows scored"
    if standing.phase is Phase.TRUSTED:
        return _record(evidence, coverage)
    if standing.charge is Charge.CHANGE and evidence.change is not None and _shaken(evidence):
        return _since_change(evidence, evidence.change)
    if standing.charge is Charge.SKILL and evidence.skill is not None and _outdone(evidence, doubted=True):
        lost = f"as costly as {percent(round(evidence.headroom_lost, 2))} of the load held in vain"
        return (
            f"skill {evidence.skill:.2f} against the last value times a constant, {lost}; trusted again at "
            f"{WELL_SKILL:g}, or {percent(WELL_HEADROOM)}"
        )
    told = _record(evidence, coverage)
    if standing.charge is Charge.COVERAGE and _off(evidence, coverage, doubted=True):
        again = "" if _off(evidence, coverage) else f"; trusted again at {percent(TOLERATED * evidence.promised)}"
        return told + again
    new = min(_new_windows(evidence, standing), RETURN_WINDOWS)
    return f"{told}; trusted again after {RETURN_WINDOWS} windows that keep the promise, {_kept(evidence, new)} so far"


def nearest_level(levels: Iterable[float], quantile: float) -> float:
    """Return the level at which a promise of `quantile` is judged."""
    return min(levels, key=lambda level: abs(level - quantile))


def windows_needed(evidence: Evidence) -> int:
    """Return how many disjoint windows end Learning."""
    if evidence.season_buckets and evidence.buckets_seen >= evidence.season_buckets:
        return FEWEST_WINDOWS
    expected = round(EXPECTED_MISSES / evidence.promised)
    return min(max(expected, FEWEST_WINDOWS), ENOUGH_WINDOWS)


def wilson_lower(share: float, trials: int, z: float = Z_CERTAIN) -> float:
    """Return the lower bound of a proportion seen as `share` of `trials` (Wilson 1927)."""
    spread = z * sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    return (share + z * z / (2.0 * trials) - spread) / (1.0 + z * z / trials)


def _enough(evidence: Evidence) -> bool:
    coverage = evidence.coverage
    return coverage is not None and isfinite(coverage) and evidence.disjoint_windows >= windows_needed(evidence)


def _charge(evidence: Evidence, before: Charge | None) -> Charge | None:
    """Return what a forecast is charged with; what it was charged with before is given up more slowly."""
    if evidence.coverage is not None and _off(evidence, evidence.coverage, doubted=before is Charge.COVERAGE):
        return Charge.COVERAGE
    if _shaken(evidence):
        return Charge.CHANGE
    return Charge.SKILL if _outdone(evidence, doubted=before is Charge.SKILL) else None


def _off(evidence: Evidence, coverage: float, *, doubted: bool = False) -> bool:
    """Return whether more is missed than is tolerated: as it seems, or (not `doubted`) nearly for certain."""
    missed, tolerated = 1.0 - coverage, TOLERATED * evidence.promised
    return (missed if doubted else wilson_lower(missed, evidence.disjoint_windows)) > tolerated


def _shaken(evidence: Evidence) -> bool:
    """Return whether the windows since a change were nearly certainly missed more often than is tolerated."""
    change = evidence.change
    if change is None or not 0 < change.windows <= CHANGE_WINDOWS:
        return False
    missed = evidence.missed_of(change.windows)
    certain = wilson_lower(missed / change.windows, change.windows)
    return missed >= FEWEST_MISSES and certain > TOLERATED * evidence.promised


def _outdone(evidence: Evidence, *, doubted: bool) -> bool:
    """Return whether the last value times a constant did better by far (or, once `doubted`, still does)."""
    skill, lost = evidence.skill, evidence.headroom_lost
    if skill is None or not isfinite(skill) or not isfinite(lost):
        return False
    if doubted:
        return skill < WELL_SKILL and lost > WELL_HEADROOM
    return skill < WORSE_SKILL and lost > WORSE_HEADROOM


def _new_windows(evidence: Evidence, standing: Standing) -> int:
    """Return the disjoint windows scored since a phase began; a record that began anew since is new as a whole."""
    seen = evidence.disjoint_windows
    return seen - standing.windows if seen >= standing.windows else seen


def _redeemed(evidence: Evidence, before: Standing) -> bool:
    """Return whether new windows speak for a forecast that was degraded."""
    missed = evidence.missed_of(RETURN_WINDOWS)
    kept = missed <= TOLERATED * evidence.promised * RETURN_WINDOWS
    return kept and _new_windows(evidence, before) >= RETURN_WINDOWS


def _kept(evidence: Evidence, windows: int) -> int:
    return windows - evidence.missed_of(windows)


def _record(evidence: Evidence, coverage: float) -> str:
    missed = f"{percent(1.0 - coverage)} of {evidence.disjoint_windows} disjoint windows missed"
    told = f"{missed}, {percent(evidence.promised)} promised"
    if evidence.skill is not None and isfinite(evidence.skill):
        told += f", skill {evidence.skill:.2f} against the last value"
    return told


def _since_change(evidence: Evidence, change: Change) -> str:
    at = datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    moved, missed = "rose" if change.rise else "fell", evidence.missed_of(change.windows)
    return (
        f"the load's level {moved} at {at}: {missed} of {change.windows} disjoint windows since missed, "
        f"{percent(evidence.promised)} promised"
    )
