"""Online Bayesian forecasting of load: calibrated quantiles of the maximum over a lead window.

from bayescast import Forecaster, ForecastSpec

forecaster = Forecaster(ForecastSpec(step_seconds=60, leads=(10,)))
forecaster.fit(times, loads)
forecaster.update(time, load).predict().quantile(0.95)
"""

from .bank import Bank
from .diagnostics import Diagnostics
from .errors import (
    BayescastError,
    CorruptCheckpoint,
    InvalidSpec,
    InvalidValue,
    NewerCheckpoint,
    NoData,
    OutOfOrder,
    SpecMismatch,
)
from .forecaster import Forecaster, warm_up
from .predictive import LEVELS, Predictive
from .settings import Settings
from .spec import MAX_LEADS, Family, ForecastSpec, Kind

__all__ = [
    "LEVELS",
    "MAX_LEADS",
    "Bank",
    "BayescastError",
    "CorruptCheckpoint",
    "Diagnostics",
    "Family",
    "ForecastSpec",
    "Forecaster",
    "InvalidSpec",
    "InvalidValue",
    "Kind",
    "NewerCheckpoint",
    "NoData",
    "OutOfOrder",
    "Predictive",
    "Settings",
    "SpecMismatch",
    "warm_up",
]
