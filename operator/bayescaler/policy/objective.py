"""The number asked for before any limit: from the forecast, from the load now, or from what is left.

With a quantile q and a buffer b, the smallest n with P((1 + b) * max load <= n * capacity) >= q is
ceil((1 + b) * Q(q) / capacity): 571/s at 50/s each needs 12.
"""

from dataclasses import dataclass
from math import ceil, isfinite

from .explain import amount, percent, replicas, span
from .ladder import Standing
from .predictive import Predictive
from .reasons import Limiter, Rung
from .types import Observation, Policy

ROUNDING = 1e-9  # of a need: a billionth of a pod is float noise (500 * 1.1 / 50 is above 11), not load
MOST = float(2**31 - 1)  # replicas are int32 in Kubernetes


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is asked for, in pods before rounding up; `measured` is False where it answers to no load."""

    limiter: Limiter
    need: float
    why: str
    measured: bool = True


def pods(need: float) -> int:
    """Return the whole pods that hold `need`."""
    return ceil(min(need, MOST) * (1.0 - ROUNDING))


def demand_of(policy: Policy, predictive: Predictive | None) -> float | None:
    """Return the load to prepare for, with the buffer, or None where the forecast cannot say."""
    if predictive is None:
        return None
    load = float(predictive.quantile(policy.quantile))
    return load * (1.0 + policy.buffer) if isfinite(load) and load >= 0 else None


def reactive_need(policy: Policy, load: float) -> float:
    """Return the pods that would run at the target utilization under `load`."""
    return load / (policy.capacity * policy.fallback.target_utilization)


def propose(
    policy: Policy,
    observation: Observation,
    standing: Standing,
    predictive: Predictive | None,
    demand: float | None,
) -> Proposal:
    """Return what the best data at hand asks for."""
    if predictive is not None and demand is not None and (standing.live or standing.rung is Rung.STORED):
        return _from_forecast(policy, predictive, demand)
    if observation.load is not None:
        return _from_load(policy, observation.load)
    if standing.rung is Rung.REACTIVE and observation.utilization is not None:
        return _from_utilization(policy, observation, observation.utilization)
    current = observation.replicas
    if standing.rung is Rung.FLOOR:
        floor = policy.fallback.replicas
        if floor is None:
            why = "kept as they are, as no fallback.replicas is set"
        else:
            why = f"at least the fallback floor of {floor}"
        return Proposal(Limiter.FALLBACK_FLOOR, max(current, floor or 0), why, measured=False)
    why = f"held as they are, for {span(standing.hold_left_seconds)} more at most"
    return Proposal(Limiter.HOLD, current, why, measured=False)


def _from_forecast(policy: Policy, predictive: Predictive, demand: float) -> Proposal:
    unit = policy.unit
    buffer = f" with {percent(policy.buffer)} buffer" if policy.buffer else ""
    why = (
        f"load up to {amount(demand, unit)}{buffer} expected within "
        f"{span(predictive.lead * predictive.step_seconds)} at {percent(policy.quantile)}, "
        f"{amount(policy.capacity, unit)} each"
    )
    return Proposal(Limiter.FORECAST, demand / policy.capacity, why)


def _from_load(policy: Policy, load: float) -> Proposal:
    unit, target = policy.unit, policy.fallback.target_utilization
    why = (
        f"no forecast to go by, load {amount(load, unit)} now at {percent(target)} "
        f"of {amount(policy.capacity, unit)} each"
    )
    return Proposal(Limiter.REACTIVE, reactive_need(policy, load), why)


def _from_utilization(policy: Policy, observation: Observation, utilization: float) -> Proposal:
    # The HPA's ceil(ready * utilization / target); pods not ready count as idle, as in its refilled ratio.
    ready = observation.replicas if observation.ready_replicas is None else observation.ready_replicas
    target = policy.fallback.target_utilization
    why = f"{replicas(ready)} ready at {percent(utilization)} of requested CPU, target {percent(target)}"
    return Proposal(Limiter.REACTIVE, ready * utilization / target, why)
