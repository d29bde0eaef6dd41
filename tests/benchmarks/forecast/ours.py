"""The forecaster that is judged, as a user gets it and with single parts left out."""

from collections.abc import Callable
from dataclasses import replace

from bayescast import Family, Forecaster, ForecastSpec, Settings

from .series import DAY_SECONDS, Floats, Series

Change = Callable[[ForecastSpec], ForecastSpec]


def _without(switch: str) -> Change:
    return lambda spec: replace(spec, settings=spec.settings._replace(**{switch: False}))


def _seasons(*seconds: float) -> Change:
    return lambda spec: replace(spec, seasons=seconds)


def _family(family: Family) -> Change:
    return lambda spec: replace(spec, family=family)


ABLATIONS: dict[str, Change] = {
    **{
        switch.replace("with_", "without ").replace("_", " "): _without(switch)
        for switch in Settings._fields
        if switch.startswith("with_")
    },
    "without atoms": lambda spec: replace(spec, settings=spec.settings._replace(atom_hair=0.0)),
    "no season": _seasons(),
    "daily season only": _seasons(DAY_SECONDS),
    "PoissonGamma for all": _family(Family.POISSON_GAMMA),
    "Gaussian for all": _family(Family.GAUSSIAN),
}


def issued(series: Series, change: Change | None = None) -> dict[int, Floats]:
    """Return lead -> quantiles at LEVELS for the origins of the second half, (n - n // 2, 9)."""
    spec = ForecastSpec(series.step_seconds, tuple(series.leads), kind=series.kind)
    replayed = Forecaster(spec if change is None else change(spec)).replay(series.times, series.values)
    return {lead: quantiles[series.half :] for lead, quantiles in replayed.items()}
