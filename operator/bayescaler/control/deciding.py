"""Ask the policy about every object that can be decided on."""

from bayescaler.cluster.scale import Target
from bayescaler.policy import decide
from bayescaler.policy.reasons import Health, Mode
from bayescaler.policy.types import Observation

from .capacities import assumed
from .floors import floor_terms
from .shortage import is_rolling_out
from .translate import Intent
from .workload import Workload

# A day of minutes: what an outage of the operator leaves to be booked.
MOST_UNBOOKED = 1440


def decide_one(
    workload: Workload, *, now: float, scale_in_allowed: bool, lag_seconds: float = 15.0, pause_seconds: float = 60.0
) -> None:
    """Put the decision and the state after it on the workload; without a target or a valid spec there is none."""
    intent, target, load = workload.intent, workload.target, workload.load
    workload.decision, workload.decided_for = None, intent
    earlier, workload.unbooked = workload.unbooked, []  # what nobody decides on is nobody's time either
    if intent is None or target is None:
        return
    by = assumed(workload, intent, now=now, lag_seconds=lag_seconds)
    policy, current = by.policy, target.replicas
    if policy.mode is Mode.FLOOR:
        if workload.scaler is None:
            return
        terms, current = floor_terms(policy, workload.scaler, known=workload.floor_terms)
        workload.floor_terms, policy = (policy, terms), terms
    live = load.health is Health.LIVE
    observation = Observation(
        replicas=current,
        ready_replicas=target.ready_replicas,
        health=load.health,
        load=load.value if live else None,
        load_at=load.at,
        health_message=load.message,
        utilization=by.utilization,
        utilization_message=by.utilization_message,
        phase=workload.phase,
        rolling_out=is_rolling_out(workload, now=now),
        shortfall=workload.shortfall,
        scale_in_allowed=scale_in_allowed
        and load.complete
        and workload.doubted == 0
        and not _awaits_history(workload, intent, now),
        conflict=workload.conflict.withholds if workload.conflict is not None else "",
        serving=_serving(target, policy.mode),
        earlier=tuple(earlier),
    )
    if workload.resuming:
        workload.state = workload.state.resumed(current, now=now, pause_seconds=pause_seconds)
        workload.resuming = False
    workload.decision, workload.state = decide(policy, observation, by.outlook, workload.state, now=now)
    if not live and policy.budget is not None:
        workload.unbooked = earlier[-MOST_UNBOOKED:]


def _serving(target: Target, mode: Mode) -> int | None:
    """Return the pods that serve: the ready ones, or, where nobody tells and only a floor is ours, those that run."""
    if target.ready_replicas is not None:
        return target.ready_replicas
    return target.replicas if mode is Mode.FLOOR else None


def _awaits_history(workload: Workload, intent: Intent, now: float) -> bool:
    """Whether a posterior is still to come that may know of a rise; a history nobody can read is not waited for."""
    since = workload.awaits_history_since
    return since is not None and now - since < intent.policy.fallback.hold_seconds
