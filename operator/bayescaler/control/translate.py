"""From the resource as users write it to what the pure rooms understand: seconds, fractions, whole pods."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayescaler import api
from bayescaler.api.behavior import ScaleDownRules, ScaleUpRules
from bayescaler.api.load import LoadSpec
from bayescaler.policy.objective import windows
from bayescaler.policy.reasons import Mode
from bayescaler.policy.schedules import Schedule
from bayescaler.policy.types import (
    Behavior,
    Budget,
    Fallback,
    Policy,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    Select,
)
from bayescaler.sources.port import LoadQuery
from bayescast import Family, ForecastSpec, Kind

from .settings import Settings

DEFAULT_QUANTILE = 0.95
_KINDS = {"Rate": Kind.RATE, "Count": Kind.COUNT, "Gauge": Kind.GAUGE}


@dataclass(frozen=True, slots=True)
class TargetRef:
    """The workload to size, in the object's own namespace."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One object's spec, translated. A change of `query`, `forecast` or `history_seconds` asks for a new posterior.

    Capacity is a load per second (or a level); `scale` brings what the query gives to that unit: 1/step for counts.
    """

    target: TargetRef
    policy: Policy
    query: LoadQuery
    forecast: ForecastSpec
    history_seconds: float
    scale: float = 1.0

    @property
    def lead(self) -> int:
        """Buckets of the window that a scale-out has to serve."""
        return self.forecast.leads[0]

    @property
    def window(self) -> int:
        """Buckets of the longer window that a scale-in has to be right for."""
        return self.forecast.leads[-1]

    @property
    def lead_seconds(self) -> float:
        """Length of that window in seconds."""
        return self.lead * self.forecast.step_seconds

    def same_load(self, other: "Intent") -> bool:
        """Whether the posterior of `other` is the one this intent asks for."""
        return (self.query, self.forecast, self.history_seconds) == (
            other.query,
            other.forecast,
            other.history_seconds,
        )

    def same_meaning(self, other: "Intent") -> bool:
        """Whether numbers read for `other` mean the same here, so that they may serve until new ones are there."""
        return (self.query.query, self.query.step_seconds, self.forecast.kind) == (
            other.query.query,
            other.query.step_seconds,
            other.forecast.kind,
        )


def lead_buckets(step_seconds: float, *, startup_seconds: float, interval_seconds: float, lag_seconds: float) -> int:
    """Buckets from the newest one seen until pods wanted now are ready and the next decision has its own pods.

    With a start-up of 60 s, a tick of 15 s and a lag of 15 s, one-minute buckets need two.
    """
    return max(1, math.ceil((startup_seconds + interval_seconds + lag_seconds) / step_seconds - 1e-9))


def translate(namespace: str, name: str, obj: Mapping[str, Any], settings: Settings) -> Intent:
    """Read an object; raises `api.SpecError` with the fields at fault."""
    spec = api.parse_spec(obj)
    address = spec.load.prometheus.server_address or settings.default_server_address
    if address is None:
        cure = "not given, and the operator has no default: name one it allows, or start it with --prometheus"
        raise api.SpecError((api.Problem("spec.load.prometheus.serverAddress", cure),))
    try:
        return Intent(
            target=TargetRef(spec.scale_target_ref.api_version, spec.scale_target_ref.kind, spec.scale_target_ref.name),
            policy=_policy(spec, settings),
            query=_query(namespace, name, spec.load, address),
            forecast=_forecast(spec, settings),
            history_seconds=spec.forecast.history.seconds,
            scale=1.0 / spec.load.step.seconds if spec.load.kind == "Count" else 1.0,
        )
    except ValueError as error:  # what the schema takes and the pure rooms cannot honour, such as 6h in steps of 1s
        raise api.SpecError((api.Problem("spec", str(error)),)) from error


def _query(namespace: str, name: str, load: LoadSpec, address: str) -> LoadQuery:
    auth = load.prometheus.auth_ref
    return LoadQuery(
        key=f"{namespace}/{name}",
        query=load.prometheus.query,
        step_seconds=load.step.seconds,
        server_address=address,
        auth_key=f"{namespace}/{auth.name}" if auth else None,
    )


def _forecast(spec: api.Spec, settings: Settings) -> ForecastSpec:
    step, forecast = spec.load.step.seconds, spec.forecast
    return ForecastSpec(
        step_seconds=step,
        leads=windows(_lead(forecast.horizon, step, settings), step),
        kind=_KINDS[spec.load.kind],
        family=Family(forecast.family),
        seasons=tuple(season.seconds for season in forecast.seasons),
        time_zone=forecast.time_zone,
    )


def _lead(horizon: api.Horizon, step: float, settings: Settings) -> int:
    if horizon.fixed_seconds is None:
        return lead_buckets(
            step,
            startup_seconds=settings.startup_seconds,
            interval_seconds=settings.interval_seconds,
            lag_seconds=settings.metric_lag_seconds,
        )
    return max(1, math.ceil(horizon.fixed_seconds / step - 1e-9))


def _policy(spec: api.Spec, settings: Settings) -> Policy:
    fallback = spec.fallback
    return Policy(
        min_replicas=spec.min_replicas,
        max_replicas=spec.max_replicas,
        capacity=spec.capacity.per_replica,
        quantile=spec.objective.quantile or DEFAULT_QUANTILE,
        price=_price(spec),
        budget=_budget(spec, settings),
        buffer=spec.objective.buffer,
        mode=Mode(spec.mode),
        paused=spec.paused,
        behavior=Behavior(_rules(spec.behavior.scale_up), _rules(spec.behavior.scale_down)),
        fallback=Fallback(
            after_seconds=fallback.after.seconds,
            target_utilization=fallback.reactive.target_utilization,
            replicas=fallback.replicas,
        ),
        unit="" if spec.load.kind == "Gauge" else "/s",
        schedules=_schedules(spec),
        lead_seconds=_lead(spec.forecast.horizon, spec.load.step.seconds, settings) * spec.load.step.seconds,
        activation_threshold=spec.load.activation_threshold,
    )


def _schedules(spec: api.Spec) -> tuple[Schedule, ...]:
    return tuple(
        Schedule(
            name=schedule.name,
            start=schedule.start,
            duration_seconds=schedule.duration.seconds,
            time_zone=schedule.time_zone or spec.forecast.time_zone,
            min_replicas=schedule.min_replicas,
            max_replicas=schedule.max_replicas,
        )
        for schedule in spec.schedules
    )


def _price(spec: api.Spec) -> float | None:
    costs = spec.objective.costs
    return None if costs is None else costs.overload_hour / costs.replica_hour


def _budget(spec: api.Spec, settings: Settings) -> Budget | None:
    if spec.objective.risk is None:
        return None
    fixed = spec.forecast.horizon.fixed_seconds
    startup = settings.startup_seconds
    if fixed is not None:
        startup = max(fixed - settings.interval_seconds - settings.metric_lag_seconds, 0.0)
    return Budget(
        share=spec.objective.risk.overload_budget,
        step_seconds=spec.load.step.seconds,
        startup_seconds=startup,
        lag_seconds=settings.metric_lag_seconds,
    )


def _rules(rules: ScaleUpRules | ScaleDownRules) -> ScalingRules:
    return ScalingRules(
        policies=tuple(ScalingPolicy(PolicyType(p.type), p.value, float(p.period_seconds)) for p in rules.policies),
        stabilization_window_seconds=float(rules.stabilization_window_seconds),
        select=Select(rules.select_policy),
        tolerance=rules.tolerance,
    )
