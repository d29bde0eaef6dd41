"""What one replica serves: learned from utilisation and load per ready replica, bucket by bucket.

A Bayesian linear regression u = a + b x of utilisation u on load per ready replica x, where a >= 0 is what a replica
uses without load. Capacity is the x at which u reaches the target, (target - a) / b; what is decided on is its low
quantile: the x at which the line's upper bound (`CERTAINTY_Z`) reaches the target, as in Fieller's interval, so that
what is not known yet costs replicas rather than violations.

Only sums are kept, discounted with a memory of two days; the prior is not among them and so is never forgotten. The
coefficients have a Normal prior and the noise an Inverse-Gamma one, independent of each other; their posterior is
the mean-field one (Bishop 2006, 10.3), a handful of rounds of closed forms. Buckets follow each other closely, so
a bucket counts as the share of five minutes that it is.

After a rollout the line believed until then becomes the prior of the new pods' line, wide by `ROLLOUT_SPREAD`. The same
happens when the newest buckets lie clearly off the line, as after a move to slower nodes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from .explain import amount, percent
from .reasons import CapacitySource

CERTAINTY_Z = 1.2816  # one-sided 90 %
MEMORY_SECONDS = 2 * 86_400.0
INDEPENDENT_SECONDS = 300.0
LEARNED_BUCKETS = 20
PRIOR_SPREAD = 0.2  # relative, of the slope that perReplica says
ROLLOUT_SPREAD = 0.2
VAGUE_SPREAD = 10.0
IDLE_SHARE, IDLE_SPREAD = 0.05, 0.05  # of the target
MOST_IDLE = 0.5  # of the target: beyond it something else than the load moves the utilisation
NOISE = 0.05  # of the target
NOISE_SHAPE = 2.0
LEAST_NOISE = 0.005
FURTHEST = 2.0  # times the highest load per replica seen: a line is not trusted further than that
VAGUEST = 0.5  # the low quantile over the mean, below which nothing is learned
OWN_SLOPE = 0.4  # of the line's slope, below which level and movement contradict each other
STILL = 0.03  # spread of x over its size, below which it is taken to stand still
SATURATED = 0.95
RECENT_BUCKETS = 30.0  # memory of the sums that a drift is seen in
FEWEST_RECENT = 10.0
DRIFT = 0.1  # of the target: how far off the line the newest buckets must lie, and by 3 standard errors
TOLD_BY_DATA = 0.25  # of the prior's variance of the slope, below which the data tell more than the prior
_ROUNDS = 12
_VERSION = 1.0
_PLACES = 18


@dataclass(frozen=True, slots=True)
class CapacityTerms:
    """What the user says: the utilisation to steer to, `per_replica` as prior, bounds of what may be learned."""

    target: float
    per_replica: float | None = None
    floor: float | None = None
    ceiling: float | None = None

    def clipped(self, capacity: float) -> float:
        """Return a capacity within floor and ceiling."""
        capacity = capacity if self.ceiling is None else min(capacity, self.ceiling)
        return capacity if self.floor is None else max(capacity, self.floor)


class Capacity(NamedTuple):
    """Load that one replica serves: best guess and low quantile, None where nothing is known, and one clause of why."""

    per_replica: float | None
    low: float | None
    source: CapacitySource
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sums:
    """Discounted sums over buckets, of loads per ready replica x and utilisations u."""

    weight: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    u: float = 0.0
    xu: float = 0.0
    uu: float = 0.0

    def after(self, x: float, u: float, *, kept: float, new: float = 1.0) -> "Sums":
        """Return the sums after one bucket more, of weight `new`, when the older ones keep the share `kept`."""
        added = (new, new * x, new * x * x, new * u, new * x * u, new * u * u)
        return Sums(*(kept * old + more for old, more in zip(self.values(), added, strict=True)))

    def values(self) -> tuple[float, ...]:
        """Return the sums in their order."""
        return (self.weight, self.x, self.xx, self.u, self.xu, self.uu)


@dataclass(frozen=True, slots=True)
class CapacityEvidence:
    """What has been seen: all of it, and the newest part by itself.

    `buckets` counts those with load, `highest` is the highest x seen. `idle` and `slope` are the line believed before
    the last rollout or drift, `noise` its residual standard deviation (NaN: none).
    """

    seen_all: Sums = Sums()
    recent: Sums = Sums()
    buckets: int = 0
    highest: float = 0.0
    idle: float = math.nan
    slope: float = math.nan
    noise: float = math.nan

    def seen(self, x: float, u: float, terms: CapacityTerms, *, step_seconds: float) -> "CapacityEvidence":
        """Return the same after a bucket with every replica ready; `refused` tells which must not come here."""
        kept, new = math.exp(-step_seconds / MEMORY_SECONDS), min(1.0, step_seconds / INDEPENDENT_SECONDS)
        after = replace(
            self,
            seen_all=self.seen_all.after(x, u, kept=kept, new=new),
            recent=self.recent.after(x, u, kept=1.0 - 1.0 / RECENT_BUCKETS),
            buckets=self.buckets + (x > 0),  # without load nothing is learned of what one serves
            highest=max(self.highest, x),
        )
        return after.rolled_out(terms) if after.drifted(terms) else after

    def rolled_out(self, terms: CapacityTerms) -> "CapacityEvidence":
        """Return the same for pods of another template: the line believed so far is their prior, the sums begin."""
        known = _line(self, terms)
        if known is None or learned_capacity(self, terms).source is not CapacitySource.LEARNED:
            return CapacityEvidence(highest=self.highest, idle=self.idle, slope=self.slope, noise=self.noise)
        return CapacityEvidence(highest=self.highest, idle=known.idle, slope=known.slope, noise=known.noise)

    def drifted(self, terms: CapacityTerms) -> bool:
        """Return whether the newest buckets lie off the line of all, though that one is well known."""
        recent = self.recent
        if recent.weight < FEWEST_RECENT or self.buckets < 2 * RECENT_BUCKETS:
            return False
        line = _line(self, terms)
        if line is None:
            return False
        off = abs(recent.u - line.idle * recent.weight - line.slope * recent.x) / recent.weight
        return off > max(DRIFT * terms.target, 3.0 * line.noise / math.sqrt(recent.weight))

    def to_floats(self) -> list[float]:
        """Return the state as a short list of floats."""
        sums = (*self.seen_all.values(), *self.recent.values())
        return [_VERSION, *sums, float(self.buckets), self.highest, self.idle, self.slope, self.noise]

    @classmethod
    def from_floats(cls, saved: Sequence[float]) -> "CapacityEvidence":
        """Return what `to_floats` gave; ValueError where it did not, or a newer version did."""
        if not saved or saved[0] != _VERSION:
            raise ValueError(f"capacity: state of version {saved[0] if saved else 'none'}; this is {_VERSION:g}")
        sums, believed = saved[1:15], saved[15:]
        known = [number for number in believed if not math.isnan(number)]
        if len(saved) != _PLACES or not all(math.isfinite(n) and n >= 0 for n in (*sums, *known)):
            raise ValueError("capacity: the state is damaged; it is learned anew")
        return cls(Sums(*sums[:6]), Sums(*sums[6:12]), int(sums[12]), sums[13], *believed)


def refused(x: float, u: float, *, target: float) -> str | None:
    """Return why a bucket says nothing of the capacity, None where it does.

    Near its limit a replica's utilisation says nothing of the load that came; a target near or above 1 tells that the
    utilisation is of what pods request, which they may exceed.
    """
    if not (math.isfinite(x) and math.isfinite(u) and x >= 0 and u >= 0):
        return "the utilisation is no share, or the load no load"
    if u == 0 < x:
        return f"the utilisation is 0 under a load of {amount(x)} a replica"
    limit = SATURATED if target < SATURATED / 1.05 else 1.5 * target
    if u >= limit:
        return f"replicas are saturated, at {percent(u)}"
    return None


def learned_capacity(evidence: CapacityEvidence, terms: CapacityTerms) -> Capacity:
    """Return what one replica serves, by the evidence where it is good, else by the prior, else unknown."""
    line = _line(evidence, terms)
    anchored = not math.isnan(evidence.slope)
    enough = anchored or (evidence.buckets >= LEARNED_BUCKETS and line is not None and line.told_by_data)
    doubt = None if line is None else _doubt(evidence, terms, line)
    if line is not None and doubt is None and (enough or terms.per_replica is not None):
        mean, low = line.reaches(terms.target), line.surely_reaches(terms.target)
        low = min(low, max(FURTHEST * evidence.highest, _lowest_prior(terms)) if enough else low)
        source = CapacitySource.LEARNED if enough else CapacitySource.PRIOR
        return Capacity(terms.clipped(mean), terms.clipped(min(low, mean)), source, _why(evidence, enough=enough))
    why = doubt or f"{evidence.buckets} of {LEARNED_BUCKETS} buckets seen with every replica ready"
    if terms.per_replica is None:
        return Capacity(None, None, CapacitySource.PRIOR, why)
    prior = _line(CapacityEvidence(), terms)
    assert prior is not None  # noqa: S101 - perReplica gives one
    low = terms.clipped(prior.surely_reaches(terms.target))
    return Capacity(terms.clipped(terms.per_replica), low, CapacitySource.PRIOR, why)


def _why(evidence: CapacityEvidence, *, enough: bool) -> str:
    if enough and evidence.buckets < LEARNED_BUCKETS:
        return f"learned before the last rollout, {evidence.buckets} buckets since"
    if enough:
        return f"learned from {evidence.buckets} buckets"
    if evidence.buckets >= LEARNED_BUCKETS:
        return f"{evidence.buckets} buckets have not told more than perReplica does"
    return f"{evidence.buckets} of {LEARNED_BUCKETS} buckets seen with every replica ready"


def _lowest_prior(terms: CapacityTerms) -> float:
    return terms.per_replica or 0.0


@dataclass(frozen=True, slots=True)
class _Line:
    """u = idle + slope x with the covariance of both, and the residual standard deviation.

    `z` bounds it from above; `spread` is the prior's standard deviation of the slope.
    """

    idle: float
    slope: float
    var_idle: float
    cov: float
    var_slope: float
    noise: float
    z: float
    spread: float

    @property
    def told_by_data(self) -> bool:
        """Whether the data say more of the slope than the prior did."""
        return self.var_slope <= TOLD_BY_DATA * self.spread**2

    def reaches(self, target: float) -> float:
        """Return the x at which the line reaches the target."""
        return (target - self.idle) / self.slope

    def surely_reaches(self, target: float) -> float:
        """Return the x at which the line's upper bound reaches the target: the smaller root of a quadratic."""
        room, zz = target - self.idle, self.z * self.z
        square = self.slope**2 - zz * self.var_slope
        half = room * self.slope + zz * self.cov
        rest = room**2 - zz * self.var_idle
        if square <= 0 or rest <= 0 or half <= 0:
            return 0.0
        return (half - math.sqrt(max(half * half - square * rest, 0.0))) / square


