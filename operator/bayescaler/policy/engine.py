"""decide(): one observation and one forecast in, replicas and every reason out.

Pure; `now` is an argument, `State` the only memory. The rules are compiled (`kernels.step`), the same for one tick as
for a replay of weeks; what they said is put into words by `decision` when somebody asks.
"""

from math import nan

import numpy as np

import bayescast

from .clauses import LIMITERS, Case, withheld
from .decision import Decision
from .kernels import columns as col
from .kernels.columns import Floats
from .kernels.step import step
from .objective import demand_of, pods
from .predictive import Predictive
from .reasons import Health, Phase
from .state import State
from .types import Observation, Policy


def decide(
    policy: Policy, observation: Observation, predictive: Predictive | None, state: State, *, now: float
) -> tuple[Decision, State]:
    """Return the replicas wanted at `now` with every reason, and the state for the next decision.

    `predictive` is of the max load over the lead window, in the unit of `policy.capacity`; while load is
    missing, the forecast on the stored posterior; None or a quantile that is no load means there is none.
    `now` is epoch seconds; a clock set back starts the windows anew, as an empty state does.
    """
    demand = demand_of(policy, predictive)
    after, trail = state.copy(), np.empty((col.N_TRAIL, col.N_SAID))
    rules, policies = policy.columns
    if observation.conflict:
        rules = rules.copy()
        rules[col.APPLIES] = 0.0
    final, limited_by = step(rules, policies, seen(observation, demand, now), after.memory, after.windows, trail)
    switched_off = observation.replicas == 0 and policy.min_replicas > 0
    held_back = None if switched_off else withheld(policy, observation)
    decision = Decision(
        at=now,
        rung=after.rung,
        phase=observation.phase,
        current=observation.replicas,
        raw=pods(float(trail[col.PROPOSAL, col.MADE])),
        final=int(final),
        limiter=LIMITERS[limited_by],
        load=observation.load,
        demand=None if switched_off else demand,
        withheld=None if held_back is None else held_back[0],
        case=Case(policy, observation, predictive, demand, after, trail, now),
    )
    return decision, after


def seen(observation: Observation, demand: float | None, now: float) -> Floats:
    """Return what the rules read of one observation, shape (N_SEEN,)."""
    return np.array(
        (
            now,
            observation.replicas,
            nan if observation.ready_replicas is None else observation.ready_replicas,
            nan if observation.load is None else observation.load,
            nan if demand is None else demand,
            nan if observation.utilization is None else observation.utilization,
            observation.phase is Phase.TRUSTED,
            observation.scale_in_allowed,
        ),
        dtype=np.float64,
    )


def warm_up() -> None:
    """Compile the rules, or load them from the cache, and the forecaster's kernels; without it the first use does."""
    bayescast.warm_up()
    policy = Policy(min_replicas=1, max_replicas=1, capacity=1.0)
    decide(policy, Observation(1, None, Health.ABSENT), None, State(), now=0.0)
