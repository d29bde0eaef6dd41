"""What a window of history says to the models of the forecaster, and what the forecaster made of it.

The forecaster is replayed bucket by bucket, so loads, weights and features are exactly those it learned from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue, NoData
from .forecaster import Forecaster
from .inputs import checked
from .posterior import Posterior
from .spec import Family, ForecastSpec, Kind

Floats = NDArray[np.float64]

MEMORIES = 5.0  # that a window spans: less than 1 % of what a discounted posterior rests on is older
LEAST_BUCKETS = 100
LEAST_WINDOWS = 50
_EXPECTING_LEVEL = 1  # the level that the dispersion of counts is measured against


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A window of history of `buckets` buckets, in which m windows of `lead` buckets ended and were learned from.

    before, after: the online posterior at its start and its end. turn: that after the newest bucket in which the family
    of the levels changed, else `before`. Of the n buckets since: loads: (n,) as the levels took them. log_loads: (n,)
    on the log scale. weights: (n,) share of its information that a load was given (below 1 for counts that are
    overdispersed). observed: (n,) whether the load was seen (else assumed). expected: (n,) mean of a count expected
    before it came. mean_loads: (n,) the running mean. Of the windows, oldest first: features: (m, D); targets: (m,) log
    of the largest load minus the base level at the origin; noises: (m,) residual variance that was expected of them.
    """

    spec: ForecastSpec
    lead: int
    start: float
    buckets: int
    before: Posterior
    turn: Posterior
    after: Posterior
    loads: Floats
    log_loads: Floats
    weights: Floats
    observed: NDArray[np.bool_]
    expected: Floats
    mean_loads: Floats
    features: Floats
    targets: Floats
    noises: Floats


def gather(
    spec: ForecastSpec,
    times: ArrayLike,
    values: ArrayLike,
    *,
    buckets: int | None = None,
    lead: int | None = None,
) -> Evidence:
    """Replay a history and return the evidence of its last `buckets` buckets (default: all but what is forgotten).

    times: (n,) bucket starts on a regular grid (epoch seconds); values: (n,) loads, NaN = missing. lead: one of the
    spec's; default: the first. Raises InvalidSpec, InvalidValue, or NoData where the window holds too little.
    """
    window = spec.leads[0] if lead is None else lead
    at, loads = _grid(spec, times, values)
    start = max(len(at) - (round(MEMORIES * spec.settings.slow_memory) if buckets is None else buckets), 1)
    if (seen := int(np.sum(~np.isnan(loads[start:])))) < LEAST_BUCKETS:
        raise NoData(
            f"the window holds {seen} buckets with a load after the first one: "
            f"give a longer window or more history, of {LEAST_BUCKETS} buckets at least"
        )
    begin = max(start - window, 1)  # windows that end after `start` began up to a window's length before it
    forecaster = Forecaster(spec).fit(at[:begin], loads[:begin])
    trail = [forecaster.posterior(window)]
    trail += [forecaster.update(at[i], loads[i]).posterior(window) for i in range(begin, len(at))]
    evidence = _evidence(spec, window, float(at[start]), trail, loads[begin - 1 :], start - begin)
    if len(evidence.targets) < LEAST_WINDOWS:
        raise NoData(
            f"{len(evidence.targets)} windows of {window} buckets ended in the window of history: "
            f"give a longer one, with {LEAST_WINDOWS} at least"
        )
    return evidence


def _grid(spec: ForecastSpec, times: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """Return the history from its first load on; InvalidValue unless it is on a regular grid."""
    at = np.asarray(times, dtype=np.float64)
    loads, _ = checked(at, values, None, None)
    apart = np.rint(np.diff(at) / spec.step_seconds)
    if (uneven := np.flatnonzero(apart != 1)).size:
        i = int(uneven[0])
        raise InvalidValue(
            f"times[{i + 1}] = {at[i + 1]:.0f} is not one step of {spec.step_seconds:g} s after {at[i]:.0f}: "
            "give every bucket once, with NaN for a missing load"
        )
    seen = np.flatnonzero(~np.isnan(loads))
    first = int(seen[0]) if seen.size else len(loads)
    return at[first:], loads[first:]


def _evidence(
    spec: ForecastSpec, window: int, start: float, trail: list[Posterior], seen: Floats, skip: int
) -> Evidence:
    """Read the evidence off the trail of posteriors: trail[i] is the one after the bucket whose load is seen[i].

    The window of history begins after trail[skip].
    """
    before, after = trail[skip], trail[-1]
    turn = max([i for i in range(skip + 1, len(trail)) if trail[i].family is not trail[i - 1].family], default=skip)
    inside = trail[turn + 1 :]
    shape, rate = (
        np.array([getattr(one, name)[_EXPECTING_LEVEL] for one in trail[turn:-1]])
        for name in ("level_shape", "level_rate")
    )
    expected = np.divide(shape, rate, out=np.zeros(len(shape)), where=rate > 0.0)
    dispersion = np.array([one.dispersion for one in inside])
    loads = np.array([one.load for one in inside])
    ends = [i for i in range(skip + 1, len(trail)) if trail[i].windows > trail[i - 1].windows]
    origins = [trail[i - window] for i in ends]
    peaks = np.array([np.nanmax(seen[i - window + 1 : i + 1]) for i in ends])
    tempered = spec.kind is Kind.COUNT and after.family is Family.POISSON_GAMMA
    return Evidence(
        spec=spec,
        lead=window,
        start=start,
        buckets=len(trail) - skip - 1,
        before=before,
        turn=trail[turn],
        after=after,
        loads=loads,
        log_loads=np.log(loads + np.array([one.offset for one in inside])),
        weights=1.0 / (1.0 + expected * dispersion) if tempered else np.ones(len(inside)),
        observed=~np.isnan(seen[turn + 1 :]),
        expected=expected,
        mean_loads=np.array([one.mean_load for one in inside]),
        features=np.array([one.features for one in origins]).reshape(len(ends), len(before.coefficients)),
        targets=np.log(peaks + np.array([one.offset for one in origins])) - np.array([one.base for one in origins]),
        noises=np.array([trail[i - 1].noise for i in ends]),
    )