def _doubt(evidence: CapacityEvidence, terms: CapacityTerms, line: _Line) -> str | None:
    """Return why a line is no way to tell the capacity."""
    if line.slope <= 2.326 * math.sqrt(line.var_slope):
        return "utilisation does not rise with the load per replica"
    if line.idle > MOST_IDLE * terms.target:
        return "most of the utilisation is there without load"
    if _own_slope_at_most(evidence.seen_all) < OWN_SLOPE * line.slope:
        return "utilisation rises far less with the load per replica than its level tells"
    mean, low = line.reaches(terms.target), line.surely_reaches(terms.target)
    if not (math.isfinite(mean) and mean > 0 and low > VAGUEST * mean):
        return f"{evidence.buckets} buckets have not told it well enough yet"
    return None


def _own_slope_at_most(sums: Sums) -> float:
    """Return what the slope can be by how u and x move together, not by their levels; inf if x stands still."""
    n = sums.weight
    if n == 0:
        return math.inf
    xx, xu, uu = sums.xx - sums.x**2 / n, sums.xu - sums.x * sums.u / n, sums.uu - sums.u**2 / n
    if xx <= STILL**2 * sums.xx:
        return math.inf
    return xu / xx + 2.0 * math.sqrt(max(uu - xu * xu / xx, 0.0) / max(n, 1.0) / xx)


