"""How good issued quantiles were, against the largest load that came; every score with its formula and source.

Row t of `quantiles`, shape (n, 9), holds what was issued at LEVELS after bucket t; `realised`, shape (n,), the largest
load of the window that follows it (`window_max`). A row with a NaN on either side is in no score, and a score over no
row at all is NaN. Windows of one lead overlap: n of them say as much as their disjoint ones (`disjoint_windows`), so
intervals resample whole days and the PIT is thinned. InvalidValue says which array has the wrong shape.

Sources: Gneiting and Raftery, JASA 102 (2007) 359: proper scores. Gneiting, Balabdaoui and Raftery, JRSS B 69 (2007)
243: PIT and reliability. Czado, Gneiting and Held, Biometrics 65 (2009) 1254: PIT at atoms. Laio and Tamea, HESS 11
(2007) 1267: CRPS as an integral of pinball. Brier, Mon. Weather Rev. 78 (1950) 1. Kuensch, Ann. Stat. 17 (1989) 1217:
bootstrap of blocks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue
from .predictive import LEVELS
from .seasons import utc_offsets

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

MISSING_SHARE = 0.1  # as settings.missing_share: of a window with more, nobody knows the maximum
MIN_DAYS = 5  # fewer blocks say nothing about the spread between days
_DAY_SECONDS = 86400.0
_LEVELS = np.array(LEVELS)
_SURVIVAL_LOGS = np.log1p(-_LEVELS)
_STEEPEST = 1e6  # as in Predictive: exponent of the tail where the last quantiles are equal
_CRPS_LEVELS = (np.arange(100, 200) + 0.5) / 200.0  # midpoints of the upper half; the lower half mirrors them
_DRAWS = 2000
_DRIFT_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Share of windows whose largest load was at most the issued quantile, with a bootstrap interval.

    windows: (groups,) rows behind it. share, low, high: (groups, 9); low and high are NaN below MIN_DAYS days.
    """

    windows: NDArray[np.int64]
    share: Floats
    low: Floats
    high: Floats


