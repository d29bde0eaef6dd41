"""AutoETS and MSTL of statsforecast, refitted every hour on the trailing window; between refits their states go on.

A refit fixes parameters (and MSTL's seasonal pattern, which it repeats); after every bucket until the next one the
fitted model filters what came, so every origin has a forecast from the newest data. The largest of the path ahead is
the point forecast of the window maximum, and its band is conformal: the models' own intervals are normal, and for one
bucket at a time. Windows and scale are those that did best on the tuning series: square roots lost 1 to 6 % less than
the loads themselves, and 20 to 40 % less than logs. MSTL's LOESS of trend and low-pass is evaluated at every tenth
point, as R's stl does by default; statsmodels' default of every point takes ten times as long.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .conformal import ROOT, Answers, Scale, banded
from .series import DAY_SECONDS, Floats, Series

HOUR_SECONDS = 3600.0
ETS_WINDOW_SECONDS, MSTL_WINDOW_SECONDS = 2 * DAY_SECONDS, 7 * DAY_SECONDS
FEWEST_JUDGED, FEWEST_ERRORS = 300, 1000  # buckets

Follow = Callable[[Floats, Floats, int], Floats]
"""(window, what comes until the next refit, longest lead) -> paths (1 + what comes, longest lead)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The newest part of a series, in which refits are affordable."""

    judged_days: float
    calibrated_days: float

    def origins(self, series: Series) -> tuple[int, int]:
        """Return the first origin that is fitted, to learn errors from, and the first that is judged."""
        judged = max(series.buckets(self.judged_days * DAY_SECONDS), FEWEST_JUDGED)
        errors = max(series.buckets(self.calibrated_days * DAY_SECONDS), FEWEST_ERRORS)
        first = max(series.half, len(series.values) - judged)
        return max(first - errors, 2 * series.buckets(DAY_SECONDS)), first


def auto_ets(series: Series, scope: Scope) -> Answers | None:
    """Return the bands of AutoETS without season, refitted on the trailing two days."""
    return refitted(series, scope, ETS_WINDOW_SECONDS, ROOT, follow_ets)


def mstl(series: Series, scope: Scope) -> Answers | None:
    """Return the bands of MSTL with a daily season and AutoETS for the rest, refitted on the trailing seven days."""
    day = series.buckets(DAY_SECONDS)
    return refitted(series, scope, MSTL_WINDOW_SECONDS, ROOT, lambda *given: follow_mstl(*given, day=day))


def refitted(series: Series, scope: Scope, window_seconds: float, scale: Scale, follow: Follow) -> Answers | None:
    """Return the bands of what follows a fit on the trailing window; None where there is too little to learn from."""
    fitted, judged = scope.origins(series)
    if judged <= fitted:
        return None
    loads, hour, reach = scale.to(series.loads), series.buckets(HOUR_SECONDS), series.buckets(window_seconds)
    longest = max(series.leads)
    centres = {lead: np.full(len(loads), np.nan) for lead in series.leads}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of a library at constant windows; what they lead to is scored
        for origin in range(fitted, len(loads), hour):
            window, coming = loads[max(0, origin + 1 - reach) : origin + 1], loads[origin + 1 : origin + hour]
            tops = np.maximum.accumulate(follow(window, coming, longest), axis=1)
            for lead, centre in centres.items():
                centre[origin : origin + len(tops)] = tops[:, lead - 1]
    issued = banded(series, centres, scale)
    for quantiles in issued.values():
        quantiles[: judged - series.half] = np.nan
    return issued


def follow_ets(window: Floats, coming: Floats, longest: int) -> Floats:
    """Fit AutoETS and follow it with fixed parameters."""
    from statsforecast.models import AutoETS

    return _paths(AutoETS(model="ZZN").fit(window).model_, window, coming, longest)


def follow_mstl(window: Floats, coming: Floats, longest: int, *, day: int) -> Floats:
    """Fit MSTL and follow its trend; the season repeats its last day."""
    from statsforecast.models import MSTL

    fit = MSTL(season_length=day, stl_kwargs=_jumps(day)).fit(window)
    season = np.resize(fit.model_["seasonal"].to_numpy()[-day:], len(coming) + longest)
    level = (fit.model_["trend"] + fit.model_["remainder"]).to_numpy()
    paths = _paths(fit.trend_forecaster.model_, level, coming - season[: len(coming)], longest)
    return paths + np.lib.stride_tricks.sliding_window_view(season, longest)


def _paths(model: dict[str, object], window: Floats, coming: Floats, longest: int) -> Floats:
    """Return the forecasts from the last bucket of the window and from each that comes."""
    from statsforecast.ets import forward_ets

    states = np.asarray(forward_ets(model, np.concatenate([window, coming]))["states"])[len(window) :]
    components, phi = str(model["components"]), float(model["par"][3])  # type: ignore[index]
    if components[1] == "N":
        return np.repeat(states[:, :1], longest, axis=1)
    damping = np.cumsum(np.full(longest, phi) ** np.arange(1, longest + 1)) if components[3] == "D" else None
    ahead = np.arange(1.0, longest + 1) if damping is None else damping
    return states[:, :1] + states[:, 1:2] * ahead


def _jumps(day: int) -> dict[str, int]:
    return {"trend_jump": max(1, round(0.17 * day)), "low_pass_jump": max(1, day // 10)}
