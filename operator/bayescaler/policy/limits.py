"""The rules between the proposal and the final number, in order; each may speak once.

`WISHES` form what is wanted from what is asked for; what is wanted is remembered for stabilization; `BOUNDS`
then limit how fast and how far. A rule gets the number so far (in pods, not rounded yet) and returns what it
makes of it, or None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .behavior import scale_down_limit, scale_up_limit, stabilize, tolerated
from .explain import amount, span
from .ladder import Standing
from .objective import Proposal, pods, reactive_need
from .reasons import Limiter, Mode, Phase
from .types import History, Observation, Policy


@dataclass(slots=True)
class Case:
    """One decision in the making: what every rule may look at."""

    policy: Policy
    observation: Observation
    standing: Standing
    proposal: Proposal
    history: History
    now: float


class Ruling(NamedTuple):
    """What a rule makes of the number, and why."""

    limiter: Limiter
    value: float
    why: str


Rule = Callable[[Case, float], Ruling | None]


def trust(case: Case, need: float) -> Ruling | None:
    """A forecast that has not earned trust may only raise above the reactive number."""
    phase, load = case.observation.phase, case.observation.load
    if phase is Phase.TRUSTED or load is None or case.proposal.limiter is not Limiter.FORECAST:
        return None
    reactive = reactive_need(case.policy, load)
    if reactive <= need:
        return None
    why = f"{phase.lower()}, so not below the {pods(reactive)} that load {_load(case, load)} now asks for"
    return Ruling(Limiter.TRUST, reactive, why)


def safety_floor(case: Case, need: float) -> Ruling | None:
    """What runs now must be served, whatever a forecast says."""
    load = case.observation.load
    if load is None or load / case.policy.capacity <= need:
        return None
    why = f"load is {_load(case, load)} now, {_load(case, case.policy.capacity)} each"
    return Ruling(Limiter.SAFETY_FLOOR, load / case.policy.capacity, why)


def scale_in_held(case: Case, need: float) -> Ruling | None:
    """Nothing scales in on missing data, nor before cluster and history were read anew."""
    current, asked = case.observation.replicas, pods(need)
    if asked >= current:
        return None
    if not case.standing.live:
        why = f"not lowered to {asked} without live load"
    elif case.standing.recovering_seconds is not None:
        recover = span(case.policy.fallback.recover_seconds)
        why = f"not lowered to {asked} until load has been usable for {recover}"
    elif not case.observation.scale_in_allowed:
        why = f"not lowered to {asked} until cluster, history and newest load have been read"
    else:
        return None
    return Ruling(Limiter.SCALE_IN_HELD, current, why)


def tolerance(case: Case, need: float) -> Ruling | None:
    """Leave the replicas alone while the need is close to them, but never short of the load now."""
    current, load = case.observation.replicas, case.observation.load
    if current == 0 or pods(need) == current or not case.proposal.measured:
        return None
    if not tolerated(case.policy.behavior, need / current):
        return None
    if load is not None and pods(load / case.policy.capacity) > current:
        return None
    why = f"{pods(need)} are within tolerance of {current}"
    return Ruling(Limiter.TOLERANCE, current, why)


def stabilization(case: Case, need: float) -> Ruling | None:
    """Follow the calmest recommendation within the stabilization window of the direction."""
    desired, current = pods(need), case.observation.replicas
    held = stabilize(case.history, current, desired)
    if held == desired:
        return None
    if desired > current:
        limiter, told, window = Limiter.SCALE_UP_STABILIZATION, "scale-up", case.history.lowest
    else:
        limiter, told, window = Limiter.SCALE_DOWN_STABILIZATION, "scale-down", case.history.highest
    at, value = window[0]
    why = f"held by {told} stabilization ({value} recommended {span(case.now - at)} ago)"
    return Ruling(limiter, held, why)


def rate(case: Case, need: float) -> Ruling | None:
    """Move no faster than the scaling policies of the direction allow."""
    desired, current, behavior = pods(need), case.observation.replicas, case.policy.behavior
    if desired > current:
        limit = scale_up_limit(behavior.scale_up, case.history, current, case.now)
        if desired > limit:
            why = f"scale-up policies allow at most {limit} for now, {desired} wanted"
            return Ruling(Limiter.SCALE_UP_POLICY, limit, why)
    elif desired < current:
        limit = scale_down_limit(behavior.scale_down, case.history, current, case.now)
        if desired < limit:
            why = f"scale-down policies allow no fewer than {limit} for now, {desired} wanted"
            return Ruling(Limiter.SCALE_DOWN_POLICY, limit, why)
    return None


def bounds(case: Case, need: float) -> Ruling | None:
    """Stay within minReplicas and maxReplicas, at once and unlimited by policies, as the HPA does."""
    wanted, policy = pods(need), case.policy
    if wanted < policy.min_replicas:
        why = f"minReplicas is {policy.min_replicas}, {wanted} wanted"
        return Ruling(Limiter.MIN_REPLICAS, policy.min_replicas, why)
    if wanted <= policy.max_replicas:
        return None
    current = case.observation.replicas
    if current > policy.max_replicas and not case.observation.scale_in_allowed:
        # The maximum itself may be out of date while the objects wait to be listed anew.
        why = f"not lowered to maxReplicas {policy.max_replicas} until cluster, history and newest load have been read"
        return Ruling(Limiter.SCALE_IN_HELD, current, why)
    why = f"maxReplicas is {policy.max_replicas}, {wanted} wanted"
    return Ruling(Limiter.MAX_REPLICAS, policy.max_replicas, why)


def withheld(policy: Policy) -> tuple[Limiter, str] | None:
    """Return why a decision of this policy is not to be applied, if so."""
    if policy.paused:
        return Limiter.PAUSED, "not applied: paused"
    if policy.mode is Mode.OBSERVE:
        return Limiter.OBSERVE, "not applied: mode Observe"
    return None


WISHES: tuple[Rule, ...] = (trust, safety_floor, scale_in_held, tolerance)
BOUNDS: tuple[Rule, ...] = (stabilization, rate, bounds)


def _load(case: Case, value: float) -> str:
    return amount(value, case.policy.unit)
