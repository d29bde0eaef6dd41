"""The models of the forecaster, written down as densities and sampled by NUTS: what the online recursions stand in for.

The discounting of the online posterior is a weight g^age on the log likelihood of each observation (a power posterior).
Needs the extra `mcmc`; jax and numpyro are imported when a model is sampled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import MEMORIES, Evidence
from .spec import Family, Kind

Floats = NDArray[np.float64]
LogDensity = Callable[[Any], Any]

LEAST_SINCE_TURN = 20  # buckets in one family before its levels are compared
LEAST_EVENTS = 0.5  # of a Gamma's shape; below, its mass is a spike at zero with a tail of many decades
LEAST_SPREAD = 1e-3  # of log load: finer than any load is regular, and what keeps an exact fit from a point mass
_OVERDISPERSED_START = 2.0  # sd of the chains' starts, in sd of the posterior's normal approximation
_FLOOR_SHARE = 0.1  # of the running mean: the online moments are damped below it


@dataclass(frozen=True, slots=True)
class Run:
    """How to sample: chains of `samples` draws each after `warmup` steps. `moved` is told of every chain that is done.

    The same seed gives the same draws.
    """

    chains: int = 4
    samples: int = 1000
    warmup: int = 500
    seed: int = 0
    moved: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """values: (chains, samples, k) draws of k parameters; divergences: transitions that left the trajectory."""

    values: Floats
    divergences: int


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Draws of every part of the model; None where there is nothing to sample.

    regression: with the noise that was held online at each window; free_noise: with one noise of its own.
    """

    levels: Draws | None
    dispersion: Draws | None
    regression: Draws
    free_noise: Draws


def sample(evidence: Evidence, run: Run) -> Samples:
    """Sample every part of the model that can be."""
    return Samples(
        levels=sample_levels(evidence, run) if sampled_levels(evidence).any() else None,
        dispersion=sample_dispersion(evidence, run) if dispersion_buckets(evidence).any() else None,
        regression=sample_regression(evidence, run, free_noise=False),
        free_noise=sample_regression(evidence, run, free_noise=True),
    )


def parts_of(evidence: Evidence) -> int:
    """Return how many parts `sample` samples."""
    return 2 + bool(sampled_levels(evidence).any()) + bool(dispersion_buckets(evidence).any())


def check_installed() -> None:
    """Raise ModuleNotFoundError with the cure where the extra is missing."""
    try:
        import numpyro  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{missing.name} is not installed: pip install 'bayescaler[mcmc]'", name=missing.name
        ) from missing


def level_weights(evidence: Evidence) -> tuple[Floats, Floats]:
    """Return (n, G) weights of the window's loads in every level, and (G,) of what came before it."""
    discounts = np.array(evidence.spec.settings.level_discounts)
    ages = np.arange(len(evidence.loads) - 1, -1, -1)[:, None]
    return evidence.weights[:, None] * discounts**ages, discounts ** len(evidence.loads)


def gamma_levels(evidence: Evidence) -> tuple[Floats, Floats]:
    """Return the conjugate answer for the rates of counts: (G,) shapes and rates of their Gammas."""
    weights, old = level_weights(evidence)
    turn = evidence.turn
    return old * turn.level_shape + evidence.loads @ weights, old * turn.level_rate + weights.sum(axis=0)


def normal_levels(evidence: Evidence) -> tuple[Floats, Floats]:
    """Return the conjugate answer for levels on the log scale: (G,) means and sds of their Normals.

    The online step keeps no variance. Its steady state is that of a level known with weight 1 / (1 - g); the variance
    of a load around it is taken as known, from the slowest level.
    """
    weights, old = level_weights(evidence)
    discounts, z = np.array(evidence.spec.settings.level_discounts), evidence.log_loads
    known = old / (1.0 - discounts)
    precision = known + weights.sum(axis=0)
    mean = (known * evidence.turn.level + z @ weights) / precision
    return mean, np.sqrt(_level_variance(evidence) / precision)


def sampled_levels(evidence: Evidence) -> NDArray[np.bool_]:
    """Say which levels can be sampled: (G,); none right after a change of family."""
    if evidence.after.family is Family.GAUSSIAN or len(evidence.loads) < LEAST_SINCE_TURN:
        return np.full(len(evidence.turn.level), len(evidence.loads) >= LEAST_SINCE_TURN)
    return np.asarray(gamma_levels(evidence)[0] >= LEAST_EVENTS)