def window_max(values: ArrayLike, lead: int, *, missing_share: float = MISSING_SHARE) -> Floats:
    """Return max(values[t+1 .. t+lead]) for every t; NaN where the window is not over or has too many missing buckets.

    values: (n,), NaN = missing. O(n) whatever the lead: running maxima forwards and backwards within blocks of `lead`
    (van Herk, Pattern Recogn. Lett. 13 (1992) 517).
    """
    loads = np.asarray(values, dtype=np.float64)
    if loads.ndim != 1 or lead < 1:
        raise InvalidValue(
            f"values have shape {loads.shape} and lead is {lead}: give shape (n,) and a lead of 1 or more"
        )
    maxima = np.full(len(loads), np.nan)
    windows = len(loads) - lead
    if windows <= 0:
        return maxima
    missing = np.isnan(loads)
    padded = np.full(-(-len(loads) // lead) * lead, -np.inf)
    padded[: len(loads)] = np.where(missing, -np.inf, loads)
    blocks = padded.reshape(-1, lead)
    forwards = np.maximum.accumulate(blocks, axis=1).ravel()
    backwards = np.maximum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    found = np.maximum(backwards[1 : windows + 1], forwards[lead : windows + lead])
    before = np.concatenate([[0], np.cumsum(missing)])
    absent = before[lead + 1 :] - before[1 : windows + 1]
    known = (absent <= missing_share * lead + 1e-9) & (absent < lead)
    maxima[:windows] = np.where(known, found, np.nan)
    return maxima


def disjoint_windows(realised: ArrayLike, lead: int) -> Places:
    """Return rows whose windows were realised and do not overlap: the first, then each first one `lead` rows later."""
    rows = np.flatnonzero(~np.isnan(np.asarray(realised, dtype=np.float64)))
    kept, place = [], 0
    while place < len(rows):
        kept.append(rows[place])
        place = int(np.searchsorted(rows, rows[place] + lead))
    return np.array(kept, dtype=np.intp)


def pinball(quantiles: ArrayLike, realised: ArrayLike) -> Floats:
    """Return the mean pinball loss by level, shape (9,), in the unit of the load.

    loss_tau(M, q) = (tau - 1{M < q}) (M - q): its mean is least where q is the tau-quantile (Koenker and Bassett 1978).
    """
    issued, maxima, _ = _scored(quantiles, realised)
    miss = maxima[:, None] - issued
    return _mean(np.maximum(_LEVELS * miss, (_LEVELS - 1.0) * miss))


def crps(quantiles: ArrayLike, realised: ArrayLike) -> float:
    """Return the mean continuous ranked probability score, in the unit of the load.

    CRPS = integral of (F(x) - 1{x >= M})^2 dx = 2 integral over tau of loss_tau(M, q_tau) (Laio and Tamea), by the
    midpoint rule on 200 levels of the law that Predictive gives to the nine quantiles.
    """
    issued, maxima, _ = _scored(quantiles, realised)
    total = np.zeros(len(maxima))
    for level in _CRPS_LEVELS:
        upper = _quantile(issued, float(level))
        safe = np.where(upper > 0.0, upper, 1.0)
        lower = np.where(upper > 0.0, issued[:, 0] * (issued[:, 0] / safe), 0.0)
        total += np.maximum(level * (maxima - upper), (level - 1.0) * (maxima - upper))
        total += np.maximum((1.0 - level) * (maxima - lower), -level * (maxima - lower))
    return float(_mean(total)) / len(_CRPS_LEVELS)


def rmse(quantiles: ArrayLike, realised: ArrayLike) -> float:
    """Return sqrt(mean((M - q_.5)^2)), the error of the median, in the unit of the load."""
    issued, maxima, _ = _scored(quantiles, realised)
    return float(np.sqrt(_mean((maxima - issued[:, 0]) ** 2)))


def brier(quantiles: ArrayLike, realised: ArrayLike, capacity: float) -> float:
    """Return mean((P(M > capacity) - 1{M > capacity})^2): 0 is perfect, always saying one half gives 1/4 (Brier)."""
    issued, maxima, _ = _scored(quantiles, realised)
    exceedance = 1.0 - cdf(issued, np.full(len(maxima), capacity))
    return float(_mean((exceedance - (maxima > capacity)) ** 2))


def pit(quantiles: ArrayLike, realised: ArrayLike, lead: int, *, seed: int = 0) -> Floats:
    """Return the probability integral transforms of disjoint windows, shape (k,): uniform if the forecast is right.

    u = F(M-) + v (F(M) - F(M-)) with v uniform, drawn from `seed`: at an atom, as zero often is, F(M) alone cannot be
    uniform (Czado, Gneiting and Held).
    """
    issued, maxima, rows = _scored(quantiles, realised)
    known = np.full(len(np.asarray(realised)), np.nan)
    known[rows] = maxima
    kept = np.searchsorted(rows, disjoint_windows(known, lead))
    below, at = cdf(issued[kept], np.nextafter(maxima[kept], -np.inf)), cdf(issued[kept], maxima[kept])
    return np.asarray(below + np.random.default_rng(seed).random(len(kept)) * (at - below))


def reliability(transforms: ArrayLike, levels: ArrayLike) -> Floats:
    """Return the share of PIT values at most each level, the shape of `levels`: the levels themselves if calibrated."""
    u, asked = np.sort(np.asarray(transforms, dtype=np.float64)), np.asarray(levels, dtype=np.float64)
    return np.searchsorted(u, asked, side="right") / len(u) if len(u) else np.full(asked.shape, np.nan)


def cdf(quantiles: ArrayLike, loads: ArrayLike) -> Floats:
    """Return P(M <= load) row by row, (n, 9) and (n,) -> (n,), by the law of `Predictive`."""
    issued, x = np.asarray(quantiles, dtype=np.float64), np.asarray(loads, dtype=np.float64)
    median = issued[:, 0]
    above = x >= median
    inside = (x > 0.0) & ~above
    mirrored = np.where(inside, median * (median / np.where(inside, x, 1.0)), x)
    logs = _log_survival(issued, mirrored, above)
    return np.where(above, -np.expm1(logs), np.where(inside, np.exp(logs), np.where(np.isnan(x), np.nan, 0.0)))


def coverage(
    quantiles: ArrayLike,
    realised: ArrayLike,
    days: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    count: int = 1,
    seed: int = 0,
) -> Coverage:
    """Return the share of windows with M <= q, by group and level, with a 95 % interval.

    days: (n,) block of each row, as `local_days` gives it. groups: (n,) numbers from 0 to `count` - 1 (default: all in
    one). The interval is that of a bootstrap of whole days (Kuensch), 2000 draws from `seed`: misses come in runs, and
    a run stays within its day.
    """
    issued, maxima, rows = _scored(quantiles, realised)
    labels = np.zeros(len(rows), dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)[rows]
    blocks, block = np.unique(np.asarray(days)[rows], return_inverse=True)
    hits = np.zeros((len(blocks), count, len(LEVELS)))
    windows = np.zeros((len(blocks), count))
    np.add.at(hits, (block, labels), maxima[:, None] <= issued)
    np.add.at(windows, (block, labels), 1.0)
    low, high = _interval(hits, windows, seed)
    total = windows.sum(axis=0)
    return Coverage(total.astype(np.int64), _share(hits.sum(axis=0), total), low, high)


def local_days(times: ArrayLike, time_zone: str = "UTC") -> NDArray[np.int64]:
    """Return the local day of each time (epoch seconds), counted from 1970-01-01."""
    return np.asarray(_local(times, time_zone) // _DAY_SECONDS, dtype=np.int64)


def local_hours(times: ArrayLike, time_zone: str = "UTC") -> NDArray[np.int64]:
    """Return the local hour, 0 to 23, of each time (epoch seconds)."""
    return np.asarray(_local(times, time_zone) % _DAY_SECONDS // 3600.0, dtype=np.int64)


def terciles(quantiles: ArrayLike, realised: ArrayLike) -> NDArray[np.int64]:
    """Return 0, 1 or 2 for every row: whether the issued median is in the lowest, middle or highest third of them.

    Coverage that is right on the whole but not by level is bought at night and missed at the peak.
    """
    issued, _, rows = _scored(quantiles, realised)
    medians = np.asarray(quantiles, dtype=np.float64)[:, 0]
    if not len(rows):
        return np.zeros(len(medians), dtype=np.int64)
    return np.searchsorted(np.quantile(issued[:, 0], (1 / 3, 2 / 3)), medians, side="left").astype(np.int64)


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the population stability index of two windows of load, sum((p - q) ln(p / q)): symmetric, 0 if alike.

    Bins are tenths of the reference (fewer where values repeat); half a load is added to each, so that an empty bin
    does not make it infinite. Rule of thumb: below .1 none, above .25 a clear drift (Siddiqi, Credit Risk Scorecards).
    """
    q, p = _shares(reference, current)
    return float(np.sum((p - q) * np.log(p / q)))


def kl(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the Kullback-Leibler divergence of the current window from the reference, sum(p ln(p / q)), in nats.

    Bins as in `psi`.
    """
    q, p = _shares(reference, current)
    return float(np.sum(p * np.log(p / q)))


def _scored(quantiles: ArrayLike, realised: ArrayLike) -> tuple[Floats, Floats, Places]:
    """Return quantiles and realised maxima of the rows that have both, and which rows these are."""
    issued, maxima = np.asarray(quantiles, dtype=np.float64), np.asarray(realised, dtype=np.float64)
    if maxima.ndim != 1 or issued.shape != (len(maxima), len(LEVELS)):
        raise InvalidValue(
            f"quantiles have shape {issued.shape}, realised {maxima.shape}: give (n, {len(LEVELS)}) and (n,)"
        )
    rows = np.flatnonzero(~(np.isnan(maxima) | np.isnan(issued).any(axis=1)))
    return issued[rows], maxima[rows], rows


def _mean(values: Floats) -> Floats:
    """Return the mean over rows; NaN over none."""
    return np.mean(values, axis=0) if len(values) else np.full(values.shape[1:], np.nan)


def _quantile(issued: Floats, level: float) -> Floats:
    """Return the quantile at a level from .5 to .999, row by row: log(1 - level) is linear in load."""
    at = np.log1p(-level)
    left = min(int(np.searchsorted(_LEVELS, level, side="right")) - 1, len(LEVELS) - 2)
    share = (at - _SURVIVAL_LOGS[left]) / (_SURVIVAL_LOGS[left + 1] - _SURVIVAL_LOGS[left])
    return np.asarray(issued[:, left] + (issued[:, left + 1] - issued[:, left]) * share)


def _log_survival(issued: Floats, x: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return log P(M > x) where `right`, else log P(M >= x), row by row, for loads from the median up."""
    last = len(LEVELS) - 1
    reached = (issued < x[:, None]) | (right[:, None] & (issued == x[:, None]))
    place = np.clip(reached.sum(axis=1) - 1, 0, last)
    following = np.minimum(place + 1, last)
    rows = np.arange(len(x))
    width = issued[rows, following] - issued[rows, place]
    share = np.clip((x - issued[rows, place]) / np.where(width > 0.0, width, np.inf), 0.0, 1.0)
    logs = _SURVIVAL_LOGS[place] + (_SURVIVAL_LOGS[following] - _SURVIVAL_LOGS[place]) * share
    low, high = issued[:, -2], np.maximum(issued[:, -1], np.finfo(np.float64).tiny)
    steep = (low <= 0.0) | (high <= low)
    ratio = np.log(np.where(steep, np.e, high / np.where(steep, 1.0, low)))
    exponent = np.where(steep, _STEEPEST, np.minimum((_SURVIVAL_LOGS[-2] - _SURVIVAL_LOGS[-1]) / ratio, _STEEPEST))
    beyond = x > issued[:, -1]
    tail = _SURVIVAL_LOGS[-1] - exponent * (np.log(np.where(beyond, x, 1.0)) - np.log(high))
    return np.asarray(np.where(beyond, tail, logs))


def _interval(hits: Floats, windows: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return the 2.5 % and 97.5 % points of the share when days are drawn with replacement.

    hits: (days, groups, 9); windows: (days, groups); -> (groups, 9) each.
    """
    days = len(windows)
    enough = (windows > 0.0).sum(axis=0) >= MIN_DAYS
    low, high = np.full(hits.shape[1:], np.nan), np.full(hits.shape[1:], np.nan)
    if enough.any():
        drawn = np.random.default_rng(seed).multinomial(days, np.full(days, 1.0 / days), size=_DRAWS)
        hit, seen = hits[:, enough], windows[:, enough]
        shares = _share(np.tensordot(drawn, hit, axes=1), drawn @ seen)
        low[enough], high[enough] = np.nanquantile(shares, (0.025, 0.975), axis=0)
    return low, high


def _share(hits: Floats, windows: Floats) -> Floats:
    """Return hits (..., 9) over windows (...), NaN over none."""
    return np.where(windows[..., None] > 0.0, hits / np.maximum(windows[..., None], 1.0), np.nan)


def _local(times: ArrayLike, time_zone: str) -> Floats:
    at = np.asarray(times, dtype=np.float64)
    return np.asarray(at + utc_offsets(at, time_zone))


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    """Return the shares of both in bins that hold a tenth of the reference each."""
    old, new = (np.asarray(given, dtype=np.float64) for given in (reference, current))
    old, new = old[~np.isnan(old)], new[~np.isnan(new)]
    if not len(old) or not len(new):
        return np.array([np.nan]), np.array([np.nan])
    edges = np.unique(np.quantile(old, np.arange(1, _DRIFT_BINS) / _DRIFT_BINS))
    counts = [np.bincount(np.searchsorted(edges, loads, side="left"), minlength=len(edges) + 1) for loads in (old, new)]
    q, p = ((count + 0.5) / (count.sum() + 0.5 * len(count)) for count in counts)
    return q, p
