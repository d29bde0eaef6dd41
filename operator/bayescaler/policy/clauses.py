"""Every rule in words: one clause of why, from what the decision read and what the rule made of the number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan

from .explain import amount, percent, replicas, span
from .kernels import columns as col
from .kernels.columns import Floats
from .predictive import Predictive
from .reasons import Limiter, Mode
from .state import State
from .types import Observation, Policy


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One decision as it was made: what it read, the state after it, and the trail of its rules."""

    policy: Policy
    observation: Observation
    predictive: Predictive | None
    demand: float | None
    state: State
    trail: Floats
    now: float

    @property
    def load(self) -> float:
        """The live load; rules that speak of it have one."""
        return self.observation.load or 0.0

    def amount(self, value: float) -> str:
        """Return a load in the policy's unit."""
        return amount(value, self.policy.unit)

    @property
    def recovering_seconds(self) -> float | None:
        """How long load has been usable again while an outage is ending, else None."""
        usable = self.state.usable_since
        return None if self.state.missing_since is None or usable is None else self.now - usable


def withheld(policy: Policy) -> tuple[Limiter, str] | None:
    """Return why a decision of this policy is not to be applied, if so."""
    if policy.paused:
        return Limiter.PAUSED, "not applied: paused"
    if policy.mode is Mode.OBSERVE:
        return Limiter.OBSERVE, "not applied: mode Observe"
    return None


def circumstance(case: Case) -> str:
    """Return the clause that tells of an outage, with durations; empty in good times."""
    state, observation, now = case.state, case.observation, case.now
    if state.missing_since is None:
        return ""
    if case.recovering_seconds is not None:
        needed = span(case.policy.fallback.recover_seconds)
        return f"load usable again for {span(case.recovering_seconds)} of the {needed} that end an outage"
    outage = span(now - state.missing_since)
    if state.usable_at is None or state.usable_at <= state.missing_since:
        told = f"no usable load for {outage}"
    else:
        told = f"no steady load for {outage}, last usable {span(now - state.usable_at)} ago"
    told += f": {observation.health.lower()}"
    if observation.health_message:
        told += f" ({observation.health_message})"
    if observation.utilization is None and observation.utilization_message:
        told += f"; no CPU to go by: {observation.utilization_message}"
    return told


def clause(case: Case, limiter: Limiter, before: int, after: int) -> str:
    """Return why a rule made `after` pods of `before`."""
    return _CLAUSES[limiter](case, before, after)


def _forecast(case: Case, _before: int, _after: int) -> str:
    policy, predictive = case.policy, case.predictive
    assert predictive is not None  # noqa: S101 - the rule speaks of a forecast only
    assert case.demand is not None  # noqa: S101 - likewise
    buffer = f" with {percent(policy.buffer)} buffer" if policy.buffer else ""
    window = span(predictive.lead * predictive.step_seconds)
    return (
        f"load up to {case.amount(case.demand)}{buffer} expected within {window} at {percent(policy.quantile)}, "
        f"{_each(policy)}"
    )


def _reactive(case: Case, _before: int, _after: int) -> str:
    target, observation = case.policy.fallback.target_utilization, case.observation
    if observation.load is not None and not isnan(case.policy.capacity):
        each = case.amount(case.policy.capacity)
        return f"no forecast to go by, load {case.amount(observation.load)} now at {percent(target)} of {each} each"
    # The HPA's ceil(ready * utilization / target); pods not ready count as idle, as in its refilled ratio.
    ready = observation.replicas if observation.ready_replicas is None else observation.ready_replicas
    used = percent(observation.utilization or 0.0)
    if isnan(case.policy.capacity):
        return (
            f"{replicas(ready)} ready at {used} utilisation, target {percent(target)}, "
            f"as what one serves is not known yet: {case.policy.capacity_told}"
        )
    return f"{replicas(ready)} ready at {used} of requested CPU, target {percent(target)}"


def _hold(case: Case, _before: int, _after: int) -> str:
    fallback, missing = case.policy.fallback, case.state.missing_since
    if told := _unmeasured(case):
        return told
    outage = 0.0 if missing is None else case.now - missing
    return f"held as they are, for {span(fallback.after_seconds + fallback.hold_seconds - outage)} more at most"


