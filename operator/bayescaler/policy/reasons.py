"""The words of every decision: one vocabulary for status, events, metrics, logs and explain."""

from enum import StrEnum


class Mode(StrEnum):
    """What the operator may write."""

    OBSERVE = "Observe"
    FLOOR = "Floor"
    AUTO = "Auto"


class Health(StrEnum):
    """What is known of the load: absent, stale, implausible and zero are four different things."""

    LIVE = "Live"
    ABSENT = "Absent"
    STALE = "Stale"
    IMPLAUSIBLE = "Implausible"
    FAILED = "Failed"


class Phase(StrEnum):
    """How much the forecast may do."""

    LEARNING = "Learning"
    TRUSTED = "Trusted"
    DEGRADED = "Degraded"


class CanaryPhase(StrEnum):
    """Where a canary of the forecaster stands."""

    WARMING = "Warming"
    RUNNING = "Running"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"


class Rung(StrEnum):
    """Rungs of the fallback ladder, best first."""

    PREDICTIVE = "Predictive"
    STORED = "PredictiveOnStoredPosterior"
    REACTIVE = "Reactive"
    HOLD = "Hold"
    FLOOR = "Floor"


class Limiter(StrEnum):
    """The rule that fixed the final number of replicas, in the order the rules are applied."""

    FORECAST = "Forecast"
    REACTIVE = "Reactive"
    HOLD = "Hold"
    FALLBACK_FLOOR = "FallbackFloor"
    SAFETY_FLOOR = "SafetyFloor"
    SURPRISE = "Surprise"
    TRUST = "Trust"
    SCALE_IN_WINDOW = "ScaleInWindow"
    REVERSAL_GATE = "ReversalGate"
    ACTIVATION = "Activation"
    SCALE_IN_HELD = "ScaleInHeld"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    TOLERANCE = "Tolerance"
    SCALE_UP_STABILIZATION = "ScaleUpStabilization"
    SCALE_DOWN_STABILIZATION = "ScaleDownStabilization"
    SCALE_UP_POLICY = "ScaleUpPolicy"
    SCALE_DOWN_POLICY = "ScaleDownPolicy"
    SCHEDULE = "Schedule"
    MIN_REPLICAS = "MinReplicas"
    MAX_REPLICAS = "MaxReplicas"
    QUOTA_EXCEEDED = "QuotaExceeded"
    FAILED_CREATE = "FailedCreate"
    UNSCHEDULABLE = "Unschedulable"
    OBSERVE = "ObserveMode"
    PAUSED = "Paused"
    CONFLICT = "Conflict"
    SCALED_TO_ZERO = "ScaledToZero"


class CapacitySource(StrEnum):
    """Where the capacity of a replica is from."""

    FIXED = "Fixed"
    PRIOR = "Prior"
    LEARNED = "Learned"
