"""From the resource as users write it to what the pure rooms understand: seconds, fractions, whole pods."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayescaler import api
from bayescaler.api.behavior import ScaleDownRules, ScaleUpRules
from bayescaler.api.capacity import CapacitySpec
from bayescaler.api.load import LoadSpec
from bayescaler.policy.capacity import CapacityTerms
from bayescaler.policy.objective import DEFAULT_QUANTILE, windows
from bayescaler.policy.reasons import Mode
from bayescaler.policy.saved import mark_of
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
from bayescaler.sources.rate_window import rate_window_seconds
from bayescast import Family, ForecastSpec, Kind
from bayescast.settings import Settings as Constants

from .settings import Settings

MOST_BLUR_SECONDS = 900.0
"""A rate over half an hour and more says nothing of minutes, and looking ahead further would not make it."""

SILENCE_SHARE = 0.01
"""Of the history: so much of a first silence is more likely a lost source. With minReplicas 0 none is doubted."""
LEAST_MEMORY = 100.0
"""Buckets that a share is counted over at least."""

_KINDS = {"Rate": Kind.RATE, "Count": Kind.COUNT, "Gauge": Kind.GAUGE}


@dataclass(frozen=True, slots=True)
class TargetRef:
    """The workload to size, in the object's own namespace."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Learn:
    """How capacity is learned: from `utilization`, on the grid of the load, and within what terms."""

    utilization: LoadQuery
    terms: CapacityTerms


@dataclass(frozen=True, slots=True)
class CanaryTerms:
    """What is tried beside the live settings: `mark` is of all that is compared, `fields` the overrides as written."""

    forecast: ForecastSpec
    history_seconds: float
    promotes: bool
    after_seconds: float
    mark: str
    fields: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One object's spec, translated. A change of `query`, `forecast` or `history_seconds` asks for a new posterior.

    Capacity is a load per second (or a level); `scale` brings what the query gives to that unit: 1/step for counts.
    `window_seconds` is the range of the query's rate, as far as it can be read.
    """

    target: TargetRef
    policy: Policy
    query: LoadQuery
    forecast: ForecastSpec
    history_seconds: float
    scale: float = 1.0
    auto_horizon: bool = False
    window_seconds: float | None = None
    learn: "Learn | None" = None
    canary: "CanaryTerms | None" = None

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


def lead_buckets(
    step_seconds: float,
    *,
    startup_seconds: float,
    interval_seconds: float,
    lag_seconds: float,
    window_seconds: float | None = None,
) -> int:
    """Buckets from the newest one seen until pods wanted now are ready and the next decision has its own pods.

    With a start-up of 60 s, a tick of 15 s and a lag of 15 s, one-minute buckets need two. A rate over a window lags
    what came by half of the window; half a bucket of that is what a bucket is, the rest has to be looked ahead too: a
    `window_seconds` of five minutes adds two.
    """
    blur = min(max(0.0, (window_seconds or 0.0) - step_seconds) / 2.0, MOST_BLUR_SECONDS)
    return max(1, math.ceil((startup_seconds + interval_seconds + lag_seconds + blur) / step_seconds - 1e-9))


def auto_lead(step_seconds: float, window_seconds: float | None, startup_seconds: float, settings: Settings) -> int:
    """Buckets that `horizon: Auto` looks ahead, for pods that start up within `startup_seconds`."""
    return lead_buckets(
        step_seconds,
        startup_seconds=startup_seconds,
        interval_seconds=settings.interval_seconds,
        lag_seconds=settings.metric_lag_seconds,
        window_seconds=window_seconds,
    )


def meaning_of_use(intent: Intent) -> tuple[object, ...] | None:
    """What evidence of a capacity is made of, None where none is wanted; of another meaning it counts no more."""
    if intent.learn is None:
        return None
    load, use = intent.query, intent.learn.utilization
    return (load.query, load.step_seconds, intent.forecast.kind, use.query)


def with_lead(intent: Intent, buckets: int) -> Intent:
    """Return the same intent with another lead; ValueError where the forecaster cannot look that far ahead."""
    step, policy, longer = intent.forecast.step_seconds, intent.policy, (buckets - intent.lead)
    if policy.budget is not None:
        startup = max(policy.budget.startup_seconds + longer * step, 0.0)
        policy = replace(policy, budget=replace(policy.budget, startup_seconds=startup))
    policy = replace(policy, lead_seconds=buckets * step)
    return replace(intent, policy=policy, forecast=replace(intent.forecast, leads=windows(buckets, step)))


def translate(namespace: str, name: str, obj: Mapping[str, Any], settings: Settings) -> Intent:
    """Read an object; raises `api.SpecError` with the fields at fault."""
    spec = api.parse_spec(obj)
    address = spec.load.prometheus.server_address or settings.default_server_address
    if address is None:
        cure = "not given, and the operator has no default: name one it allows, or start it with --prometheus"
        raise api.SpecError((api.Problem("spec.load.prometheus.serverAddress", cure),))
    query = _query(namespace, name, spec.load, address)
    try:
        return Intent(
            target=TargetRef(spec.scale_target_ref.api_version, spec.scale_target_ref.kind, spec.scale_target_ref.name),
            policy=_policy(spec, query, settings),
            query=query,
            forecast=_forecast(spec, spec.forecast, query, settings),
            history_seconds=spec.forecast.history.seconds,
            scale=1.0 / spec.load.step.seconds if spec.load.kind == "Count" else 1.0,
            auto_horizon=spec.forecast.horizon.fixed_seconds is None,
            window_seconds=rate_window_seconds(query.query),
            learn=_learn(spec.capacity, query),
            canary=_canary(spec, query, settings),
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


def _learn(capacity: CapacitySpec, query: LoadQuery) -> Learn | None:
    learn = capacity.learn
    if learn is None:
        return None
    terms = CapacityTerms(learn.target, capacity.per_replica, learn.floor, learn.ceiling)
    return Learn(replace(query, query=learn.utilization_query), terms)


def _canary(spec: api.Spec, query: LoadQuery, settings: Settings) -> CanaryTerms | None:
    live, canary = spec.forecast, spec.forecast.canary
    if canary is None:
        return None
    tried = live.with_canary()
    given = canary.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(canary.given))
    return CanaryTerms(
        forecast=_forecast(spec, tried, query, settings),
        history_seconds=tried.history.seconds,
        promotes=canary.promotes,
        after_seconds=canary.after_seconds,
        mark=mark_of(query.query, query.step_seconds, spec.load.kind, _settings(live), _settings(tried)),
        fields=", ".join(f"{name}: {value}" for name, value in given.items()).replace("'", ""),
    )


def _settings(forecast: api.ForecastSection) -> tuple[object, ...]:
    seasons = tuple(season.seconds for season in forecast.seasons)
    return (forecast.family, forecast.history.seconds, seasons, forecast.time_zone)


def beside(intent: Intent) -> Intent:
    """Return the intent with the canary's settings in place of the live ones, for the same lead; itself without one."""
    canary = intent.canary
    if canary is None:
        return intent
    forecast = replace(canary.forecast, leads=intent.forecast.leads)
    return replace(intent, forecast=forecast, history_seconds=canary.history_seconds)


