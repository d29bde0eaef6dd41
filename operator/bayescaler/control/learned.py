"""What is learned of one workload beside its load: how its pods start, and what one of them serves."""

import asyncio
from dataclasses import dataclass, field

from bayescaler.policy import Policy
from bayescaler.policy.capacity import Capacity, CapacityEvidence
from bayescaler.policy.lead_time import HeldLead, LeadTime

MOST_LOADS = 64
MOST_SPANS = 8


@dataclass(slots=True)
class Starts:
    """How the pods start. Times are epoch seconds."""

    lead_time: LeadTime | None = None
    p90_seconds: float | None = None
    held: HeldLead | None = None
    replicas: int | None = None
    open_since: float | None = None
    """Since when pods may be starting: those created later are seen through to their first readiness."""
    due_at: float = float("-inf")
    refused_until: float = float("-inf")
    waiting: dict[str, float] = field(default_factory=dict)
    """Pods that never were ready yet: uid -> created."""
    settled: frozenset[str] = frozenset()
    """Pods of the last list of which nothing more is to be learned."""
    templates: frozenset[str] = frozenset()
    """Pod templates in the last list."""
    rollouts: int = 0
    problem: str = ""
    reading: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Span:
    """A time in which the same number of replicas was wished for, there and ready at every look."""

    ready: int
    since: float
    until: float
    lasts: bool = True


@dataclass(slots=True)
class Serving:
    """What one replica serves: the evidence, what is read for it, and what follows from it."""

    evidence: CapacityEvidence = field(default_factory=CapacityEvidence)
    capacity: Capacity | None = None
    rollouts: int = 0
    """Rollouts the evidence knows of."""
    loads: dict[float, float] = field(default_factory=dict)
    """Newest closed buckets of the load: start -> load in the unit of the capacity."""
    spans: list[Span] = field(default_factory=list)
    fed_until: float = float("-inf")
    read_until: float = float("-inf")
    utilization: float | None = None
    utilization_at: float | None = None
    problem: str = ""
    refused: str = ""
    policy: tuple[Policy, Policy] | None = None
    """The policy of the spec, and the same with the capacity in force."""
    reading: "asyncio.Task[None] | None" = None

    def heard(self, at: float, load: float) -> None:
        """Keep the load of the bucket that began at `at`, and of the newest others."""
        self.loads[at] = load
        while len(self.loads) > MOST_LOADS:
            del self.loads[min(self.loads)]

    def looked(self, ready: int | None, *, steady: bool, now: float) -> None:
        """Take in a look at the replicas."""
        last = self.spans[-1] if self.spans else None
        if last is not None and last.lasts and steady and last.ready == ready:
            last.until = now
            return
        if last is not None:
            last.lasts = False
        if steady and ready:
            self.spans = [*self.spans[-MOST_SPANS + 1 :], Span(ready, now, now)]

    def ready_throughout(self, start: float, end: float) -> int | None:
        """Return the ready replicas of a time in which nothing changed; None where something did, or nobody looked."""
        return next((span.ready for span in self.spans if span.since <= start and end <= span.until), None)
