"""The decision, pure: a policy, an observation and a forecast in, replicas and every reason out."""

from .engine import decide
from .explain import lines
from .predictive import Predictive
from .reasons import Health, Limiter, Mode, Phase, Rung
from .trust import Evidence, assess
from .types import (
    Behavior,
    Decision,
    Fallback,
    History,
    Observation,
    Policy,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    Select,
    State,
    Step,
)

__all__ = [
    "Behavior",
    "Decision",
    "Evidence",
    "Fallback",
    "Health",
    "History",
    "Limiter",
    "Mode",
    "Observation",
    "Phase",
    "Policy",
    "PolicyType",
    "Predictive",
    "Rung",
    "ScalingPolicy",
    "ScalingRules",
    "Select",
    "State",
    "Step",
    "assess",
    "decide",
    "lines",
]
