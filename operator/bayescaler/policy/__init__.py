"""The decision, pure: a policy, an observation and a forecast in, replicas and every reason out."""

from .decision import Decision, Step, lines
from .engine import decide, warm_up
from .predictive import Outlook, Predictive
from .reasons import Health, Limiter, Mode, Phase, Rung
from .schedules import Schedule
from .state import State
from .trust import Change, Evidence, Standing, assess, judge
from .types import (
    Behavior,
    Budget,
    Calm,
    Fallback,
    Observation,
    Policy,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    Select,
    Shortfall,
)

__all__ = [
    "Behavior",
    "Budget",
    "Calm",
    "Change",
    "Decision",
    "Evidence",
    "Fallback",
    "Health",
    "Limiter",
    "Mode",
    "Observation",
    "Outlook",
    "Phase",
    "Policy",
    "PolicyType",
    "Predictive",
    "Rung",
    "ScalingPolicy",
    "ScalingRules",
    "Schedule",
    "Select",
    "Shortfall",
    "Standing",
    "State",
    "Step",
    "assess",
    "decide",
    "judge",
    "lines",
    "warm_up",
]
