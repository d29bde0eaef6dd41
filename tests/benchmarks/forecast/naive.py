"""Peers that need no library: the last value, and the same hour of yesterday or of last week."""

import numpy as np

from bayescast.scores import window_max

from .conformal import LOG, RAW, Answers, banded, empirical
from .series import DAY_SECONDS, WEEK_SECONDS, Series


def rolling_quantile(series: Series) -> Answers:
    """Return the last value times the rolling empirical quantiles of log ratios: the yardstick of all ratios."""
    return banded(series, dict.fromkeys(series.leads, LOG.to(series.loads)), LOG, empirical)


def last_value(series: Series) -> Answers:
    """Return the last value plus a conformal band."""
    return banded(series, dict.fromkeys(series.leads, series.loads), RAW)


def yesterday(series: Series) -> Answers | None:
    """Return the window maximum of a day ago plus a conformal band."""
    return _seasonal(series, DAY_SECONDS)


def last_week(series: Series) -> Answers | None:
    """Return the window maximum of a week ago plus a conformal band; None where the first half is no week long."""
    return _seasonal(series, WEEK_SECONDS)


def _seasonal(series: Series, period_seconds: float) -> Answers | None:
    period = series.buckets(period_seconds)
    if series.half < period:
        return None
    unknown = np.full(period, np.nan)
    centres = {
        lead: np.concatenate([unknown, window_max(series.loads, lead)[:-period]])  # over by now: no lead is a season
        for lead in series.leads
    }
    return banded(series, centres, RAW)
