"""One autoscaler as the operator knows it: its intent, what was seen, what was decided, what was said."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bayescaler.api import API_VERSION, KIND
from bayescaler.cluster.events import ObjectRef
from bayescaler.cluster.scale import Target
from bayescaler.cluster.scalers import Scaler
from bayescaler.policy import Decision, Outlook, Policy, State
from bayescaler.policy.canary import Pair, Trial
from bayescaler.policy.conflicts import Tenure
from bayescaler.policy.reasons import Health, Phase
from bayescaler.policy.saved_state import of_another_load
from bayescaler.policy.trust import Evidence, Standing, why
from bayescaler.policy.types import Shortfall
from bayescast import Bank

from .learned import Serving, Starts
from .translate import Intent


@dataclass(frozen=True, slots=True)
class Problem:
    """Something only the operator could see: a CamelCase reason and a sentence with the cure."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict(Problem):
    """What somebody else does to what we size. `withholds` is the clause of why we do not write, if we do not;
    `found` is False where it could not be looked for.
    """

    withholds: str = ""
    found: bool = True


@dataclass(slots=True)
class Load:
    """What is known of the load: the newest bucket with data (`at` is its end), and why nothing newer is there."""

    value: float | None = None
    at: float | None = None
    health: Health = Health.ABSENT
    message: str = "not read yet"
    reason: str = "NotReadYet"
    warnings: tuple[str, ...] = ()
    trouble_since: float | None = None
    """Since when every read has failed or brought nonsense; None after a good one."""
    complete: bool = False
    """Whether the newest closed bucket has been read: nothing is lowered on less."""
    behind: bool = False
    """Whether the posterior still lacks buckets before the newest one read."""


@dataclass(slots=True, eq=False)
class Seat:
    """Where the posterior lives, what it was built for, and the end of the last bucket it has consumed."""

    bank: Bank
    row: int
    intent: Intent
    consumed_until: float
    left: bool = False
    """Whether the row was given back, and may be another's."""
    judged_until: float = float("nan")
    """The end of the last bucket that trust was judged by."""


@dataclass(slots=True, eq=False)
class Canary:
    """Other settings of the forecaster beside the live ones: a seat that decides nothing, and what it has shown."""

    trial: Trial
    seat: Seat | None = None
    pending: list[tuple[float, float]] = field(default_factory=list)
    """Buckets that the live seat was given, and this one was not yet."""
    pair: Pair | None = None
    """The window under way."""
    outlook: Outlook | None = None
    state: State | None = None
    """The memory of what would be decided by it."""
    replicas: int | None = None
    building: "asyncio.Task[None] | None" = None
    due_at: float = float("-inf")
    retry_seconds: float = 0.0
    problem: str = ""
    """Why it cannot be compared at the moment."""


class Outline(NamedTuple):
    """What makes a status worth a write at once; live numbers, and sentences with numbers in them, do not."""

    phase: str | None
    current: int | None
    desired: int | None
    scaled_at: str | None
    generation: int | None
    has_forecast: bool
    canary: str | None
    conditions: tuple[tuple[Any, ...], ...]
    """Type, status and reason of each."""


@dataclass(slots=True)
class Told:
    """What was last written to the API server, and logged, so that only changes are told again."""

    status: dict[str, Any] = field(default_factory=dict)
    at: float = float("-inf")
    outlined: tuple[dict[str, Any], Outline] | None = None
    """A status, and what is material of it."""
    logged: tuple[object, ...] = ()
    """What the last decision came to."""


@dataclass(slots=True)
class Workload:
    """The record of one object; made by the registry, changed by the stages of the tick, each its own fields."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: str = ""
    intent: Intent | None = None
    meaning: str = ""
    """Mark of what numbers of the load mean, of the last intent that there was; empty before the first."""
    spec_problem: Problem | None = None
    # collect
    load: Load = field(default_factory=Load)
    reading: "asyncio.Task[None] | None" = None
    fresh: list[tuple[float, float]] = field(default_factory=list)
    target: Target | None = None
    target_problem: Problem | None = None
    utilization: float | None = None
    scaler: Scaler | None = None
    """The HPA or ScaledObject whose floor is ours, in mode Floor."""
    floor_terms: tuple[Policy, Policy] | None = None
    """The policy in force, and the same within what the floor may be."""
    conflict: Conflict | None = None
    tenure: Tenure = field(default_factory=Tenure)
    utilization_message: str = ""
    rollout_since: float | None = None
    short_since: float | None = None
    """Since when fewer pods are ready than asked for."""
    shortfall: Shortfall | None = None
    shortfall_message: str = ""
    """Why it could not be found out what pods wait for."""
    shortfall_read_at: float | None = None
    scale_read_at: float = float("-inf")
    utilization_read_at: float = float("-inf")
    """When these were last asked for, where the API server has to be."""
    # estimate
    seat: Seat | None = None
    awaits_history_since: float | None = None
    """Since when the first posterior has been wanted, None once it was built: until then nothing is lowered, except
    that a history nobody can read holds things back no longer than `fallback`'s hold."""
    outlook: Outlook | None = None
    evidence: Evidence | None = None
    doubted: int = 0
    """Zeros in a row, up to the newest bucket, that the forecast takes as missing, as the load hardly ever was zero."""
    canary: Canary | None = None
    standing: Standing = field(default_factory=Standing)
    phase: Phase = Phase.LEARNING
    phase_told: str = "the history is still being read"
    """Why the phase is what it is where no evidence says so, else empty."""
    # learn
    starts: Starts = field(default_factory=Starts)
    serving: Serving = field(default_factory=Serving)
    # decide
    state: State = field(default_factory=State)
    unbooked: list[tuple[float, float]] = field(default_factory=list)
    """Buckets that the posterior has consumed since the last decision on live load: (end, load in capacity's unit)."""
    resuming: bool = False
    """Whether the state is a saved one that nothing was decided from yet."""
    state_refused: str = ""
    """Why a saved state was not taken up; empty once it was told."""
    decision: Decision | None = None
    decided_for: Intent | None = None
    # act, report
    writing: "asyncio.Task[None] | None" = None
    telling: "asyncio.Task[None] | None" = None
    write_problem: Problem | None = None
    written: Decision | None = None
    """The decision that was last tried to be written."""
    last_scale_at: float | None = None
    told: Told = field(default_factory=Told)
    gone: bool = False

    def forget_load(self) -> None:
        """Forget every number that speaks of the load: from now on they mean something else. Pods and times stay."""
        if self.reading is not None:
            self.reading.cancel()
            self.reading = None
        self.load, self.outlook, self.evidence = Load(), None, None
        self.standing, self.state = Standing(), of_another_load(self.state)
        self.phase, self.phase_told = Phase.LEARNING, "the history is still being read"
        self.fresh.clear()
        self.unbooked.clear()

    def forget_serving(self) -> None:
        """Forget what one replica serves: load or utilisation mean something else from now on."""
        if self.serving.reading is not None:
            self.serving.reading.cancel()
        self.serving = Serving()

    @property
    def phase_message(self) -> str:
        """Why the phase is what it is, in a clause."""
        return self.phase_told or ("" if self.evidence is None else why(self.evidence, self.standing))

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.namespace, self.name)

    @property
    def label(self) -> str:
        """`namespace/name`, as people write it."""
        return f"{self.namespace}/{self.name}"

    @property
    def reference(self) -> ObjectRef:
        """The object as an Event names it."""
        return ObjectRef(API_VERSION, KIND, self.namespace, self.name, self.uid)
