"""The decision, pure: a policy, an observation and a forecast in, replicas and every reason out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .decision import Decision, Step, lines
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

if TYPE_CHECKING:
    from .engine import decide, warm_up

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


def __getattr__(name: str) -> Any:
    """Import what is compiled when it is asked for: numba takes half a second, and who tells a decision needs none."""
    if name not in {"decide", "warm_up"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.engine"), name)
