"""decide(): the rules in their order. Pure; `now` is an argument, `State` the only memory.

ladder -> proposal       what is asked for: forecast, reactive, hold or floor
limits.WISHES            what is wanted: trust, safety floor, scale-in held, tolerance
limits.BOUNDS            what is done: stabilization, policies, min and max
limits.withheld          whether it is applied: paused, mode Observe
"""

from collections.abc import Sequence
from dataclasses import replace

from .behavior import begin, record, remember
from .explain import sentence
from .ladder import Standing, circumstance, stand
from .limits import BOUNDS, WISHES, Case, Rule, withheld
from .objective import demand_of, pods, propose
from .predictive import Predictive
from .reasons import Limiter
from .types import Behavior, Decision, History, Observation, Policy, State, Step


def decide(
    policy: Policy, observation: Observation, predictive: Predictive | None, state: State, *, now: float
) -> tuple[Decision, State]:
    """Return the replicas wanted at `now` with every reason, and the state for the next decision.

    `predictive` is of the max load over the lead window, in the unit of `policy.capacity`; while load is
    missing, the forecast on the stored posterior; None or a quantile that is no load means there is none.
    `now` is epoch seconds; a clock set back starts the windows anew, as an empty state does.
    """
    demand = demand_of(policy, predictive)
    standing = stand(policy.fallback, observation, demand is not None, state, now)
    if observation.replicas == 0 and policy.min_replicas > 0:
        return _switched_off(policy, observation, standing, state, now)

    current = observation.replicas
    history, asked, last_scale_at = _settle(state, current, policy.behavior, now)
    proposal = propose(policy, observation, standing, predictive, demand)
    case = Case(policy, observation, standing, proposal, history, now)

    raw = pods(proposal.need)
    steps = [Step(proposal.limiter, current, raw, proposal.why)]
    wanted = _follow(WISHES, case, proposal.need, steps)
    case.history = history = remember(history, policy.behavior, pods(wanted), now)
    final = pods(_follow(BOUNDS, case, pods(wanted), steps))

    limiter = steps[-1].limiter
    held_back, told = withheld(policy) or (None, "")
    message = sentence(final, steps, circumstance(standing, observation, policy.fallback, now), told)
    if held_back is not None:
        steps.append(Step(held_back, final, final, told))
    decision = Decision(
        at=now,
        rung=standing.rung,
        phase=observation.phase,
        current=current,
        raw=raw,
        final=final,
        limiter=limiter,
        message=message,
        load=observation.load,
        demand=demand,
        exceedance=_exceedance(predictive, demand, final * policy.capacity),
        steps=tuple(steps),
        withheld=held_back,
    )
    if decision.acts:
        asked = (now, current, final)
    return decision, _next(standing, history, asked, now, last_scale_at)


def _follow(rules: Sequence[Rule], case: Case, value: float, steps: list[Step]) -> float:
    """Apply `rules` to `value`, noting each that changes the number of pods."""
    for rule in rules:
        ruling = rule(case, value)
        if ruling is not None:
            before, after = pods(value), pods(ruling.value)
            if before != after:
                steps.append(Step(ruling.limiter, before, after, ruling.why))
            value = ruling.value
    return value


def _settle(
    state: State, replicas: int, behavior: Behavior, now: float
) -> tuple[History, tuple[float, int, int] | None, float | None]:
    """Return history, the change still awaited, and the last scale time, now that `replicas` are seen."""
    if state.decided_at is None or now < state.decided_at:
        return begin(replicas, now), None, state.last_scale_at
    if state.asked is None:
        return state.history, None, state.last_scale_at
    at, before, after = state.asked
    if replicas == after:
        return record(state.history, behavior, after - before, at), None, at
    # Still what it was: refused, or not seen yet. Anything else: someone else moved it, ours is void.
    return state.history, state.asked if replicas == before else None, state.last_scale_at


def _switched_off(
    policy: Policy, observation: Observation, standing: Standing, state: State, now: float
) -> tuple[Decision, State]:
    """Leave a workload alone that somebody set to 0 replicas although its minimum is above."""
    why = f"switched off by hand, as minReplicas is {policy.min_replicas}; set replicas above 0 to resume"
    step = Step(Limiter.SCALED_TO_ZERO, 0, 0, why)
    decision = Decision(
        at=now,
        rung=standing.rung,
        phase=observation.phase,
        current=0,
        raw=0,
        final=0,
        limiter=Limiter.SCALED_TO_ZERO,
        message=sentence(0, (step,)),
        load=observation.load,
        demand=None,
        exceedance=None,
        steps=(step,),
    )
    # Without decided_at the windows begin anew from whatever replicas it is switched on with.
    return decision, replace(_next(standing, History(), None, now, state.last_scale_at), decided_at=None)


def _exceedance(predictive: Predictive | None, demand: float | None, served: float) -> float | None:
    return None if predictive is None or demand is None else float(predictive.exceedance(served))


def _next(
    standing: Standing,
    history: History,
    asked: tuple[float, int, int] | None,
    now: float,
    last_scale_at: float | None,
) -> State:
    return State(
        rung=standing.rung,
        rung_since=standing.rung_since,
        usable_at=standing.usable_at,
        usable_since=standing.usable_since,
        missing_since=standing.missing_since,
        history=history,
        asked=asked,
        decided_at=now,
        last_scale_at=last_scale_at,
    )
