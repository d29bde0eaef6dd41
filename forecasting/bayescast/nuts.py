"""NUTS (Hoffman and Gelman 2014) by NumPyro, for densities over few parameters. Needs the extra `mcmc`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_OVERDISPERSED_START = 2.0  # sd of the chains' starts, in sd of the posterior's normal approximation


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
class Model:
    """A density of k unbounded parameters.

    log_density: (k,) parameters -> its logarithm up to a constant, written with jax. start: (k,) where to look for the
    mode. back: (..., k) draws -> the parameters that are asked for.
    """

    log_density: Callable[[Any], Any]
    start: Floats
    back: Callable[[Floats], Floats] = lambda draws: draws


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """values: (chains, samples, k) draws of k parameters; divergences: transitions that left the trajectory."""

    values: Floats
    divergences: int


def check_installed() -> None:
    """Raise ModuleNotFoundError with the cure where the extra is missing."""
    try:
        import numpyro  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{missing.name} is not installed: pip install 'bayescaler[mcmc]'", name=missing.name
        ) from missing


def sample_all(models: Sequence[Model], run: Run) -> list[Draws]:
    """Sample each of the models by itself, in double precision.

    The coordinates are first made alike by the normal approximation at the mode, which only makes sampling quick.
    Chains start at points spread twice as wide as that approximation, so that R-hat can tell. All models share one
    compiled sampler, as compiling takes longer than a chain: coordinates that a model lacks are Normal and dropped.
    """
    check_installed()
    import jax  # noqa: PLC0415
    import numpyro  # noqa: PLC0415
    from numpyro.distributions import ImproperUniform, constraints  # noqa: PLC0415
    from numpyro.infer import MCMC, NUTS  # noqa: PLC0415

    size = max(len(model.start) for model in models)
    with jax.enable_x64(True):
        shapes = [_normal_approximation(model) for model in models]
        densities = [_padded(model, *shape) for model, shape in zip(models, shapes, strict=True)]

        def program(which: Any) -> None:
            place = numpyro.sample("place", ImproperUniform(constraints.real_vector, (), (size,)))
            numpyro.factor("density", jax.lax.switch(which, densities, place))

        sampler = MCMC(
            NUTS(program), num_warmup=run.warmup, num_samples=run.samples, progress_bar=False, jit_model_args=True
        )
        return [_sample_one(sampler, i, models[i], *shapes[i], size, run) for i in range(len(models))]


def _sample_one(sampler: Any, which: int, model: Model, mode: Floats, root: Floats, size: int, run: Run) -> Draws:
    """Run the chains one after the other: each is told of, and together they take longer."""
    import jax  # noqa: PLC0415

    chains, divergences = [], 0
    for chain in range(run.chains):
        begin, walk = jax.random.split(jax.random.fold_in(jax.random.key(run.seed), chain))
        first = _OVERDISPERSED_START * jax.random.normal(begin, (size,))
        sampler.run(walk, which, init_params={"place": first}, extra_fields=("diverging",))
        places = np.asarray(sampler.get_samples()["place"])[:, : len(mode)]
        chains.append(model.back(mode + places @ root.T))
        divergences += int(np.sum(sampler.get_extra_fields()["diverging"]))
        run.moved()
    return Draws(np.stack(chains), divergences)


def _padded(model: Model, mode: Floats, root: Floats) -> Callable[[Any], Any]:
    """Return the log density in the coordinates of the sampler."""
    k = len(mode)
    return lambda place: model.log_density(mode + root @ place[:k]) - 0.5 * (place[k:] ** 2).sum()


def _normal_approximation(model: Model) -> tuple[Floats, Floats]:
    """Return the mode of a density and a root of the covariance of its normal approximation there."""
    import jax  # noqa: PLC0415
    from scipy.optimize import approx_fprime, minimize  # noqa: PLC0415

    slope = jax.jit(jax.value_and_grad(lambda x: -model.log_density(x)))
    found = minimize(lambda x: tuple(map(np.asarray, slope(x))), model.start, jac=True, method="BFGS")
    curvature = np.atleast_2d(approx_fprime(found.x, lambda x: np.asarray(slope(x)[1])))
    values, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return np.asarray(found.x), directions / np.sqrt(np.maximum(values, 1e-9 * max(values[-1], 1e-9)))