def _line(evidence: CapacityEvidence, terms: CapacityTerms) -> _Line | None:
    """Return the posterior line; None where there is neither prior nor load to tell its scale.

    Reckoned with x in units of `scale`, so that both coefficients are of the order of the target.
    """
    target, sums = terms.target, evidence.seen_all
    if sums.weight > 0 and sums.x > 0:
        scale = sums.x / sums.weight
    elif terms.per_replica is not None or not math.isnan(evidence.slope):
        scale = 1.0
    else:
        return None
    idle, slope, spread = _believed(evidence, terms, scale)
    prior = (idle, slope * scale)
    precision = ((IDLE_SPREAD * target) ** -2, (spread * scale) ** -2)
    noise = NOISE * target if math.isnan(evidence.noise) else evidence.noise
    scaled = Sums(sums.weight, sums.x / scale, sums.xx / scale**2, sums.u, sums.xu / scale, sums.uu)
    mean, cov, variance = _mean_field(prior, precision, scaled, noise, LEAST_NOISE * target)
    (a, b), (aa, ab, bb) = _not_negative(mean, cov)
    return _Line(a, b / scale, aa, ab / scale, bb / scale**2, math.sqrt(variance), _bound(sums.weight), spread)


def _believed(evidence: CapacityEvidence, terms: CapacityTerms, scale: float) -> tuple[float, float, float]:
    """Return the prior: idle share, slope, the slope's standard deviation; vague where nobody said anything."""
    idle = IDLE_SHARE * terms.target
    if not math.isnan(evidence.slope):
        return evidence.idle, evidence.slope, ROLLOUT_SPREAD * evidence.slope
    if terms.per_replica is not None:
        slope = (terms.target - idle) / terms.per_replica
        return idle, slope, PRIOR_SPREAD * slope
    return idle, terms.target / scale, VAGUE_SPREAD * terms.target / scale


