"""Online Bayesian forecasting of load: calibrated quantiles of the maximum over a lead window.

from bayescast import Forecaster, ForecastSpec

forecaster = Forecaster(ForecastSpec(step_seconds=60, leads=(10,)))
forecaster.fit(times, loads)
forecaster.update(time, load).predict().quantile(0.95)
"""

from .bank import Bank
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
from .forecaster import Forecaster, pool, warm_up
from .predictive import LEVELS, Predictive
from .prior import Prior
from .settings import Settings
from .spec import MAX_LEADS, Family, ForecastSpec, Kind

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
