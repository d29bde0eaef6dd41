"""Online peers: SNARIMAX of river and the dynamic linear model of pybats, one update a bucket, no refit.

Their point forecasts of the window maximum (the largest of the path ahead) get the same conformal bands as all others.
river issues no quantiles of its own. pybats 0.0.5 would simulate paths, but its simulation assigns arrays to numbers,
which numpy 2 refuses; its updates and its forecasts of the state run. Constants and scales are those that did best on
the tuning series.
"""

from typing import Any

import numpy as np

from .conformal import RAW, ROOT, WINDOW, Answers, path_banded
from .series import DAY_SECONDS, Floats, Series

LAGS, SEASONAL_LAGS, LEARNING_RATE = 4, 2, 0.001
MOST = 10.0  # times the largest load seen: a path of least squares by gradient may explode
HARMONICS = [1, 2, 3, 4]
DISCOUNT_TREND, DISCOUNT_SEASON, DISCOUNT_VARIANCE = 0.8, 0.999, 0.99


def snarimax(series: Series) -> Answers | None:
    """Return the bands of river's SNARIMAX: four lags and the same bucket of the two days before, by gradient."""
    day, longest = series.buckets(DAY_SECONDS), max(series.leads)
    model, roots = snarimax_model(day), ROOT.to(series.loads)
    paths = np.full((len(roots), longest), np.nan)
    first = max(day + LAGS, series.half - WINDOW - longest)
    for bucket, root in enumerate(roots.tolist()):
        model.learn_one(root)
        if bucket >= first:
            paths[bucket] = model.forecast(longest)
    most = MOST * np.maximum.accumulate(roots)[:, None]
    return path_banded(series, np.clip(paths, 0.0, most), ROOT)


def dynamic_model(series: Series) -> Answers | None:
    """Return the bands of pybats' normal dynamic linear model: a level and four harmonics of the day."""
    model = linear_model(series.buckets(DAY_SECONDS))
    ahead = steps_ahead(model, max(series.leads))
    paths = np.empty((len(series.values), len(ahead)))
    for bucket, load in enumerate(series.loads.tolist()):
        model.update(load)
        paths[bucket] = ahead @ model.a[:, 0]
    return path_banded(series, paths, RAW)


def snarimax_model(day: int) -> Any:
    """Return river's model before any data."""
    from river.linear_model import LinearRegression
    from river.optim import SGD
    from river.preprocessing import StandardScaler
    from river.time_series import SNARIMAX

    regressor = StandardScaler() | LinearRegression(optimizer=SGD(LEARNING_RATE))
    return SNARIMAX(p=LAGS, d=0, q=0, m=day, sp=SEASONAL_LAGS, regressor=regressor)


def linear_model(day: int) -> Any:
    """Return pybats' model before any data."""
    from pybats.dglm import dlm

    return dlm(**_parts(day), delVar=DISCOUNT_VARIANCE)


def poisson_model(day: int) -> Any:
    """Return the same for counts, with exact conjugate parameters.

    Timed, but not judged: on the counts among the tuning series its best discounts lost 4 to 25 % more than the normal.
    """
    from pybats.dglm import pois_dglm

    return pois_dglm(**_parts(day), interpolate=False)


def _parts(day: int) -> dict[str, Any]:
    size = 1 + 2 * len(HARMONICS)
    return {
        "a0": np.zeros(size), "R0": np.eye(size), "ntrend": 1, "seasPeriods": [day], "seasHarmComponents": [HARMONICS],
        "deltrend": DISCOUNT_TREND, "delseas": DISCOUNT_SEASON,
    }  # fmt: skip


def steps_ahead(model: Any, longest: int) -> Floats:
    """Return what the state is multiplied with for its forecasts of the next buckets, (longest, state)."""
    ahead = np.empty((longest, len(model.F)))
    ahead[0] = model.F[:, 0]
    for step in range(1, longest):
        ahead[step] = ahead[step - 1] @ model.G
    return ahead
