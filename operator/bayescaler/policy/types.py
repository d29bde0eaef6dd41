"""What a decision is made of: plain records that nobody changes, seconds, fractions and whole pods.

Text, percentages and field names of the resource are gone by the time a `Policy` exists
(`control.translate` makes it).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite, isnan, nan

import numpy as np

from .explain import amount, percent
from .kernels import columns as col
from .kernels.columns import Floats
from .reasons import Health, Limiter, Mode, Phase
from .schedules import Schedule

# Above 1 pods use more than they request, which an HPA may steer to as well; a percentage is a mistake.
MAX_TARGET_UTILIZATION = 10.0


class PolicyType(StrEnum):
    """Unit of one scaling policy, as in autoscaling/v2."""

    PODS = "Pods"
    PERCENT = "Percent"


class Select(StrEnum):
    """How several scaling policies combine, as in autoscaling/v2."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most `value` pods, or percent of the pods, within `period_seconds`."""

    type: PolicyType
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of `behavior`, as HPAScalingRules of autoscaling/v2; tolerance is a fraction."""

    policies: tuple[ScalingPolicy, ...]
    stabilization_window_seconds: float
    select: Select = Select.MAX
    tolerance: float = 0.1


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions of `behavior`; the defaults are the HPA's."""

    scale_up: ScalingRules = ScalingRules(
        (ScalingPolicy(PolicyType.PODS, 4, 15.0), ScalingPolicy(PolicyType.PERCENT, 100, 15.0)), 0.0
    )
    scale_down: ScalingRules = ScalingRules((ScalingPolicy(PolicyType.PERCENT, 100, 15.0),), 300.0)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What to do without usable load data; `replicas` None means that the last rung stays where it is.

    `after_seconds` is how long the stored posterior may stand in, `hold_seconds` how long after that a hold
    may last, `recover_seconds` how long load must be usable again before it is trusted to lower.
    """

    after_seconds: float = 180.0
    target_utilization: float = 0.7
    replicas: int | None = None
    hold_seconds: float = 3600.0
    recover_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Budget:
    """A share of time that may be short, and what steering by it has to know of time."""

    share: float
    step_seconds: float
    startup_seconds: float
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Calm:
    """How a forecast is followed; chosen on the series of docs/benchmarks.md, and not for users to set.

    gate: fleets that a raise after a scale-in has to gain, with a price. broken: times the promised risk at which such
    a raise waits no longer, with a quantile. surprise_floor: pods for each that the load needs, for a while after a
    load beyond the forecast; 0 for none.
    """

    gate: float = 0.6
    broken: float = 5.0
    surprise_floor: float = 1.1


@dataclass(frozen=True, slots=True)
class Policy:
    """One autoscaler's intent. `capacity` is load per replica, in the unit of the load; NaN: not known yet.

    The aim is a budget of time, if there is one; else a price of running short (pods), if there is one; else the
    quantile of the largest load that has to be served.
    `activation_threshold` is the load, in that unit, above which a workload with `min_replicas` 0 is wanted at all.
    `lead_seconds` is how long before a schedule's window opens its floor is held, so that pods are ready by then.

    `capacity_told` and `unit` are only spoken: where the capacity is from, and what stands after a load in messages
    ("/s" for a rate, "" for a gauge). `columns` is the policy as the compiled rules take it: rules and scaling policies
    of `kernels.columns`.
    """

    min_replicas: int
    max_replicas: int
    capacity: float
    quantile: float = 0.95
    price: float | None = None
    budget: Budget | None = None
    buffer: float = 0.0
    mode: Mode = Mode.AUTO
    paused: bool = False
    behavior: Behavior = field(default_factory=Behavior)
    fallback: Fallback = field(default_factory=Fallback)
    calm: Calm = field(default_factory=Calm)
    unit: str = ""
    schedules: tuple[Schedule, ...] = ()
    lead_seconds: float = 0.0
    activation_threshold: float = 0.0
    capacity_told: str = field(default="", compare=False)
    columns: tuple[Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                f"policy: replicas {self.min_replicas}..{self.max_replicas} are no range; "
                "give 0 <= min_replicas <= max_replicas and max_replicas >= 1"
            )
        if not (isnan(self.capacity) or (isfinite(self.capacity) and self.capacity > 0)):
            raise ValueError(f"policy: capacity {self.capacity} serves nothing; give a load above 0")
        if not 0 < self.quantile < 1:
            raise ValueError(f"policy: quantile {self.quantile} is no quantile; give one in (0, 1)")
        if self.price is not None and not (isfinite(self.price) and self.price > 0):
            raise ValueError(f"policy: price {self.price} is no price; give pods above 0")
        if self.budget is not None and not 0 < self.budget.share < 1:
            raise ValueError(f"policy: budget {self.budget.share} is no share of time; give one in (0, 1)")
        if not (isfinite(self.buffer) and self.buffer >= 0):
            raise ValueError(f"policy: buffer {self.buffer} is no margin; give a fraction >= 0")
        if not 0 < self.fallback.target_utilization <= MAX_TARGET_UTILIZATION:
            raise ValueError(
                f"policy: fallback.target_utilization {self.fallback.target_utilization} is no share; "
                f"give one in (0, {MAX_TARGET_UTILIZATION:g}]"
            )
        if not (isfinite(self.activation_threshold) and self.activation_threshold >= 0):
            raise ValueError(f"policy: activation_threshold {self.activation_threshold} is no load; give one >= 0")
        if not (isfinite(self.lead_seconds) and self.lead_seconds >= 0):
            raise ValueError(f"policy: lead_seconds {self.lead_seconds} is no duration; give seconds >= 0")
        object.__setattr__(self, "columns", (_rules_of(self), _policies_of(self.behavior)))

    def at_quantile(self, quantile: float) -> "Policy":
        """Return the same policy with a quantile as its aim."""
        return replace(self, quantile=quantile, price=None, budget=None)

    @property
    def aim(self) -> str:
        """The aim in words."""
        if self.budget is not None:
            return f"{percent(self.budget.share)} of the time short"
        if self.price is not None:
            return f"running short priced at {amount(self.price)} replicas"
        return f"quantile {self.quantile:g}"

    @property
    def promised(self) -> float:
        """The probability at which the forecast is held to its promise."""
        if self.budget is not None:
            return 1.0 - self.budget.share
        return self.quantile


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Pods asked for that the cluster does not give: QUOTA_EXCEEDED, FAILED_CREATE or UNSCHEDULABLE, and the cure."""

    limiter: Limiter
    message: str


