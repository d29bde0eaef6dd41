"""The resource `BayesianAutoscaler`: pydantic models, the single source of the CRD and its reference page."""

from .canary_status import CanaryStatus
from .crd import crd, crd_yaml
from .durations import Duration, Horizon, duration_text, seconds
from .errors import Problem, SpecError
from .forecast import ForecastSection
from .reference import reference_markdown
from .resource import (
    API_VERSION,
    GROUP,
    KIND,
    PLURAL,
    SHORT,
    SINGULAR,
    VERSION,
    BayesianAutoscaler,
    parse_spec,
)
from .spec import Spec
from .status import ConditionType, Status

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "PLURAL",
    "SHORT",
    "SINGULAR",
    "VERSION",
    "BayesianAutoscaler",
    "CanaryStatus",
    "ConditionType",
    "Duration",
    "ForecastSection",
    "Horizon",
    "Problem",
    "Spec",
    "SpecError",
    "Status",
    "crd",
    "crd_yaml",
    "duration_text",
    "parse_spec",
    "reference_markdown",
    "seconds",
]
