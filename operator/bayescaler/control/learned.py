"""What is learned of one workload beside its load: how its pods start, and what one of them serves."""

import asyncio
from dataclasses import dataclass, field

from bayescaler.policy import Policy
from bayescaler.policy.capacity import Capacity, CapacityEvidence
from bayescaler.policy.lead_time import HeldLead, LeadTime

MOST_LOADS = 64
MOST_LOOKS = 32
FEW = 0.1
LONGEST_BLINK_SECONDS = 60.0
"""Time without a look after which nothing is known of what was between."""


@dataclass(slots=True)
class Starts:
    """How the pods start. Times are epoch seconds."""

    lead_time: LeadTime | None = None
    p90_seconds: float | None = None
    held: HeldLead | None = None
    beyond: str = ""
    """Why a lead that is wanted is not forecast for; empty where it is."""
    replicas: int | None = None
    open_since: float | None = None
    """Since when pods may be starting: those created later are seen through to their first readiness."""
    due_at: float = float("-inf")
    refused_until: float = float("-inf")
    waiting: dict[str, float] = field(default_factory=dict)
    """Pods that in the last list never had been ready: uid -> created. Nothing is known of the time since."""
    settled: frozenset[str] = frozenset()
    """Pods of the last list of which nothing more is to be learned."""
    templates: frozenset[str] = frozenset()
    """Pod templates in the last list."""
    rollouts: int = 0
    problem: str = ""
    reading: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Look:
    """What every look at the replicas from `since` to `until` has shown: how many were ready, how many were not yet."""

    ready: int
    starting: int
    since: float
    until: float

    @property
    def steady(self) -> bool:
        """Whether what starts is so little that it hides nothing of what the others do."""
        return self.ready > 0 and self.starting <= FEW * self.ready


@dataclass(slots=True)
class Serving:
    """What one replica serves: the evidence, what is read for it, and what follows from it."""

    evidence: CapacityEvidence = field(default_factory=CapacityEvidence)
    meaning: tuple[object, ...] | None = None
    """What load and utilisation meant when it was gathered; None: nobody asked yet, as of a saved one."""
    capacity: Capacity | None = None
    rollouts: int = 0
    """Rollouts the evidence knows of."""
    loads: dict[float, float] = field(default_factory=dict)
    """Newest closed buckets of the load: start -> load in the unit of the capacity."""
    looks: list[Look] = field(default_factory=list)
    fed_until: float = float("-inf")
    read_until: float = float("-inf")
    utilization: float | None = None
    utilization_at: float | None = None
    problem: str = ""
    refused: str = ""
    in_force: float | None = None
    """The capacity that is decided by; NaN: nobody knows one yet. It follows what was learned when that has moved."""
    policy: tuple[Policy, Policy] | None = None
    """The policy of the spec, and the same with the capacity in force."""
    reading: "asyncio.Task[None] | None" = None

    def heard(self, at: float, load: float) -> None:
        """Keep the load of the bucket that began at `at`, and of the newest others."""
        self.loads[at] = load
        while len(self.loads) > MOST_LOADS:
            del self.loads[min(self.loads)]

    def looked(self, ready: int, starting: int, *, now: float) -> None:
        """Take in a look at the replicas."""
        last = self.looks[-1] if self.looks else None
        if last is not None and now - last.until > LONGEST_BLINK_SECONDS:
            self.looks, last = [], None
        if last is not None and (last.ready, last.starting) == (ready, starting):
            last.until = now
            return
        if last is not None:
            last.until = now  # until somebody saw that it was over
        self.looks = [*self.looks[-MOST_LOOKS + 1 :], Look(ready, starting, now, now)]

    def ready_during(self, start: float, end: float, *, settling_seconds: float) -> float | None:
        """Return the mean number of ready replicas of a bucket; None where it says little or nobody looked.

        From `settling_seconds` before the start on, hardly any pod may have been starting, nor the ready ones have
        changed by more than a tenth.
        """
        during = [look for look in self.looks if look.until > start - settling_seconds and look.since < end]
        if not during or during[0].since > start - settling_seconds or during[-1].until < end:
            return None
        counts = [look.ready for look in during]
        if not all(look.steady for look in during) or max(counts) - min(counts) > FEW * max(counts):
            return None
        shares = [max(0.0, min(look.until, end) - max(look.since, start)) for look in during]
        return sum(share * count for share, count in zip(shares, counts, strict=True)) / (end - start)
