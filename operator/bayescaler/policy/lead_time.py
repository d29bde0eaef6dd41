"""How long a workload's pods take from being created to being ready: its P90, learned pod by pod.

A Dirichlet process with forgetting: the distribution is the mixture of a prior (log-normal, its P90 the start-up time
that the operator assumes, worth `PRIOR_PODS` pods) and of the start-ups seen, each worth one pod when it is seen and
less by `FORGETTING` with every pod after it, so that about 200 pods count. Kubernetes gives times in whole seconds;
start-ups are kept on a grid of seconds (coarser above 100 s), which bounds the state.

The time a pod waited to be scheduled, for a node to be added say, is part of created-to-Ready, and so of the lead time.
A pod that is not ready yet says that its start takes at least its age: it counts, at that age, once that is above the
P90. One that has waited for `STUCK_SECONDS` is held to be stuck rather than starting (no room, no quota, a broken
image) and counts no more, unless it becomes ready after all.

A rollout of another pod template leaves of all that was seen no more than a prior's weight: the first pods of the new
template decide. The P90 stays at least what it was until `PODS_AFTER_ROLLOUT` of them are there.
"""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import NormalDist

QUANTILE = 0.9
PRIOR_PODS = 3.0
LEAST_PRIOR = 0.01  # pods that it goes on counting as, or rounding might take the last of it
PRIOR_SPREAD = 0.5  # standard deviation of the log: P50 at about half the P90
FORGETTING = 0.995
PODS_AFTER_ROLLOUT = 5
STUCK_SECONDS = 900.0
LONGEST_SECONDS = 3600.0
MOST_ATOMS = 64
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(QUANTILE)

SHORTER_AFTER_SECONDS = 3600.0
BETWEEN_RAISES_SECONDS = 300.0

_VERSION = 1.0
_HEAD = 6


@dataclass(frozen=True, slots=True)
class LeadTime:
    """What is known of the start-up of one workload's pods. `prior_seconds` is the P90 that was assumed.

    `weights`: start-up (seconds, on the grid) -> pods it is worth. `pods` were seen since the last rollout;
    `kept_seconds` is the P90 before it, `template` a mark of the pod template (NaN: unknown).
    """

    prior_seconds: float
    prior_weight: float = PRIOR_PODS
    weights: Mapping[float, float] = field(default_factory=dict)
    pods: int = 0
    kept_seconds: float = 0.0
    template: float = math.nan

    def __post_init__(self) -> None:
        if not (math.isfinite(self.prior_seconds) and self.prior_seconds >= 0):
            raise ValueError(f"lead time: a start-up of {self.prior_seconds} s cannot be assumed; give seconds >= 0")

    @property
    def learned(self) -> bool:
        """Whether any pod was seen."""
        return bool(self.weights)

    def started(self, seconds: Iterable[float]) -> "LeadTime":
        """Return the same after pods took so many seconds each to be ready; what is no duration is passed over."""
        weights, prior, seen = dict(self.weights), self.prior_weight, 0
        for took in seconds:
            if not (math.isfinite(took) and took >= 0):
                continue
            prior = max(prior * FORGETTING, LEAST_PRIOR)
            weights = {at: weight * FORGETTING for at, weight in weights.items()}
            at = _on_grid(took)
            weights[at] = weights.get(at, 0.0) + 1.0
            seen += 1
        return replace(self, weights=_few(weights), prior_weight=prior, pods=self.pods + seen)

    def rolled_out(self, template: float) -> "LeadTime":
        """Return the same for pods of another template: what was seen is worth no more than a prior."""
        total = self.prior_weight + sum(self.weights.values())
        share = min(1.0, PRIOR_PODS / total)
        return replace(
            self,
            prior_weight=max(self.prior_weight * share, LEAST_PRIOR),
            weights={at: weight * share for at, weight in self.weights.items()},
            pods=0,
            kept_seconds=self._quantile(()),
            template=template,
        )

    def p90(self, waiting: Iterable[float] = ()) -> float:
        """Return the P90 in seconds; `waiting` are the ages of pods that have not been ready yet."""
        p90 = self._quantile(())
        if self.pods < PODS_AFTER_ROLLOUT:
            p90 = max(p90, self.kept_seconds)
        late = [age for age in waiting if p90 < age < STUCK_SECONDS]
        return max(p90, self._quantile(late)) if late else p90

    def _quantile(self, late: Sequence[float]) -> float:
        """Solve prior_weight * F(x) + weight of start-ups up to x = QUANTILE of the whole."""
        atoms = dict(self.weights)
        for age in late:
            atoms[age] = atoms.get(age, 0.0) + 1.0
        if not atoms:
            return self.prior_seconds
        wanted = QUANTILE * (self.prior_weight + sum(atoms.values()))
        below = 0.0
        for at in sorted(atoms):
            before = below + self._prior_below(at)
            if before >= wanted:
                break
            below += atoms[at]
            if before + atoms[at] >= wanted:
                return min(at, LONGEST_SECONDS)
        return min(self._prior_quantile((wanted - below) / self.prior_weight), LONGEST_SECONDS)

    def _prior_below(self, seconds: float) -> float:
        if self.prior_seconds == 0:
            return self.prior_weight
        if seconds <= 0:
            return 0.0
        return self.prior_weight * _NORMAL.cdf(math.log(seconds / self.prior_seconds) / PRIOR_SPREAD + _Z)

    def _prior_quantile(self, share: float) -> float:
        share = min(max(share, 1e-9), 1.0 - 1e-9)
        return self.prior_seconds * math.exp(PRIOR_SPREAD * (_NORMAL.inv_cdf(share) - _Z))

    def to_floats(self) -> list[float]:
        """Return the state as a short list of floats; the assumed start-up is the operator's and not in it."""
        head = [
            _VERSION,
            self.prior_weight,
            float(self.pods),
            self.kept_seconds,
            self.template,
            float(len(self.weights)),
        ]
        return head + [number for atom in sorted(self.weights.items()) for number in atom]

    @classmethod
    def from_floats(cls, saved: Sequence[float], *, prior_seconds: float) -> "LeadTime":
        """Return what `to_floats` gave; ValueError where it did not, or a newer version did."""
        if not saved or saved[0] != _VERSION:
            raise ValueError(f"lead time: state of version {saved[0] if saved else 'none'}; this is {_VERSION:g}")
        _, prior_weight, pods, kept, template, count = [*saved[:_HEAD], *[math.nan] * (_HEAD - len(saved))]
        atoms = saved[_HEAD:]
        plausible = all(math.isfinite(number) and number >= 0 for number in (prior_weight, pods, kept, count, *atoms))
        if not plausible or prior_weight <= 0 or len(atoms) != 2 * count or count > MOST_ATOMS:
            raise ValueError("lead time: the state is damaged; it is learned anew")
        weights = {_on_grid(at): weight for at, weight in zip(atoms[::2], atoms[1::2], strict=True)}
        return cls(prior_seconds, min(prior_weight, PRIOR_PODS), weights, int(pods), kept, template)