def _mean_field(
    prior: tuple[float, float],
    precision: tuple[float, float],
    sums: Sums,
    noise: float,
    least: float,
) -> tuple[tuple[float, float], tuple[float, float, float], float]:
    """Return mean and covariance (aa, ab, bb) of the coefficients, and the residual variance."""
    n, x, xx, u, xu, uu = sums.values()
    variance = noise * noise
    a = b = aa = ab = bb = 0.0
    for _ in range(_ROUNDS):
        p, q, r = precision[0] + n / variance, x / variance, precision[1] + xx / variance
        det = p * r - q * q
        aa, ab, bb = r / det, -q / det, p / det
        s, t = precision[0] * prior[0] + u / variance, precision[1] * prior[1] + xu / variance
        a, b = aa * s + ab * t, ab * s + bb * t
        residual = uu - 2 * (a * u + b * xu) + a * a * n + 2 * a * b * x + b * b * xx
        unsure = aa * n + 2 * ab * x + bb * xx
        variance = (NOISE_SHAPE * noise * noise + 0.5 * max(residual + unsure, 0.0)) / (NOISE_SHAPE + 0.5 * n)
        variance = max(variance, least * least)
    return (a, b), (aa, ab, bb), variance


def _not_negative(
    mean: tuple[float, float], cov: tuple[float, float, float]
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Condition the line on an idle share of 0 where it came out below."""
    (a, b), (aa, ab, bb) = mean, cov
    if a >= 0:
        return mean, cov
    return (0.0, b - ab / aa * a), (0.0, 0.0, bb - ab * ab / aa)


def _bound(weight: float) -> float:
    """Return the upper bound's quantile: the prior's is normal, with data Student's t (Cornish-Fisher, within 1 %)."""
    if weight == 0:
        return CERTAINTY_Z
    z, freedom = CERTAINTY_Z, 2 * NOISE_SHAPE + weight
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