def sample_levels(evidence: Evidence, run: Run) -> Draws:
    """Sample the levels that can be: rates of counts and rates (Poisson likelihood), log levels of gauges (Normal).

    A rate has the improper prior 1 / rate, as its online Gamma starts from the first load alone.
    """
    import jax.numpy as jnp  # noqa: PLC0415

    chosen = np.flatnonzero(sampled_levels(evidence))
    weights, old = level_weights(evidence)
    weights, old, turn = weights[:, chosen], old[chosen], evidence.turn
    if evidence.after.family is Family.GAUSSIAN:
        z, variance = evidence.log_loads[:, None], _level_variance(evidence)
        known = old / (1.0 - np.array(evidence.spec.settings.level_discounts)[chosen])

        def normal(level: Any) -> Any:
            squares = known * (level - turn.level[chosen]) ** 2 + jnp.sum(weights * (z - level) ** 2, axis=0)
            return -0.5 * jnp.sum(squares) / variance

        return nuts(normal, normal_levels(evidence)[0][chosen], run)
    loads = evidence.loads[:, None]
    first, exposure = old * turn.level_shape[chosen], old * turn.level_rate[chosen]

    def poisson(log_rate: Any) -> Any:
        rate = jnp.exp(log_rate)
        return jnp.sum(first * log_rate - exposure * rate + jnp.sum(weights * (loads * log_rate - rate), axis=0))

    shape, rate = gamma_levels(evidence)
    draws = nuts(poisson, np.log(shape / rate)[chosen], run)
    return Draws(np.exp(draws.values), draws.divergences)


def dispersion_buckets(evidence: Evidence) -> NDArray[np.bool_]:
    """Say which buckets tell of the dispersion: of counts, those seen and not forgotten that expected some load."""
    spec, ages = evidence.spec, _seen_since(evidence)
    if spec.kind is not Kind.COUNT or evidence.after.family is not Family.POISSON_GAMMA:
        return np.zeros(len(evidence.loads), dtype=np.bool_)
    floor = _FLOOR_SHARE * evidence.mean_loads + spec.settings.floor_offset
    remembered = ages * (1.0 - spec.settings.dispersion_discount) < MEMORIES
    return evidence.observed & (evidence.expected >= floor) & remembered


def sample_dispersion(evidence: Evidence, run: Run) -> Draws:
    """Sample rho of counts: negative binomial of variance mean + rho mean^2 around the mean expected before each.

    Buckets that expected next to nothing are left out (online they are damped): they tell of the mean, not of rho.
    log rho is Normal around the prior of the settings with sd 1.5, in place of that prior's ten buckets.
    """
    import jax.numpy as jnp  # noqa: PLC0415
    from jax.scipy.special import gammaln  # noqa: PLC0415

    settings = evidence.spec.settings
    told = dispersion_buckets(evidence)
    y, mean = evidence.loads[told], evidence.expected[told]
    weights = settings.dispersion_discount ** _seen_since(evidence)[told]
    centre = np.log(max(settings.dispersion_prior, LEAST_SPREAD))

    def negative_binomial(log_rho: Any) -> Any:
        size = jnp.exp(-log_rho[0])
        log_pmf = gammaln(y + size) - gammaln(size) - size * jnp.log1p(mean / size) - y * jnp.log1p(size / mean)
        return jnp.sum(weights * log_pmf) - 0.5 * ((log_rho[0] - centre) / 1.5) ** 2

    draws = nuts(negative_binomial, np.array([centre]), run)
    return Draws(np.exp(draws.values), draws.divergences)


