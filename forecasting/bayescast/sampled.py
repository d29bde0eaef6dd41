"""The models of the forecaster, written down as densities and sampled: what the online recursions stand in for.

The discounting of the online posterior is a weight g^age on the log likelihood of each observation (a power posterior).
Needs the extra `mcmc`; jax is imported when a model is made.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import MEMORIES, Evidence
from .nuts import Model, Run, Samples, nuts
from .spec import Family, Kind

Floats = NDArray[np.float64]

LEAST_SINCE_TURN = 20  # buckets in one family before its levels are compared
LEAST_EVENTS = 0.5  # of a Gamma's shape; below, its mass is a spike at zero with a tail of many decades
LEAST_SPREAD = 1e-3  # of log load: finer than any load is regular, and what keeps an exact fit from a point mass
_FLOOR_SHARE = 0.1  # of the running mean: the online moments are damped below it


LEVELS, DISPERSION, REGRESSION, FREE_NOISE = "levels", "dispersion", "regression", "free noise"


def sample(evidence: Evidence, run: Run) -> Samples:
    """Sample every part of the model that can be, by name."""
    models = {REGRESSION: regression(evidence, free_noise=False), FREE_NOISE: regression(evidence, free_noise=True)}
    if sampled_levels(evidence).any():
        models[LEVELS] = levels(evidence)
    if dispersion_buckets(evidence).any():
        models[DISPERSION] = dispersion(evidence)
    return nuts(models, run)


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


def levels(evidence: Evidence) -> Model:
    """Return the model of the levels that can be sampled: rates (Poisson likelihood) or log levels (Normal).

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

        return Model(normal, normal_levels(evidence)[0][chosen])
    loads = evidence.loads[:, None]
    first, exposure = old * turn.level_shape[chosen], old * turn.level_rate[chosen]

    def poisson(log_rate: Any) -> Any:
        rate = jnp.exp(log_rate)
        return jnp.sum(first * log_rate - exposure * rate + jnp.sum(weights * (loads * log_rate - rate), axis=0))

    shape, rate = gamma_levels(evidence)
    return Model(poisson, np.log(shape / rate)[chosen], np.exp)


def dispersion_buckets(evidence: Evidence) -> NDArray[np.bool_]:
    """Say which buckets tell of the dispersion: of counts, those seen and not forgotten that expected some load."""
    spec, ages = evidence.spec, _seen_since(evidence)
    if spec.kind is not Kind.COUNT or evidence.after.family is not Family.POISSON_GAMMA:
        return np.zeros(len(evidence.loads), dtype=np.bool_)
    floor = _FLOOR_SHARE * evidence.mean_loads + spec.settings.floor_offset
    remembered = ages * (1.0 - spec.settings.dispersion_discount) < MEMORIES
    return evidence.observed & (evidence.expected >= floor) & remembered


def dispersion(evidence: Evidence) -> Model:
    """Return the model of rho of counts: negative binomial, variance mean + rho mean^2, around what was expected.

    Buckets that expected next to nothing are left out (online they are damped): they tell of the mean, not of rho.
    log rho is Normal around the prior of the settings with sd 1.5, in place of that prior's ten buckets.
    """
    import jax.numpy as jnp  # noqa: PLC0415
    from jax.scipy.special import gammaln  # noqa: PLC0415

    settings = evidence.spec.settings
    told = dispersion_buckets(evidence)
    y, mean = evidence.loads[told], evidence.expected[told]
    weights = settings.dispersion_discount ** _seen_since(evidence)[told]
    distinct, place = np.unique(y, return_inverse=True)  # counts repeat, and gammaln is what takes time
    mass = np.bincount(place, weights)
    centre = np.log(max(settings.dispersion_prior, LEAST_SPREAD))

    def negative_binomial(log_rho: Any) -> Any:
        size = jnp.exp(-log_rho[0])
        ways = jnp.sum(mass * (gammaln(distinct + size) - gammaln(size)))
        chances = jnp.sum(weights * (size * jnp.log1p(mean / size) + y * jnp.log1p(size / mean)))
        return ways - chances - 0.5 * ((log_rho[0] - centre) / 1.5) ** 2

    return Model(negative_binomial, np.array([centre]), np.exp)


def regression(evidence: Evidence, *, free_noise: bool) -> Model:
    """Return the model of the D coefficients of the slow regression, with a Student t residual (4 degrees of freedom).

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

    def back(draws: Floats) -> Floats:
        scale = np.sqrt(np.exp(2.0 * draws[..., d:]) + LEAST_SPREAD**2)
        return np.concatenate([draws[..., :d], scale], axis=-1)

    return Model(student, np.append(np.zeros(d), [centre] * free_noise), back)


def _seen_since(evidence: Evidence) -> Floats:
    """Return how many loads were seen after each bucket: what the dispersion counts its age in."""
    seen = evidence.observed.astype(np.float64)
    return np.asarray(np.cumsum(seen[::-1])[::-1] - seen)


def _level_variance(evidence: Evidence) -> float:
    """Return the variance of a log load around the slowest level."""
    weights, _ = level_weights(evidence)
    slow = weights[:, -1] / weights[:, -1].sum()
    return max(float(slow @ (evidence.log_loads - slow @ evidence.log_loads) ** 2), LEAST_SPREAD**2)
