"""How much the answer moves with what was assumed before any data, and after how many buckets it no longer matters."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import NoData
from .forecaster import Forecaster
from .inputs import numbers
from .predictive import LEVELS
from .prior import Prior, shared
from .spec import ForecastSpec, Kind

Floats = NDArray[np.float64]

CONSTANTS = ("scale_prior", "shape_prior", "regression_prior", "regression_noise", "spread_prior")
COUNT_CONSTANTS = ("dispersion_prior", "dispersion_weight")
GROUP = "group prior"
FACTORS = (0.5, 2.0)
SHOWN_LEVELS = (0.5, 0.95, 0.99)
LIMITS = (0.05, 0.01)
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Move:
    """What one assumption does to the issued quantiles; moves are shares of the quantile.

    assumption: a constant of the settings, or the group prior. factor: what it was multiplied by; 0: left out.
    first_day: level -> mean move over the first day. largest: level -> largest move of one bucket. settled: level ->
    limit -> buckets with load after which the move, averaged over the day that follows, stays below the limit; None:
    not within this history.
    """

    assumption: str
    factor: float
    first_day: dict[float, float]
    largest: dict[float, float]
    settled: dict[float, dict[float, int | None]]


def sensitivity(
    spec: ForecastSpec, times: ArrayLike, values: ArrayLike, *, prior: Prior | None = None, lead: int | None = None
) -> tuple[Move, ...]:
    """Replay a history with every prior constant halved and doubled, and, if there is one, without the group prior.

    times, values: (n,) as `Forecaster.fit` takes them; lead: one of spec.leads (default: the first). A quantile of less
    than a hundredth of the mean load counts as that much. Where the group prior says what a constant would have said,
    the constant moves nothing. InvalidValue, OutOfOrder, SpecMismatch, or NoData without a load.
    """
    loads = numbers(values, "values")
    if np.isnan(loads).all():
        raise NoData("the history holds no load: there is nothing to compare")
    lead = spec.leads[0] if lead is None else lead
    base = Forecaster(spec, prior).replay(times, loads)[lead]
    shown, seen = [LEVELS.index(level) for level in SHOWN_LEVELS], ~np.isnan(base[:, 0])
    unit = np.maximum(base, 0.01 * float(np.nanmean(loads)) + 1e-300)
    day = max(1, round(_DAY / spec.step_seconds))
    moves = []
    for assumption, factor, other in _variants(spec, prior):
        issued = other.replay(times, loads)[lead]
        moved = (np.abs(issued - base) / unit)[seen][:, shown]
        moves.append(_move(assumption, factor, moved, day))
    return tuple(moves)


def _variants(spec: ForecastSpec, prior: Prior | None) -> Iterator[tuple[str, float, Forecaster]]:
    """Make a forecaster for every assumption and factor."""
    if prior is not None:
        yield GROUP, 0.0, Forecaster(spec)
    for constant in CONSTANTS + (COUNT_CONSTANTS if spec.kind is Kind.COUNT else ()):
        for factor in FACTORS:
            changed = {constant: factor * getattr(spec.settings, constant)}
            varied = replace(spec, settings=spec.settings._replace(**changed))
            held = None if prior is None else replace(prior, spec=shared(varied))
            yield constant, factor, Forecaster(varied, held)


def _move(assumption: str, factor: float, moved: Floats, day: int) -> Move:
    """Sum up the (n, levels) moves of one variant."""
    span = min(day, max(1, len(moved) // 2))  # a history of less than two days has shorter ones
    sums = np.concatenate([np.zeros((1, moved.shape[1])), np.cumsum(moved, axis=0)])
    following = (sums[span:] - sums[:-span]) / span
    settled: dict[float, dict[float, int | None]] = {}
    for place, level in enumerate(SHOWN_LEVELS):
        settled[level] = {limit: _settled(following[:, place] > limit) for limit in LIMITS}
    return Move(
        assumption=assumption,
        factor=factor,
        first_day=_by_level(moved[:day].mean(axis=0)),
        largest=_by_level(moved.max(axis=0)),
        settled=settled,
    )


def _settled(beyond: NDArray[np.bool_]) -> int | None:
    """Return the place after the last True; None if that is the end."""
    last = np.flatnonzero(beyond)
    if last.size == 0:
        return 0
    return None if last[-1] == len(beyond) - 1 else int(last[-1]) + 1


def _by_level(values: Floats) -> dict[float, float]:
    return {level: float(value) for level, value in zip(SHOWN_LEVELS, values, strict=True)}