SILENT = 2
"""Zeros in a row that are no load where it hardly ever was zero; a single one may be chance."""


@dataclass(slots=True)  # not frozen, as one is made for every decision: to set 16 fields of a frozen one takes .8 us
class Observation:
    """What was seen of one workload by `now`.

    `load` is the newest closed bucket's load (unit of capacity), there if and only if `health` is LIVE; `load_at` its
    end, `earlier` the (end, load) of the buckets before it that came since the last decision, oldest first. `serving`
    is how many pods serve now; None: nobody knows more than how many were asked for. `utilization` is used over
    requested CPU of the ready pods, read only while the load cannot be had, and `utilization_message` why there is
    none. `scale_in_allowed` is False until the objects were listed anew, and the history read, after a start or a lost
    watch. `rolling_out` says that the target is replacing its pods. A `shortfall` is told and changes no number: to ask
    for less would leave less for when there is room. `conflict` says in a clause why somebody else's doing keeps the
    decision from being applied, empty where nothing does.
    """

    replicas: int
    ready_replicas: int | None
    health: Health
    load: float | None = None
    load_at: float | None = None
    health_message: str = ""
    utilization: float | None = None
    utilization_message: str = ""
    phase: Phase = Phase.TRUSTED
    scale_in_allowed: bool = True
    rolling_out: bool = False
    shortfall: Shortfall | None = None
    conflict: str = ""
    serving: int | None = None
    earlier: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.replicas < 0 or (self.ready_replicas is not None and self.ready_replicas < 0):
            raise ValueError(f"observation: {self.replicas} replicas, {self.ready_replicas} ready; give counts >= 0")
        if (self.load is None) is (self.health is Health.LIVE):
            raise ValueError(
                f"observation: load {self.load} with health {self.health}; "
                "live load is a number, any other health has none"
            )
        if self.load is not None and not (isfinite(self.load) and self.load >= 0):
            raise ValueError(f"observation: load {self.load} is implausible; say so by health, not by load")
        if self.utilization is not None and not (isfinite(self.utilization) and self.utilization >= 0):
            raise ValueError(f"observation: utilization {self.utilization} is no share; give None if unknown")


_SELECTS = {Select.MAX: col.SELECT_MAX, Select.MIN: col.SELECT_MIN, Select.DISABLED: col.SELECT_DISABLED}


def _rules_of(policy: Policy) -> Floats:
    """Return what a policy fixes, shape (N_RULES,)."""
    fallback, up, down = policy.fallback, policy.behavior.scale_up, policy.behavior.scale_down
    rules = np.empty(col.N_RULES)
    rules[[col.MIN_REPLICAS, col.MAX_REPLICAS, col.CAPACITY]] = (
        policy.min_replicas,
        policy.max_replicas,
        policy.capacity,
    )
    rules[col.TARGET_UTILIZATION] = fallback.target_utilization
    rules[col.FALLBACK_REPLICAS] = nan if fallback.replicas is None else fallback.replicas
    rules[[col.AFTER, col.HOLD_FOR, col.RECOVER]] = (
        fallback.after_seconds,
        fallback.hold_seconds,
        fallback.recover_seconds,
    )
    rules[[col.UP_TOLERANCE, col.DOWN_TOLERANCE]] = up.tolerance, down.tolerance
    rules[[col.UP_SELECT, col.DOWN_SELECT]] = _SELECTS[up.select], _SELECTS[down.select]
    rules[[col.UP_WINDOW, col.DOWN_WINDOW]] = up.stabilization_window_seconds, down.stabilization_window_seconds
    rules[[col.BUFFER, col.QUANTILE, col.PRICE, col.BUDGET]] = policy.buffer, nan, nan, nan
    rules[[col.STEP_SECONDS, col.STARTUP_SECONDS, col.LAG_SECONDS]] = nan
    if policy.budget is not None:
        budget = policy.budget
        rules[col.BUDGET] = budget.share
        rules[[col.STEP_SECONDS, col.STARTUP_SECONDS, col.LAG_SECONDS]] = (
            budget.step_seconds,
            budget.startup_seconds,
            budget.lag_seconds,
        )
    elif policy.price is not None:
        rules[col.PRICE] = policy.price
    else:
        rules[col.QUANTILE] = policy.quantile
    rules[[col.GATE, col.BROKEN, col.SURPRISE_FLOOR]] = policy.calm.gate, policy.calm.broken, policy.calm.surprise_floor
    rules[col.ACTIVATION] = policy.activation_threshold
    rules[col.APPLIES] = not policy.paused and policy.mode is not Mode.OBSERVE
    return rules


def _policies_of(behavior: Behavior) -> Floats:
    """Return the scaling policies of both directions, shape (k, 4)."""
    rows = [
        (direction, policy.type is PolicyType.PERCENT, policy.value, policy.period_seconds)
        for direction, rules in ((1.0, behavior.scale_up), (-1.0, behavior.scale_down))
        for policy in rules.policies
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)