def _forecast(spec: api.Spec, forecast: api.ForecastSection, query: LoadQuery, settings: Settings) -> ForecastSpec:
    step = spec.load.step.seconds
    return ForecastSpec(
        step_seconds=step,
        leads=windows(_lead(forecast.horizon, query, settings), step),
        kind=_KINDS[spec.load.kind],
        family=Family(forecast.family),
        seasons=tuple(season.seconds for season in forecast.seasons),
        time_zone=forecast.time_zone,
        settings=constants(spec.min_replicas, forecast.history.seconds / step),
    )


def constants(least: int, buckets: float) -> Constants:
    """Return the forecaster's constants for an object of so many replicas at least and so many buckets of history."""
    if least == 0:
        return Constants()
    return Constants(silence_share=SILENCE_SHARE, silence_memory=max(buckets, LEAST_MEMORY))


def _lead(horizon: api.Horizon, query: LoadQuery, settings: Settings) -> int:
    if horizon.fixed_seconds is None:
        return auto_lead(query.step_seconds, rate_window_seconds(query.query), settings.startup_seconds, settings)
    return max(1, math.ceil(horizon.fixed_seconds / query.step_seconds - 1e-9))


def _policy(spec: api.Spec, query: LoadQuery, settings: Settings) -> Policy:
    fallback = spec.fallback
    return Policy(
        min_replicas=spec.min_replicas,
        max_replicas=spec.max_replicas,
        capacity=math.nan if spec.capacity.per_replica is None else spec.capacity.per_replica,
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
        lead_seconds=_lead(spec.forecast.horizon, query, settings) * query.step_seconds,
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
