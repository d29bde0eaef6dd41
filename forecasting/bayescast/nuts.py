"""NUTS (Hoffman and Gelman 2014) by NumPyro, for densities over few parameters. Needs the extra `mcmc`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
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
    mode. back: (..., k) draws -> the numbers that are asked for.
    """

    log_density: Callable[[Any], Any]
    start: Floats
    back: Callable[[Floats], Floats] = lambda draws: draws


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """draws: name of a model -> (chains, samples, k). divergences: transitions that left the trajectory."""

    draws: dict[str, Floats]
    divergences: int


def check_installed() -> None:
    """Raise ModuleNotFoundError with the cure where the extra is missing."""
    try:
        import numpyro  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{missing.name} is not installed: pip install 'bayescaler[mcmc]'", name=missing.name
        ) from missing


def nuts(models: Mapping[str, Model], run: Run) -> Samples:
    """Sample models that do not depend on each other, all at once and in double precision.

    One sampler is compiled for all, which takes longer than a chain. The coordinates are first made alike by the normal
    approximation at the mode, which only makes sampling quick. Chains start at points spread twice as wide as that
    approximation, so that R-hat can tell.
    """
    check_installed()
    import jax  # noqa: PLC0415
    from numpyro.infer import NUTS  # noqa: PLC0415

    with jax.enable_x64(True):
        shapes = [_normal_approximation(model) for model in models.values()]
        ends = np.cumsum([0, *(len(mode) for mode, _ in shapes)]).tolist()
        spans = [slice(begin, end) for begin, end in pairwise(ends)]
        parts = list(zip(models.values(), shapes, spans, strict=True))

        def potential(place: Any) -> Any:
            return -sum(model.log_density(mode + root @ place[span]) for model, (mode, root), span in parts)

        sampler = NUTS(potential_fn=potential)

        def step(state: Any, _: None) -> Any:
            state = sampler.sample(state, (), {})
            return state, (state.z, state.diverging)

        def walk(key: Any, first: Any) -> Any:
            state = sampler.init(key, run.warmup, first, (), {})
            state, _ = jax.lax.scan(step, state, length=run.warmup)
            return jax.lax.scan(step, state, length=run.samples)[1]

        compiled = jax.jit(walk)  # once: numpyro's own loop is compiled anew for every chain
        places, divergences = [], 0
        for chain in range(run.chains):  # one after the other: each is told of, and together they take longer
            begin, way = jax.random.split(jax.random.fold_in(jax.random.key(run.seed), chain))
            first = _OVERDISPERSED_START * jax.random.normal(begin, (ends[-1],))
            drawn, diverging = compiled(way, first)
            places.append(np.asarray(drawn))
            divergences += int(np.sum(diverging))
            run.moved()
    place = np.stack(places)
    draws = [model.back(mode + place[..., span] @ root.T) for model, (mode, root), span in parts]
    return Samples(dict(zip(models, draws, strict=True)), divergences)


def _normal_approximation(model: Model) -> tuple[Floats, Floats]:
    """Return the mode of a density and a root of the covariance of its normal approximation there."""
    import jax  # noqa: PLC0415
    from scipy.optimize import approx_fprime, minimize  # noqa: PLC0415

    slope = jax.jit(jax.value_and_grad(lambda x: -model.log_density(x)))
    found = minimize(lambda x: tuple(map(np.asarray, slope(x))), model.start, jac=True, method="BFGS")
    curvature = np.atleast_2d(approx_fprime(found.x, lambda x: np.asarray(slope(x)[1])))
    values, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return np.asarray(found.x), directions / np.sqrt(np.maximum(values, 1e-9 * max(values[-1], 1e-9)))