def sample_regression(evidence: Evidence, run: Run, *, free_noise: bool) -> Draws:
    """Sample the D coefficients of the slow regression, whose residual is Student t with 4 degrees of freedom.

    Its squared scale is the noise that was held online when each window came; with `free_noise` one for all windows,
    sampled too: its root is the last parameter. The coefficients have the prior N(0, regression_prior I), and what was
    known at the window's start, both as far as they are not forgotten. Windows that overlap count each, as online;
    weights age with every window learned from.
    """
    import jax.numpy as jnp  # noqa: PLC0415

    settings, before = evidence.spec.settings, evidence.before
    features, targets = evidence.features, evidence.targets
    m, d = features.shape
    discount = 1.0 - 1.0 / settings.slow_memory
    weights = discount ** np.arange(m, 0, -1.0)
    old = discount**m * np.linalg.inv(before.covariance) if before.definite else np.zeros((d, d))
    precision = old + (1.0 - discount**m) / settings.regression_prior * np.eye(d)
    middle = np.linalg.solve(precision, old @ before.coefficients)
    given, centre = evidence.noises + LEAST_SPREAD**2, 0.5 * np.log(settings.regression_noise)

    def student(parameters: Any) -> Any:
        coefficients, log_scale = parameters[:d], parameters[d:]  # the latter empty, if the noise is given
        variance = jnp.exp(2.0 * log_scale) + LEAST_SPREAD**2 if free_noise else given
        error, away = targets - features @ coefficients, coefficients - middle
        log_likelihood = -0.5 * jnp.log(variance) - 2.5 * jnp.log1p(error**2 / (4.0 * variance))
        log_prior = -0.5 * away @ precision @ away - 0.5 * jnp.sum(((log_scale - centre) / 2.0) ** 2)
        return jnp.sum(weights * log_likelihood) + log_prior

    draws = nuts(student, np.append(np.zeros(d), [centre] * free_noise), run)
    scale = np.sqrt(np.exp(2.0 * draws.values[..., d:]) + LEAST_SPREAD**2)
    return Draws(np.concatenate([draws.values[..., :d], scale], axis=-1), draws.divergences)


def nuts(log_density: LogDensity, start: Floats, run: Run) -> Draws:
    """Sample a density of k unbounded parameters, written with jax, in double precision.

    The coordinates are first made alike by the normal approximation at the mode, which only makes sampling quick.
    Chains start at points spread twice as wide as that approximation, so that R-hat can tell.
    """
    check_installed()
    import jax  # noqa: PLC0415
    from numpyro.infer import MCMC, NUTS  # noqa: PLC0415

    with jax.enable_x64(True):
        mode, root = _normal_approximation(log_density, start)
        kernel = NUTS(potential_fn=lambda u: -log_density(mode + root @ u))
        sampler = MCMC(kernel, num_warmup=run.warmup, num_samples=run.samples, progress_bar=False)
        values, divergences = [], 0
        for chain in range(run.chains):  # one after the other: each is told of, and vectorised ones take longer
            place, walk = jax.random.split(jax.random.fold_in(jax.random.key(run.seed), chain))
            first = _OVERDISPERSED_START * jax.random.normal(place, (len(start),))
            sampler.run(walk, init_params=first, extra_fields=("diverging",))
            values.append(mode + np.asarray(sampler.get_samples()) @ root.T)
            divergences += int(np.sum(sampler.get_extra_fields()["diverging"]))
            run.moved()
    return Draws(np.stack(values), divergences)


def _normal_approximation(log_density: LogDensity, start: Floats) -> tuple[Floats, Floats]:
    """Return the mode of a density and a root of the covariance of its normal approximation there."""
    import jax  # noqa: PLC0415
    from scipy.optimize import approx_fprime, minimize  # noqa: PLC0415

    slope = jax.jit(jax.value_and_grad(lambda x: -log_density(x)))
    found = minimize(lambda x: tuple(map(np.asarray, slope(x))), start, jac=True, method="BFGS")
    curvature = approx_fprime(found.x, lambda x: np.asarray(slope(x)[1]))
    values, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return np.asarray(found.x), directions / np.sqrt(np.maximum(values, 1e-9 * max(values[-1], 1e-9)))


def _seen_since(evidence: Evidence) -> Floats:
    """Return how many loads were seen after each bucket: what the dispersion counts its age in."""
    seen = evidence.observed.astype(np.float64)
    return np.asarray(np.cumsum(seen[::-1])[::-1] - seen)


def _level_variance(evidence: Evidence) -> float:
    """Return the variance of a log load around the slowest level."""
    weights, _ = level_weights(evidence)
    slow = weights[:, -1] / weights[:, -1].sum()
    return max(float(slow @ (evidence.log_loads - slow @ evidence.log_loads) ** 2), LEAST_SPREAD**2)
