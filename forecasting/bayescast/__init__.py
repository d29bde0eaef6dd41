"""Online Bayesian forecasting of load: calibrated quantiles of the maximum over a lead window.

from bayescast import Forecaster, ForecastSpec

forecaster = Forecaster(ForecastSpec(step_seconds=60, leads=(10,)))
forecaster.fit(times, loads)
forecaster.update(time, load).predict().quantile(0.95)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .diagnostics import Diagnostics, Track
from .errors import (
    BayescastError,
    CorruptCheckpoint,
    InvalidPrior,
    InvalidSpec,
    InvalidValue,
    NewerCheckpoint,
    NoData,
    OutOfOrder,
    SpecMismatch,
)
from .events import Event
from .predictive import LEVELS, Predictive
from .prior import Prior
from .settings import Settings
from .spec import MAX_LEADS, Family, ForecastSpec, Kind

if TYPE_CHECKING:
    from .bank import Bank
    from .forecaster import Forecaster, pool, warm_up

__all__ = [
    "LEVELS",
    "MAX_LEADS",
    "Bank",
    "BayescastError",
    "CorruptCheckpoint",
    "Diagnostics",
    "Event",
    "Family",
    "ForecastSpec",
    "Forecaster",
    "InvalidPrior",
    "InvalidSpec",
    "InvalidValue",
    "Kind",
    "NewerCheckpoint",
    "NoData",
    "OutOfOrder",
    "Predictive",
    "Prior",
    "Settings",
    "SpecMismatch",
    "Track",
    "pool",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    """Import what is compiled when it is asked for: numba takes half a second, and who reads a forecast needs none."""
    if name not in {"Bank", "Forecaster", "pool", "warm_up"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'bank' if name == 'Bank' else 'forecaster'}"), name)
