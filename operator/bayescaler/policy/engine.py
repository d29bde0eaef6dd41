"""decide(): one observation and one forecast in, replicas and every reason out.

Pure; `now` is an argument, `State` the only memory. The rules are compiled (`kernels.step`), the same for one tick as
for a replay of weeks; what they said is put into words by `decision` when somebody asks.
"""

from math import nan

import numpy as np

import bayescast
from bayescast import LEVELS

from .clauses import LIMITERS, Case
from .decision import Decision
from .kernels import columns as col
from .kernels.columns import Floats
from .kernels.step import step
from .predictive import Outlook
from .reasons import Health, Phase
from .schedules import NOTHING, InForce, in_force
from .state import State
from .types import Observation, Policy


def decide(
    policy: Policy, observation: Observation, outlook: Outlook | None, state: State, *, now: float
) -> tuple[Decision, State]:
    """Return the replicas wanted at `now` with every reason, and the state for the next decision.

    `outlook` is of the max load over the lead window and over the longer one, in the unit of `policy.capacity`; while
    load is missing, the forecasts on the stored posterior; None or a quantile that is no load means there is none.
    `now` is epoch seconds; a clock set back starts the windows anew, as an empty state does.
    """
    after, trail = state.steered_by(policy).copy(), np.empty((col.N_TRAIL, col.N_SAID))
    rules, policies = policy.columns
    if observation.conflict:
        rules = rules.copy()
        rules[col.APPLIES] = 0.0
    scheduled = in_force(policy.schedules, lead_seconds=policy.lead_seconds, now=now)
    sight = seen(observation, scheduled, now)
    lead, window = _NO_OUTLOOK if outlook is None else (outlook.lead.values, outlook.window.values)
    earlier = np.array(observation.earlier, dtype=np.float64) if observation.earlier else _NONE_EARLIER
    final, limited_by = step(
        rules, policies, after.memory, after.windows, after.ledger, trail, sight, earlier, lead, window
    )
    case = Case(policy, observation, outlook, after, trail, sight, scheduled)
    return Decision(int(final), LIMITERS[limited_by], case), after


_NO_OUTLOOK = (np.full(len(LEVELS), nan),) * 2
_NONE_EARLIER, _NO_LIMITS = np.empty((0, 2)), NOTHING.columns


def seen(observation: Observation, scheduled: InForce, now: float) -> Floats:
    """Return what the rules read of one observation, shape (N_SEEN,)."""
    return np.array(
        (
            now,
            observation.replicas,
            nan if observation.ready_replicas is None else observation.ready_replicas,
            nan if observation.load is None else observation.load,
            nan,
            nan if observation.utilization is None else observation.utilization,
            observation.phase is Phase.TRUSTED,
            observation.scale_in_allowed,
            nan if observation.load_at is None else observation.load_at,
            *(_NO_LIMITS if scheduled is NOTHING else scheduled.columns),
            observation.rolling_out,
            nan if observation.serving is None else observation.serving,
        ),
        dtype=np.float64,
    )


def warm_up() -> None:
    """Compile the rules, or load them from the cache, and the forecaster's kernels; without it the first use does."""
    bayescast.warm_up()
    policy = Policy(min_replicas=1, max_replicas=1, capacity=1.0)
    decide(policy, Observation(1, None, Health.ABSENT), None, State(), now=0.0)
