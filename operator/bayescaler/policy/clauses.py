"""Every rule in words: one clause of why, from what the decision read and what the rule made of the number."""

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isnan
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .explain import amount, chance, percent, replicas, span
from .kernels import columns as col
from .kernels.columns import Floats
from .predictive import Outlook, Predictive
from .reasons import Limiter, Mode
from .schedules import InForce, Window
from .state import State
from .types import Observation, Policy


class Case(NamedTuple):
    """One decision as it was made: what it read, the state after it, and the trail of its rules.

    seen: (N_SEEN,) of `kernels.columns`, the observation as the rules took it.
    """

    policy: Policy
    observation: Observation
    outlook: Outlook | None
    state: State
    trail: Floats
    seen: Floats
    scheduled: InForce

    @property
    def now(self) -> float:
        """When the decision was made, epoch seconds."""
        return self.seen.item(col.NOW)

    @property
    def switched_off(self) -> bool:
        """Whether somebody set to 0 replicas what is to have more."""
        return self.observation.replicas == 0 and self.policy.min_replicas > 0

    @property
    def demand(self) -> float | None:
        """The load to prepare for, with the buffer; None without a forecast."""
        demand = self.seen.item(col.DEMAND)
        return None if self.switched_off or isnan(demand) else demand

    @property
    def withheld(self) -> tuple[Limiter, str] | None:
        """Why the decision is not to be applied, if so."""
        return None if self.switched_off else withheld(self.policy, self.observation)

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


def withheld(policy: Policy, observation: Observation) -> tuple[Limiter, str] | None:
    """Return why a decision of this policy is not to be applied, if so."""
    if policy.paused:
        return Limiter.PAUSED, "not applied: paused"
    if policy.mode is Mode.OBSERVE:
        return Limiter.OBSERVE, "not applied: mode Observe"
    if observation.conflict:
        return Limiter.CONFLICT, f"not applied: {observation.conflict}"
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


def _forecast(case: Case, _before: int, after: int) -> str:
    policy, lead, demand = case.policy, _outlook(case).lead, case.demand
    assert demand is not None  # noqa: S101 - the rule speaks of a forecast only
    load, each = case.amount(demand), _each(policy)
    buffer = f" with {percent(policy.buffer)} buffer" if policy.buffer else ""
    price = case.state.price
    if price is None:
        promised = percent(policy.quantile)
        return f"load up to {load}{buffer} expected within {_length(lead)} at {promised}, {each}"
    risk = chance(lead.exceedance(after * policy.capacity / (1.0 + policy.buffer)))
    told = f"cheapest, with a chance of {risk} for more than {load}{buffer} within {_length(lead)}"
    return f"{told}, {each}; running short is priced at {amount(price)} replicas"


def _outlook(case: Case) -> Outlook:
    assert case.outlook is not None  # noqa: S101 - rules of the forecast have one
    return case.outlook


def _length(predictive: Predictive) -> str:
    return span(predictive.lead * predictive.step_seconds)


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


def _surprise(case: Case, _before: int, _after: int) -> str:
    margin, each = percent(case.policy.calm.surprise_floor), case.amount(case.policy.capacity)
    return f"load beyond the forecast came a short while ago, so {margin} of {case.amount(case.load)} now, {each} each"


def _scale_in_window(case: Case, _before: int, after: int) -> str:
    return f"{after} will be wanted back within {_length(_outlook(case).window)}"


def _reversal_gate(case: Case, before: int, after: int) -> str:
    policy, price, lead = case.policy, case.state.price, _outlook(case).lead
    told = f"not raised to {before} after a scale-in"
    if price is None:
        return f"{told}, as running short is no likelier than {percent(policy.calm.broken * (1.0 - policy.quantile))}"
    each = policy.capacity / (1.0 + policy.buffer)
    gain = price * (lead.exceedance(after * each) - lead.exceedance(before * each)) - (before - after)
    return f"{told}: it gains {amount(gain)} replicas, turning back has to gain {amount(policy.calm.gate * after)}"


def _scale_in_held(case: Case, before: int, _after: int) -> str:
    lowered = f"not lowered to {before}"
    if case.trail[col.BOUNDS, col.LIMITER] == LIMITERS.index(Limiter.SCALE_IN_HELD):
        lowered = f"not lowered to maxReplicas {case.policy.max_replicas}"
    elif case.observation.load is None:
        return f"{lowered} without live load"
    elif case.recovering_seconds is not None:
        return f"{lowered} until load has been usable for {span(case.policy.fallback.recover_seconds)}"
    return f"{lowered} until cluster, history and newest load have been read"


def _activation(case: Case, _before: int, _after: int) -> str:
    threshold = case.amount(case.policy.activation_threshold)
    expected = "" if case.demand is None else f", {case.amount(case.demand)} expected"
    if case.observation.load is None:
        return f"no live load{expected}, not above activationThreshold {threshold}"
    told = f"load {case.amount(case.load)} is not above activationThreshold {threshold}{expected}"
    if case.observation.replicas == 0 and case.demand is not None and case.demand > case.policy.activation_threshold:
        return f"{told} by a forecast that is {case.observation.phase.lower()} and wakes nothing"
    return told


def _rollout(_case: Case, before: int, _after: int) -> str:
    return f"not lowered to {before} while a rollout replaces pods"


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


def _schedule(case: Case, before: int, after: int) -> str:
    floor, ceiling = case.scheduled.floor, case.scheduled.ceiling
    least = None if floor is None else floor.schedule.min_replicas
    most = None if ceiling is None else ceiling.schedule.max_replicas
    told = ""
    if floor is not None and least is not None and (before < least or (most is not None and most < least)):
        until = f"until {_clock(floor, floor.closes)}"
        if floor.opens > case.now:
            until = f"from {_clock(floor, floor.opens)}, and pods take up to {span(case.policy.lead_seconds)} to start"
        told = f"schedule {floor.schedule.name} asks for at least {least} {until}"
    if ceiling is not None and most is not None and before > most:
        allowed = f"schedule {ceiling.schedule.name} allows at most {most} until {_clock(ceiling, ceiling.closes)}"
        if after > max(most, least or 0):
            allowed += f", and nothing is lowered below {after} without steady load"
        elif least is not None and least > most:
            allowed += ", but a floor goes before a ceiling"
        told = f"{allowed}: {told}" if told else allowed
    return f"{told}, {before} wanted"


def _clock(window: Window, at: float) -> str:
    zone = window.schedule.time_zone
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


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
    Limiter.SAFETY_FLOOR: _safety_floor,
    Limiter.SURPRISE: _surprise,
    Limiter.TRUST: _trust,
    Limiter.SCALE_IN_WINDOW: _scale_in_window,
    Limiter.REVERSAL_GATE: _reversal_gate,
    Limiter.ACTIVATION: _activation,
    Limiter.SCALE_IN_HELD: _scale_in_held,
    Limiter.ROLLOUT_IN_PROGRESS: _rollout,
    Limiter.TOLERANCE: _tolerance,
    Limiter.SCALE_UP_STABILIZATION: _stabilization,
    Limiter.SCALE_DOWN_STABILIZATION: _stabilization,
    Limiter.SCALE_UP_POLICY: _up_policy,
    Limiter.SCALE_DOWN_POLICY: _down_policy,
    Limiter.SCHEDULE: _schedule,
    Limiter.MIN_REPLICAS: _minimum,
    Limiter.MAX_REPLICAS: _maximum,
    Limiter.SCALED_TO_ZERO: _switched_off,
}
