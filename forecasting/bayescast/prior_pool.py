"""Pooling a group into its prior: empirical Bayes by the method of moments, and no member has the last word.

A quantity of a member is an estimate of its own truth, with a variance that falls with what the member has seen; the
truths vary between members. Both variances together weigh the members (DerSimonian and Laird 1986), and the one
between members says how far a new workload may be from the group, so how much the prior counts against its own data
(Efron and Morris 1973). The between-member variance is itself shrunk to a plain default, as if two more members had
shown it: three members that agree by chance are no law. Members that stand apart are winsorised or weighed down.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import NoData, SpecMismatch
from .kernels import state as st
from .prior import MOST_VISITS, RESIDUALS, Prior, plan_of, shared
from .spec import Family, ForecastSpec, Kind

Floats = NDArray[np.float64]
Member = tuple[ForecastSpec, st.State]

DEFAULT_MEMBERS = 2.0  # members that the default between-member variances count as
SCALE_SPREAD = 0.5  # default standard deviation between members of a log residual scale,
LEVEL_SPREAD = 1.0  # of a log level,
WEIGHT_VARIANCE = 0.05  # and variance of a regression weight
SCALE_VARIANCE = 0.6  # of the log mean absolute residual, times the independent windows behind it
DISPERSION_VARIANCE = 2.0  # the same for the log dispersion, buckets
LEAST_AGREEMENT = 0.5  # share of a member's shape that the others must explain
LEAST_VISITS = 0.3  # a shape worth less than this many visits is left out
SLOT_MEMORY = 4.0  # visits that a slot remembers
SCALE_WINDOWS = (1.0, 30.0)  # range of what the scales may count as,
BIN_WINDOWS = (40.0, 100.0)  # and the histograms
DISPERSION_BUCKETS = (10.0, 100.0)
LOSS_SHARE = 0.5  # of the group's losses: they are a memory of the members' last hours
LOSS_WINDOWS = 200.0  # windows at which a member's losses are as good as they get
UNSURE_SCALES = 1.0  # standard deviations between members by which scales are widened: too narrow costs more than wide


def floor_offset(spec: ForecastSpec) -> float:
    """Return the part of the offset of the log scale that does not follow the load."""
    return spec.settings.count_offset if spec.kind is Kind.COUNT else spec.settings.floor_offset


def pool(members: Sequence[Member]) -> Prior:
    """Return the prior of members (spec, row of the state).

    SpecMismatch if they differ in more than their time zone; NoData if none has seen a load above zero.
    """
    if not members:
        raise NoData("there is no workload to pool: give one that has seen load")
    spec = shared(members[0][0])
    for other, _ in members:
        if differing := spec.differences(shared(other)):
            raise SpecMismatch(f"the members differ in {', '.join(differing)}: pool workloads of one spec")
    rows = [row for _, row in members if row.scalars[0, st.MEAN] > 0.0]
    if not rows:
        raise NoData("no member has seen a load above zero: pool workloads with a history")
    plan = plan_of(spec)
    noise = np.array([1.25 * np.exp(np.log(row.lead_scalars[:, st.SCALE + st.TEMPLATE]).mean()) for row in rows])
    levels, log_means = _levels(rows, spec, plan, noise)
    level, level_variance = random_effects(levels, np.full(len(rows), 0.01), LEVEL_SPREAD)
    visits, agreement, load_shape, peak_shape = _shapes(rows, spec, plan, levels, float(np.median(noise)))
    dispersion, dispersion_weight = _dispersion(rows)
    scales, scale_windows = _scales(rows, spec)
    return Prior(
        spec=spec,
        members=len(rows),
        family=_family(rows),
        level=float(level),
        level_spread=float(np.sqrt(level_variance)),
        log_mean=float(np.median(log_means)),
        noise=float(np.median(noise)),
        visits=visits,
        agreement=agreement,
        load_shape=load_shape,
        peak_shape=peak_shape,
        dispersion=dispersion,
        dispersion_weight=dispersion_weight,
        scales=scales,
        scale_windows=scale_windows,
        residuals=_residuals(rows),
        slow_fit=_regression(np.stack([row.slow_fit for row in rows]), spec.settings.regression_prior),
        fast_fit=_regression(np.stack([row.fast_fit for row in rows]), spec.settings.regression_prior),
        bins=_bins(rows),
        losses=_losses(rows),
        rises=_rises(rows, spec, plan),
    )


def _family(rows: list[st.State]) -> Family:
    gaussian = sum(int(row.marks[0, st.GAUSSIAN]) for row in rows)
    return Family.GAUSSIAN if 2 * gaussian > len(rows) else Family.POISSON_GAMMA


def random_effects(values: Floats, variances: Floats, spread: float) -> tuple[Floats, Floats]:
    """Return (mean, between-member variance) over the first axis; `spread` is the default standard deviation.

    values, variances: (members, ...). Values are winsorised at three robust standard deviations from the median.
    """
    middle = np.median(values, axis=0)
    reach = 3.0 * np.maximum(1.48 * np.median(np.abs(values - middle), axis=0), spread)
    bounded = middle + np.clip(values - middle, -reach, reach)
    between = np.full(values.shape[1:], spread**2)
    for _ in range(2):
        weights = 1.0 / (variances + between)
        mean = (weights * bounded).sum(axis=0) / weights.sum(axis=0)
        seen = ((bounded - mean) ** 2).sum(axis=0) - (len(values) - 1) * variances.mean(axis=0)
        between = (DEFAULT_MEMBERS * spread**2 + np.maximum(seen, 0.0)) / (DEFAULT_MEMBERS + len(values) - 1)
    return mean, between


def _levels(rows: list[st.State], spec: ForecastSpec, plan: st.Plan, noise: Floats) -> tuple[Floats, Floats]:
    """Return every member's level, and the log of its mean load minus that.

    Members that have seen different hours are compared on those they share: level + shape is fitted to all slots. The
    mean load is that of the slots, whose memory is that of the level, with what the logarithm hides of their noise.
    """
    with_offset = np.log1p(spec.settings.relative_offset)
    levels = np.log([row.scalars[0, st.MEAN] for row in rows]) + with_offset
    if len(plan.visit) == 0:
        return levels, np.full(len(rows), -with_offset)
    first = slice(0, int(plan.season_at[1]))
    loads, visits = _slot_loads(rows, spec, plan)
    loads, visits = np.nan_to_num(loads[:, first]), visits[:, first]
    for _ in range(20):
        shape = (visits * (loads - levels[:, None])).sum(axis=0) / np.maximum(visits.sum(axis=0), 1e-12)
        known = visits.sum(axis=0) > 0.0
        shape -= shape[known].mean() if known.any() else 0.0
        fitted = (visits * (loads - shape)).sum(axis=1) / np.maximum(visits.sum(axis=1), 1e-12)
        levels = np.where(visits.any(axis=1), fitted, levels)
    whole = np.where(visits > 0.0, loads, levels[:, None] + shape) - levels[:, None]
    return levels, np.log(np.exp(whole).mean(axis=1)) + np.minimum(noise, 1.0) ** 2 / 2.0 - with_offset


def _slot_loads(rows: list[st.State], spec: ForecastSpec, plan: st.Plan) -> tuple[Floats, Floats]:
    """Return (members, S) log loads of the slots, NaN where not seen, and visits, up to SLOT_MEMORY."""
    loads = np.stack([_unscaled(row.slot_load[0], row, spec) for row in rows])
    buckets = np.repeat(plan.visit, np.diff(plan.season_at))
    visits = np.stack([np.minimum(row.slot_count[0] / buckets, SLOT_MEMORY) for row in rows])
    return loads, np.where(np.isnan(loads), 0.0, visits)


def _unscaled(table: st.Templates, row: st.State, spec: ForecastSpec) -> Floats:
    """Return a template as log(load + the offset's share of the mean load), NaN where not seen: free of units."""
    least = row.scalars[0, st.MEAN] * max(spec.settings.relative_offset, 1e-5)
    loads = np.maximum(np.exp(table * st.TEMPLATE_UNIT) - floor_offset(spec), least)
    return np.where(table == st.UNSEEN, np.nan, np.log(loads))


def _shapes(
    rows: list[st.State], spec: ForecastSpec, plan: st.Plan, levels: Floats, noise: float
) -> tuple[tuple[int, ...], tuple[float, ...], Floats, Floats]:
    """Return per season what its shape counts as and how far members agree, then load and peak shapes."""
    loads, seen = _slot_loads(rows, spec, plan)
    loads -= levels[:, None]
    peaks = np.stack([_unscaled(row.slot_peak, row, spec) for row in rows]) - levels[:, None, None]
    load_shape, peak_shape = np.full(loads.shape[1:], np.nan), np.full(peaks.shape[1:], np.nan)
    visits, agreement = [], []
    for season, buckets in enumerate(plan.visit):
        part = slice(int(plan.season_at[season]), int(plan.season_at[season + 1]))
        smoothed = smooth(loads[:, part], 2 // int(buckets))
        trusted = _trusted(smoothed)
        share, explained, variance = _agreement(smoothed, trusted)
        weight = trusted[:, None] * seen[:, part]
        load_shape[part] = _mean_shape(loads[:, part], weight, share)
        for lead in range(len(peaks[0])):
            peak_shape[lead, part] = _mean_shape(peaks[:, lead, part], weight, share)
        worth = noise**2 / max(variance, 1e-12) if len(rows) > 1 else 1.0
        agreeing = worth >= LEAST_VISITS and (explained >= LEAST_AGREEMENT or len(rows) == 1)
        visits.append(MOST_VISITS if agreeing else 0)
        agreement.append(explained)
    return tuple(visits), tuple(agreement), load_shape, peak_shape


def smooth(shapes: Floats, reach: int) -> Floats:
    """Return (..., S) means of the known slots within `reach`, around the clock; NaN where none is known."""
    around = (np.arange(shapes.shape[-1])[:, None] + np.arange(-reach, reach + 1)) % shapes.shape[-1]
    known = ~np.isnan(shapes)
    total, count = np.where(known, shapes, 0.0)[..., around].sum(axis=-1), known[..., around].sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _trusted(shapes: Floats) -> Floats:
    """Return a weight a member, 1 for most: less for one that is far from the median shape."""
    known = shapes[:, ~np.isnan(shapes).all(axis=0)]
    if len(shapes) < 3 or not known.size:
        return np.ones(len(shapes))
    squares = (known - np.nanmedian(known, axis=0)) ** 2
    distance = np.nansum(squares, axis=1) / np.maximum((~np.isnan(squares)).sum(axis=1), 1)
    return np.asarray(np.minimum(1.0, (3.0 * np.median(distance) + 1e-12) / (distance + 1e-12)))


def _agreement(shapes: Floats, trusted: Floats) -> tuple[float, float, float]:
    """Leave each member out in turn, and predict its shape by that of the others.

    Return the share of the others' shape that predicts best (their shrinkage towards a flat day), what it explains of
    a member's variance (NaN if there is nothing to explain or nobody to explain it), and the variance it leaves.
    """
    known = ~np.isnan(shapes)
    filled, weight = np.where(known, shapes, 0.0), trusted[:, None] * known
    rest = weight.sum(axis=0) - weight
    others = ((weight * filled).sum(axis=0) - weight * filled) / np.maximum(rest, 1e-12)
    both = known & (rest > 1e-9)
    count = np.maximum(both.sum(axis=1, keepdims=True), 1)
    own, others = (np.where(both, x - np.where(both, x, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
                   for x in (filled, others))  # fmt: skip
    voice = trusted / count[:, 0]
    total = float(voice @ (own**2).sum(axis=1))
    if total < 1e-9 * len(shapes):
        return 1.0, float("nan"), 0.0
    share = float(np.clip(voice @ (own * others).sum(axis=1) / max(voice @ (others**2).sum(axis=1), 1e-12), 0.0, 1.0))
    left = ((own - share * others) ** 2).sum(axis=1)
    return share, 1.0 - float(voice @ left) / total, float(np.median(left / count[:, 0]))


def _mean_shape(shapes: Floats, weight: Floats, share: float) -> Floats:
    """Return the weighted mean shape (S,), shrunk to its mean by `share`, rounded as finely as templates are."""
    weight = np.where(np.isnan(shapes), 0.0, np.maximum(weight, 1e-3))
    total = weight.sum(axis=0)
    mean = (weight * np.nan_to_num(shapes)).sum(axis=0) / np.maximum(total, 1e-12)
    known = total > 0.0
    middle = mean[known].mean() if known.any() else 0.0
    return np.asarray(np.where(known, np.round(middle + share * (mean - middle), 4), np.nan))


def _dispersion(rows: list[st.State]) -> tuple[float, float]:
    """Return the pooled overdispersion of counts, and its weight in buckets."""
    logs = np.log(np.array([row.scalars[0, st.DISPERSION] for row in rows]) + 0.01)
    buckets = np.array([row.scalars[0, st.SPREAD_WEIGHT] for row in rows])
    mean, between = random_effects(logs, DISPERSION_VARIANCE / buckets, SCALE_SPREAD)
    return max(float(np.exp(mean)) - 0.01, 0.0), float(np.clip(DISPERSION_VARIANCE / between, *DISPERSION_BUCKETS))


def _windows(rows: list[st.State]) -> Floats:
    """Return (members, L) disjoint windows seen; a little even where there is none."""
    return np.maximum([row.lead_marks[:, st.DISJOINT] for row in rows], 0.1)


def _scales(rows: list[st.State], spec: ForecastSpec) -> tuple[Floats, Floats]:
    """Return (L, E) scales, on the wide side of what members show, and (L,) windows they count as."""
    scales = np.stack([row.lead_scalars[:, st.SCALE :] for row in rows])
    mean_loads = np.array([row.scalars[0, st.MEAN] for row in rows])
    unit = mean_loads * (1.0 + spec.settings.relative_offset) + floor_offset(spec)
    scales[:, :, st.N_LOG :] /= unit[:, None, None]
    variances = np.broadcast_to(SCALE_VARIANCE / _windows(rows)[:, :, None], scales.shape)
    mean, between = random_effects(np.log(np.maximum(scales, 1e-5)), variances, SCALE_SPREAD)
    windows = np.clip(SCALE_VARIANCE / np.median(between, axis=-1), *SCALE_WINDOWS)
    return np.exp(mean + UNSURE_SCALES * np.sqrt(between)), windows


def _residuals(rows: list[st.State]) -> Floats:
    """Return (L, 4) mean absolute residuals and variances of the regressions' errors."""
    sizes = np.stack([row.lead_scalars[:, RESIDUALS] for row in rows])
    variances = np.broadcast_to(SCALE_VARIANCE / _windows(rows)[:, :, None], sizes.shape)
    return np.exp(random_effects(np.log(np.maximum(sizes, 1e-8)), variances, SCALE_SPREAD)[0])


def _regression(fits: Floats, widest: float) -> Floats:
    """Pool (members, L, D + 1, D) fits: a Normal over members' weights, covariance within [0, widest].

    Members are weighed by their own covariance plus that between members, and by a Student t with 4 degrees of
    freedom of their distance.
    """
    members, leads, _, features = fits.shape
    pooled = np.zeros(fits.shape[1:])
    default = WEIGHT_VARIANCE * np.eye(features)
    for lead in range(leads):
        weights, own = fits[:, lead, -1], fits[:, lead, :-1]
        between, trusted = default, np.ones(members)
        for _ in range(3):
            precision = np.linalg.inv(between + own)
            total = np.linalg.inv(np.tensordot(trusted, precision, 1))
            mean = total @ np.einsum("i,iab,ib->a", trusted, precision, weights)
            apart = weights - mean
            trusted = (4.0 + features) / (4.0 + np.einsum("ia,iab,ib->i", apart, precision, apart))
            seen = np.einsum("i,ia,ib->ab", trusted, apart, apart) - (members - 1) * own.mean(axis=0)
            between = (DEFAULT_MEMBERS * default + _clipped(seen, 0.0, np.inf)) / (DEFAULT_MEMBERS + members - 1)
        pooled[lead, :-1] = _clipped(between + total, 1e-9, widest)
        pooled[lead, -1] = mean
    return pooled


def _clipped(matrix: Floats, low: float, high: float) -> Floats:
    """Return the symmetric matrix with eigenvalues within a range."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    clipped = (vectors * np.clip(values, low, high)) @ vectors.T
    return np.asarray((clipped + clipped.T) / 2.0)


def _bins(rows: list[st.State]) -> Floats:
    """Return (L, H, B) histograms: the mean shape, with a mass that says how far members differ in the upper tail.

    Were the members' shapes Dirichlet, the mass above a level would vary between them by p (1 - p) / (mass + 1).
    """
    bins = np.stack([row.bins / row.lead_scalars[:, st.MASS_UNIT][:, None, None] for row in rows]).astype(np.float64)
    mass = bins.sum(axis=-1)
    shares = bins / mass[..., None]
    weight = np.minimum(mass, 300.0)
    mean = (weight[..., None] * shares).sum(axis=0) / weight.sum(axis=0)[..., None]
    upper = np.cumsum(mean, axis=-1) > 0.9
    tail, tails = (mean * upper).sum(axis=-1), (shares * upper).sum(axis=-1)
    chance = tail * (1.0 - tail)
    apart = ((tails - tail) ** 2 - chance / mass).mean(axis=(0, 2)) * len(rows) / max(len(rows) - 1, 1)
    default = chance.mean(axis=-1) / BIN_WINDOWS[0]
    between = (DEFAULT_MEMBERS * default + (len(rows) - 1) * np.maximum(apart, 0.0)) / (DEFAULT_MEMBERS + len(rows) - 1)
    counts = np.clip(chance.mean(axis=-1) / np.maximum(between, 1e-12), *BIN_WINDOWS)
    return np.asarray(mean * counts[:, None, None])


def _losses(rows: list[st.State]) -> Floats:
    """Return (L, E, Q) what Hedge starts from."""
    windows = np.stack([row.lead_marks[:, st.WINDOWS] for row in rows]).astype(np.float64)
    weight = np.minimum(windows, LOSS_WINDOWS) + 0.1
    losses = np.stack([row.losses for row in rows])
    return np.asarray(LOSS_SHARE * (weight[:, :, None, None] * losses).sum(axis=0) / weight.sum(axis=0)[:, None, None])


def _rises(rows: list[st.State], spec: ForecastSpec, plan: st.Plan) -> Floats:
    """Return (L, R) mean rises, members weighed by their visits to a slot; zero where there is none."""
    rises = np.stack([row.slot_rise for row in rows]).astype(np.float64)
    weight = np.ones((len(rows), rises.shape[-1]))
    if len(plan.visit) > 0:
        first = slice(0, int(plan.season_at[1]))
        weight[:, first] = _slot_loads(rows, spec, plan)[1][:, first]
    total = np.maximum(weight.sum(axis=0), 1e-12)
    return np.asarray((weight[:, None, :] * rises).sum(axis=0) / total)