def _few(weights: dict[float, float]) -> dict[float, float]:
    """Join neighbours, the closest first and into the longer one, until there are no more than `MOST_ATOMS`."""
    while len(weights) > MOST_ATOMS:
        atoms = sorted(weights)
        shorter, longer = min(pairwise(atoms), key=lambda pair: (pair[1] + 1.0) / (pair[0] + 1.0))
        weights[longer] += weights.pop(shorter)
    return weights


def template_mark(template: str) -> float:
    """Return a number for the name of a pod template, as the saved state can hold it."""
    return float(zlib.crc32(template.encode()))


@dataclass(frozen=True, slots=True)
class HeldLead:
    """The lead that is forecast for, in buckets of `step_seconds`.

    `shorter_since`: since when less would have done, at most `shorter`.
    """

    buckets: int
    step_seconds: float
    changed_at: float = -math.inf
    shorter_since: float | None = None
    shorter: int = 0

    def asked(self, buckets: int, *, now: float) -> "HeldLead":
        """Return the lead after `buckets` are asked for at `now`.

        A new lead has a posterior built for it, so it is taken when it is there for good: longer at once (at most
        every five minutes), shorter when it has sufficed for an hour.
        """
        if buckets > self.buckets:
            if now - self.changed_at < BETWEEN_RAISES_SECONDS:
                return replace(self, shorter_since=None)
            return HeldLead(buckets, self.step_seconds, changed_at=now)
        if buckets == self.buckets:
            return self if self.shorter_since is None else replace(self, shorter_since=None)
        if self.shorter_since is None or now < self.shorter_since:
            return replace(self, shorter_since=now, shorter=buckets)
        shorter = max(self.shorter, buckets)
        if now - self.shorter_since < SHORTER_AFTER_SECONDS:
            return replace(self, shorter=shorter)
        return HeldLead(shorter, self.step_seconds, changed_at=now)


def _on_grid(seconds: float) -> float:
    """Return the nearest start-up of the grid: whole seconds, fives from 100, minutes from 600."""
    width = 1.0 if seconds < 100 else 5.0 if seconds < 600 else 60.0
    return min(width * round(seconds / width), LONGEST_SECONDS)