def _unmeasured(case: Case) -> str:
    """Return why live load alone sizes nothing; empty where it does."""
    if case.observation.load is None or not isnan(case.policy.capacity):
        return ""
    told = f"held as they are: what one replica serves is not known yet ({case.policy.capacity_told})"
    return f"{told}, nor its utilisation: {case.observation.utilization_message or 'not read yet'}"


def _each(policy: Policy) -> str:
    """Return what a replica is taken to serve, and where that is from unless the user fixed it."""
    each = f"{amount(policy.capacity, policy.unit)} each"
    return f"{each} ({policy.capacity_told})" if policy.capacity_told else each


def _fallback_floor(case: Case, _before: int, _after: int) -> str:
    floor = case.policy.fallback.replicas
    if floor is None:
        return "kept as they are, as no fallback.replicas is set"
    return f"at least the fallback floor of {floor}"


def _trust(case: Case, _before: int, after: int) -> str:
    phase = case.observation.phase.lower()
    return f"{phase}, so not below the {after} that load {case.amount(case.load)} now asks for"


def _safety_floor(case: Case, _before: int, _after: int) -> str:
    return f"load is {case.amount(case.load)} now, {case.amount(case.policy.capacity)} each"


def _scale_in_held(case: Case, before: int, _after: int) -> str:
    lowered = f"not lowered to {before}"
    if case.trail[col.BOUNDS, col.LIMITER] == LIMITERS.index(Limiter.SCALE_IN_HELD):
        lowered = f"not lowered to maxReplicas {case.policy.max_replicas}"
    elif case.observation.load is None:
        return f"{lowered} without live load"
    elif case.recovering_seconds is not None:
        return f"{lowered} until load has been usable for {span(case.policy.fallback.recover_seconds)}"
    return f"{lowered} until cluster, history and newest load have been read"


def _tolerance(_case: Case, before: int, after: int) -> str:
    return f"{before} are within tolerance of {after}"


def _stabilization(case: Case, before: int, _after: int) -> str:
    direction = "scale-up" if before > case.observation.replicas else "scale-down"
    at, value = case.trail[col.STABILIZATION, col.EARLIER_AT], case.trail[col.STABILIZATION, col.EARLIER]
    return f"held by {direction} stabilization ({value:.0f} recommended {span(case.now - float(at))} ago)"


def _up_policy(_case: Case, before: int, after: int) -> str:
    return f"scale-up policies allow at most {after} for now, {before} wanted"


def _down_policy(_case: Case, before: int, after: int) -> str:
    return f"scale-down policies allow no fewer than {after} for now, {before} wanted"


def _minimum(_case: Case, before: int, after: int) -> str:
    return f"minReplicas is {after}, {before} wanted"


def _maximum(_case: Case, before: int, after: int) -> str:
    return f"maxReplicas is {after}, {before} wanted"


def _switched_off(case: Case, _before: int, _after: int) -> str:
    return f"switched off by hand, as minReplicas is {case.policy.min_replicas}; set replicas above 0 to resume"


LIMITERS = tuple(Limiter)
_CLAUSES: Mapping[Limiter, Callable[[Case, int, int], str]] = {
    Limiter.FORECAST: _forecast,
    Limiter.REACTIVE: _reactive,
    Limiter.HOLD: _hold,
    Limiter.FALLBACK_FLOOR: _fallback_floor,
    Limiter.TRUST: _trust,
    Limiter.SAFETY_FLOOR: _safety_floor,
    Limiter.SCALE_IN_HELD: _scale_in_held,
    Limiter.TOLERANCE: _tolerance,
    Limiter.SCALE_UP_STABILIZATION: _stabilization,
    Limiter.SCALE_DOWN_STABILIZATION: _stabilization,
    Limiter.SCALE_UP_POLICY: _up_policy,
    Limiter.SCALE_DOWN_POLICY: _down_policy,
    Limiter.MIN_REPLICAS: _minimum,
    Limiter.MAX_REPLICAS: _maximum,
    Limiter.SCALED_TO_ZERO: _switched_off,
}
