"""From a point forecast of the window maximum to its quantiles: the forecast's own past errors (split conformal).

At every origin the errors are those of the newest 2000 windows that are over by then, so all peers are causal and
get the same calibration. The conformal quantile of m errors is the ceil((m + 1) level)-th of them, the largest where
there is none (Lei et al., JASA 113 (2018) 1094).
"""

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayescast.scores import window_max

from .series import Floats, Series

JUDGED = (0.5, 0.9, 0.95, 0.99)
WINDOW = 2000
FEWEST = 50

Answers = dict[int, Floats]
"""Lead -> quantiles at JUDGED for the origins of the second half, (n - n // 2, 4); NaN where none was issued."""
Pick = Callable[[list[float], float], float]


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale a peer works on, and on which errors are added to its forecast."""

    to: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]


RAW = Scale(lambda loads: loads, lambda loads: loads)
ROOT = Scale(np.sqrt, lambda roots: np.maximum(roots, 0.0) ** 2)
LOG = Scale(lambda loads: np.log(loads + 0.5), lambda logs: np.exp(logs) - 0.5)


def conformal(ordered: list[float], level: float) -> float:
    """Return the ceil((m + 1) level)-th of m ordered errors."""
    return ordered[min(math.ceil((len(ordered) + 1) * level), len(ordered)) - 1]


def empirical(ordered: list[float], level: float) -> float:
    """Return the quantile of ordered errors, linear between them."""
    place = level * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def rolling(errors: Floats, lead: int, pick: Pick = conformal) -> Floats:
    """Return for every origin the quantiles at JUDGED of the errors known there, (n, 4); NaN with fewer than 50.

    errors: (n,) of the forecast issued after each bucket, known `lead` buckets later; NaN where there was none.
    """
    found, ordered = np.full((len(errors), len(JUDGED)), np.nan), list[float]()
    for origin in range(lead, len(errors)):
        entering = float(errors[origin - lead])
        if not math.isnan(entering):
            insort(ordered, entering)
        leaving = float(errors[origin - lead - WINDOW]) if origin - lead >= WINDOW else math.nan
        if not math.isnan(leaving):
            del ordered[bisect_left(ordered, leaving)]
        if len(ordered) >= FEWEST:
            found[origin] = [pick(ordered, level) for level in JUDGED]
    return found


def banded(series: Series, centres: Mapping[int, Floats], scale: Scale, pick: Pick = conformal) -> Answers:
    """Return the quantiles that point forecasts of the window maximum have by their past errors.

    centres: lead -> (n,) point forecasts on the scale, of loads in the unit of `series.loads`.
    """
    issued = dict[int, Floats]()
    for lead, centre in centres.items():
        errors = rolling(scale.to(window_max(series.loads, lead)) - centre, lead, pick)[series.half :]
        issued[lead] = series.unit * np.maximum(scale.back(centre[series.half :, None] + errors), 0.0)
    return issued


def path_banded(series: Series, paths: Floats, scale: Scale) -> Answers:
    """Return the same of forecasts of every bucket ahead, (n, longest lead): the largest in a window counts."""
    tops = np.maximum.accumulate(paths, axis=1)
    return banded(series, {lead: tops[:, lead - 1] for lead in series.leads}, scale)
