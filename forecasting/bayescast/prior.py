"""What is known of a group of like workloads before the next of its kind has been seen: a prior, free of scale."""

import json
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from . import seasons
from .errors import BayescastError, InvalidPrior, SpecMismatch
from .events import Event
from .kernels import memory as mem
from .kernels import state as st
from .settings import Settings
from .spec import Family, ForecastSpec

Floats = NDArray[np.float64]

VERSION = 1
RESIDUALS = (st.MEAN_RESIDUAL, st.RECENT_RESIDUAL, st.SLOW_NOISE, st.FAST_NOISE)  # columns of Prior.residuals
MOST_VISITS = 1  # that a shape counts as: more win nothing where a group is right, and hold it longer where it is wrong
_FORMAT = "bayescast-prior"
_SHAPES = ("load_shape", "peak_shape")  # the arrays in which a slot may be unknown
_POSITIVE = ("level_spread", "noise", "dispersion_weight", "scales", "scale_windows", "residuals")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prior:
    """Empirical-Bayes prior of a group, for workloads of one step, leads, seasons, kind, family and settings.

    All but `level` is free of scale, and slots follow each workload's own local clock. S slots of all seasons one after
    the other, L leads, E experts, D features, H histograms of B bins, Q levels.

    members: workloads it was pooled from. family: the one most of them use. level, level_spread: mean and standard
    deviation over the group of a workload's log level, the mean over the first season of log(load + offset). log_mean:
    log of a workload's mean load, minus its level. noise: standard deviation of log load about its template. visits:
    per season, how many visits of a slot its shape counts as; 0 leaves it out. agreement: per season, the share of a
    member's shape that the others explain; NaN where that cannot be said. load_shape (S,), peak_shape (L, S): template
    of log load, and of the log window maximum by slot of origin, minus level; NaN where no member knows. dispersion,
    dispersion_weight: overdispersion of counts, and its weight in buckets. scales (L, E): mean absolute residual
    (additive experts: over the mean load with offset), scale_windows (L,): their weight. residuals (L, 4): RESIDUALS.
    slow_fit, fast_fit (L, D + 1, D): covariance and mean of the regression weights. bins (L, H, B): mass of the
    histograms, in windows. losses (L, E, Q): what Hedge starts from. rises (L, R): rise of the window maximum over the
    load at its origin, by slot of the first season, then of the hour.
    """

    spec: ForecastSpec
    members: int
    family: Family
    level: float
    level_spread: float
    log_mean: float
    noise: float
    visits: tuple[int, ...]
    agreement: tuple[float, ...]
    load_shape: Floats
    peak_shape: Floats
    dispersion: float
    dispersion_weight: float
    scales: Floats
    scale_windows: Floats
    residuals: Floats
    slow_fit: Floats
    fast_fit: Floats
    bins: Floats
    losses: Floats
    rises: Floats

    def check(self, spec: ForecastSpec) -> None:
        """Raise SpecMismatch where a workload of `spec` cannot start from this prior; its time zone does not matter."""
        if differing := self.spec.differences(shared(spec)):
            raise SpecMismatch(
                f"the prior is of workloads that differ in {', '.join(differing)}: pool workloads with this one's spec"
            )

    def to_json(self) -> str:
        """Return it as JSON, a few hundred kB at most; `from_json` gives back the same numbers to the bit."""
        about: dict[str, Any] = {"format": _FORMAT, "version": VERSION, "spec": self.spec.plain()}
        for name in _values():
            value = getattr(self, name)
            about[name] = _nulls(value.tolist() if isinstance(value, np.ndarray) else value)
        return json.dumps(about, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the prior that `to_json` wrote; InvalidPrior says why it cannot be."""
        try:
            about = json.loads(text)
        except ValueError as error:
            raise InvalidPrior(f"this is no prior, not even JSON ({error}): pool the group again") from None
        if not isinstance(about, dict) or about.get("format") != _FORMAT:
            raise InvalidPrior(f"this JSON is no prior ('format' is not {_FORMAT!r}): pool the group again")
        if not isinstance(about.get("version"), int) or about["version"] > VERSION:
            raise InvalidPrior(
                f"prior version {about.get('version')!r}, this code reads up to {VERSION}: upgrade, or pool it again"
            )
        if missing := [name for name in ("spec", *_values()) if name not in about]:
            raise InvalidPrior(f"the prior lacks {', '.join(missing)}: pool the group again")
        spec = _read_spec(about["spec"])
        return cls(spec=spec, **_read_values(about, spec))


def shared(spec: ForecastSpec) -> ForecastSpec:
    """Return the spec with what members of a group need not share left out: the time zone, and the name of Auto."""
    return replace(spec, family=spec.resolved_family, time_zone="UTC")


def plan_of(spec: ForecastSpec) -> st.Plan:
    """Return the plan of a bank of this spec."""
    _, slots, visits = seasons.layout(spec.step_seconds, spec.seasons)
    hour_slots = seasons.hour_slots(spec.step_seconds)
    return st.make_plan(spec.step_seconds, spec.leads, slots, visits, hour_slots, len(spec.events), spec.settings)


def _values() -> list[str]:
    return [field.name for field in fields(Prior) if field.name != "spec"]


def _nulls(value: Any) -> Any:
    """Return nested lists with null for NaN, which JSON has not."""
    if isinstance(value, (list, tuple)):
        return [_nulls(part) for part in value]
    return None if value != value else value  # noqa: PLR0124  # NaN alone differs from itself


def _read_spec(given: Any) -> ForecastSpec:
    try:
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
        events = tuple(Event(name) for name in given["events"])
        return ForecastSpec(**plain | {"events": events, "settings": Settings(**given["settings"])})
    except (AttributeError, TypeError, KeyError, BayescastError) as error:
        raise InvalidPrior(f"the prior's spec is not one of this version ({error}): pool the group again") from None


def _read_values(about: dict[str, Any], spec: ForecastSpec) -> dict[str, Any]:
    """Return all fields but the spec, each checked against the layout of this version."""
    values: dict[str, Any] = {}
    if about["family"] not in (Family.GAUSSIAN, Family.POISSON_GAMMA):
        raise InvalidPrior(f"the prior's family is {about['family']!r}, which is none: pool the group again")
    for name, shape in _layout(spec).items():
        try:
            array = np.array(about[name], dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidPrior(f"the prior's {name} does not hold numbers alone: pool the group again") from None
        if array.shape != shape:
            raise InvalidPrior(
                f"the prior's {name} has shape {array.shape}, in this version it is {shape}: pool the group again"
            )
        known = array[~np.isnan(array)] if name in (*_SHAPES, "agreement") else array
        if not np.isfinite(known).all() or (name in _POSITIVE and not (known > 0.0).all()):
            raise InvalidPrior(f"the prior's {name} holds what cannot be: pool the group again")
        values[name] = array
    _check_values(values)
    plain: dict[str, Any] = {name: float(value) for name, value in values.items() if value.shape == ()}
    plain["members"] = int(values["members"])
    plain["visits"] = tuple(values["visits"].astype(int).tolist())
    plain["agreement"] = tuple(values["agreement"].tolist())
    return values | plain | {"family": Family(about["family"])}


def _check_values(values: dict[str, Floats]) -> None:
    """Raise InvalidPrior on numbers of the right form that no pooling gives."""
    visits, members = values["visits"], values["members"]
    wrong = {
        "members": members < 1 or members % 1,
        "visits": ((visits < 0) | (visits > MOST_VISITS) | (visits % 1 != 0)).any(),
        "dispersion": values["dispersion"] < 0.0,
        "bins": (values["bins"] < 0.0).any() or (values["bins"].sum(axis=-1) <= 0.0).any(),
    }
    for name in ("slow_fit", "fast_fit"):
        covariance = values[name][:, :-1]
        skew = np.abs(covariance - covariance.transpose(0, 2, 1)).max(initial=0.0)
        wrong[name] = skew > 1e-9 or np.linalg.eigvalsh(covariance).min(initial=1.0) <= 0.0
    if found := [name for name, is_wrong in wrong.items() if is_wrong]:
        raise InvalidPrior(f"the prior's {', '.join(found)} holds what cannot be: pool the group again")


def _layout(spec: ForecastSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of every field but the spec; () is a number."""
    plan, leads = plan_of(spec), len(spec.leads)
    row, in_use = mem.named(mem.allocate(1, plan), plan), len(plan.visit)
    arrays: dict[str, tuple[int, ...]] = {
        "visits": (in_use,),
        "agreement": (in_use,),
        "load_shape": row.slot_load.shape[1:],
        "peak_shape": row.slot_peak.shape,
        "scales": (leads, st.N_EXPERTS),
        "scale_windows": (leads,),
        "residuals": (leads, len(RESIDUALS)),
        "slow_fit": row.slow_fit.shape,
        "fast_fit": row.fast_fit.shape,
        "bins": row.bins.shape,
        "losses": row.losses.shape,
        "rises": row.slot_rise.shape,
    }
    return {name: arrays.get(name, ()) for name in _values() if name != "family"}
