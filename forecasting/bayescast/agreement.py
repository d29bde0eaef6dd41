"""What is said of an online posterior beside a sampled one: quantities, parts, findings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .convergence import LEAST_ESS, MOST_RHAT, Convergence, convergence
from .spec import Family

Floats = NDArray[np.float64]
QuantileFunction = Callable[[Floats], Floats]

_UNBELIEVED = "what was sampled cannot be believed, so nothing is said of the online posterior"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, what it means, and what to do."""

    part: str
    what: str
    meaning: str
    cure: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of the model, online and sampled.

    online_sd: None where the online code keeps no width. low, high: the sampled 95 % interval. difference: (online -
    sampled mean) / sampled sd. distance: 1-Wasserstein distance of the two posteriors in sampled sds, None without an
    online width: 0 where they are the same, 1 where they lie an sd apart.
    """

    name: str
    online: float
    online_sd: float | None
    mean: float
    sd: float
    low: float
    high: float
    difference: float
    distance: float | None
    convergence: Convergence


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the slow regression says of the largest load of the next window, online and by the sampled mean.

    gap: online over sampled (load and offset), minus 1. typical_gap: root mean square of the gaps over the origins of
    the window of history; explained_gap: as much of it may come of learning in one pass; usual_error: the sd that a
    window's outcome has around its prediction; all three on the log scale, then as shares. online_width,
    sampled_width: posterior sd of the prediction, log load, root mean square over those origins.
    """

    online: float
    sampled: float
    gap: float
    typical_gap: float
    explained_gap: float
    usual_error: float
    online_width: float
    sampled_width: float


@dataclass(frozen=True, slots=True)
class Part:
    """One model of the forecaster: its quantities, what they come to in a sentence, and what is wrong with them.

    prediction: of a regression.
    """

    name: str
    says: str
    quantities: tuple[Quantity, ...]
    findings: tuple[Finding, ...]
    prediction: Prediction | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """All parts for one window of history, which begins at `start` (epoch seconds)."""

    family: Family
    lead: int
    step_seconds: float
    start: float
    buckets: int
    windows: int
    chains: int
    samples: int
    seed: int
    divergences: int
    parts: tuple[Part, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the sampling, else with any part."""
        stopped = diverged(self.divergences, self.chains * self.samples)
        return tuple(stopped or (finding for part in self.parts for finding in part.findings))

    @property
    def healthy(self) -> bool:
        """Whether nothing is."""
        return not self.findings


def compared(
    name: str, draws: Floats, online: float, online_sd: float | None = None, law: QuantileFunction | None = None
) -> Quantity:
    """Hold an online number against its draws, (chains, samples); `law` is the quantile function it has online."""
    mean, sd = float(draws.mean()), max(float(draws.std()), float(np.finfo(np.float64).tiny))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Quantity(
        name=name,
        online=online,
        online_sd=online_sd,
        mean=mean,
        sd=sd,
        low=float(low),
        high=float(high),
        difference=(online - mean) / sd,
        distance=None if law is None else wasserstein(draws, law) / sd,
        convergence=convergence(draws),
    )


def wasserstein(draws: Floats, law: QuantileFunction) -> float:
    """Return the 1-Wasserstein distance between draws (any shape, n in all) and a law given by its quantile function.

    W1 = integral over u in (0, 1) of |F^-1(u) - G^-1(u)| (Vallender 1974), taken at the n mid-ranks.
    """
    return float(np.mean(np.abs(np.sort(draws, axis=None) - law((np.arange(draws.size) + 0.5) / draws.size))))


def normal(mean: float, sd: float) -> QuantileFunction:
    """Return the quantile function of a Normal."""
    from scipy.special import ndtri  # noqa: PLC0415  # only a check needs it

    return lambda u: np.asarray(mean + sd * ndtri(u))


def gamma(shape: float, rate: float) -> QuantileFunction:
    """Return the quantile function of a Gamma."""
    from scipy.special import gammaincinv  # noqa: PLC0415  # only a check needs it

    return lambda u: np.asarray(gammaincinv(shape, u) / rate)


def unmet(part: str, quantities: list[Quantity]) -> list[Finding]:
    """Return what keeps the draws of a part from being believed."""
    strays = [one for one in quantities if not one.convergence.converged]
    if not strays:
        return []
    worst = max(strays, key=lambda one: (one.convergence.rhat, -one.convergence.ess_bulk))
    told = worst.convergence
    what = (
        f"the chains have not met: {worst.name} has R-hat {told.rhat:.3f} (at most {MOST_RHAT:g}) and effective "
        f"draws {told.ess_bulk:.0f} in the bulk, {told.ess_tail:.0f} in the tails (at least {LEAST_ESS:.0f})"
    )
    cure = "give more --samples and --warmup; if that does not help, a longer --window"
    return [Finding(part, what, _UNBELIEVED, cure)]


def diverged(divergences: int, draws: int) -> list[Finding]:
    """Return what keeps all draws from being believed."""
    if not divergences:
        return []
    what = f"{divergences} of {draws} transitions diverged: the sampler cut a part of the posterior short"
    cure = "give a longer --window, as a posterior bound by more data is rounder; or more --warmup"
    return [Finding("sampler", what, _UNBELIEVED, cure)]
