"""What the online forecaster believes of one workload now: levels, overdispersion, the slow regression of a lead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import seasons
from .errors import InvalidSpec, NoData
from .kernels import state as st
from .spec import Family, ForecastSpec

Floats = NDArray[np.float64]

# Their logarithm minus the base level, but for the constant and the rises.
_FEATURES = ("one", "last value", "level 20", "level 5", "recent maximum", "rise of hour", "rise of slot")
_FIRST_SEASON = ("slot", "season now")
_LATER_SEASON = ("season {} now", "season {} half")


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Posterior of one workload and lead after the newest bucket; G levels, D features of the slow regression.

    family: of the levels, now. load: the newest load as they took it (an assumed one, if the bucket was missing).
    offset: what is added to a load before the logarithm. mean_load: the running mean. level_shape, level_rate: (G,) of
    the Gamma posteriors of the rate. level: (G,) log(load + offset) that these or the Normal means stand for.
    dispersion: rho of counts, variance = mean + rho mean^2. coefficients, covariance: (D,), (D, D) Normal posterior of
    the regression of log window maximum minus base. noise: variance of its residual. features, base: (D,) and the log
    level at which that regression is read now. windows: how many it has learned from.
    """

    family: Family
    load: float
    offset: float
    mean_load: float
    level_shape: Floats
    level_rate: Floats
    level: Floats
    dispersion: float
    coefficients: Floats
    covariance: Floats
    noise: float
    features: Floats
    base: float
    windows: int

    @property
    def definite(self) -> bool:
        """Whether the covariance is one."""
        return bool(np.isfinite(self.covariance).all()) and float(np.linalg.eigvalsh(self.covariance)[0]) > 0.0


def read(spec: ForecastSpec, state: st.State, lead: int) -> Posterior:
    """Read the posterior of a lead (in buckets) from the state of one row; InvalidSpec or NoData if there is none."""
    if lead not in spec.leads:
        raise InvalidSpec(f"lead = {lead!r} buckets is not one of the spec's leads {spec.leads}")
    if state.marks[0, st.SEEN] == 0:
        raise NoData("no load was seen yet: fit a history or update first")
    i = spec.leads.index(lead)
    scalars, levels, fit = state.scalars[0], state.levels[0], state.slow_fit[i]
    first = sum(window + 1 for window in spec.leads[:i])
    newest = state.ring[first + int(state.marks[0, st.CLOCK] - 1) % (lead + 1)]
    return Posterior(
        family=Family.GAUSSIAN if state.marks[0, st.GAUSSIAN] else Family.POISSON_GAMMA,
        load=float(scalars[st.LAST_VALUE]),
        offset=float(scalars[st.OFFSET]),
        mean_load=float(scalars[st.MEAN]),
        level_shape=levels[st.LEVEL_SHAPE].copy(),
        level_rate=levels[st.LEVEL_RATE].copy(),
        level=levels[st.LEVEL_Z].copy(),
        dispersion=float(scalars[st.DISPERSION]),
        coefficients=fit[-1].copy(),
        covariance=fit[:-1].copy(),
        noise=float(state.lead_scalars[i, st.SLOW_NOISE]),
        features=newest[st.R_FEATURE : st.R_FEATURE + len(fit[-1])].copy(),
        base=float(newest[st.R_BASE]),
        windows=int(state.lead_marks[i, st.WINDOWS]),
    )


def feature_names(spec: ForecastSpec) -> tuple[str, ...]:
    """Name the D features of the regressions, in their order."""
    names = list(_FEATURES)
    for season in range(len(seasons.layout(spec.step_seconds, spec.seasons)[0])):
        names += _FIRST_SEASON if season == 0 else [name.format(season + 1) for name in _LATER_SEASON]
    return (*names, *(f"event {name}" for name in spec.event_names))
