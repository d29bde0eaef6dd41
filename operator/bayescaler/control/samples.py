"""What the metrics show of each object, read from its record at scrape time."""

from collections.abc import Iterable, Iterator

from bayescaler.policy.steered import spent
from bayescaler.policy.types import Policy
from bayescaler.telemetry.exposition import WorkloadSample

from .canary_status import canary_phase
from .capacities import policy_in_force
from .conditions import trouble
from .workload import Workload


def samples(workloads: Iterable[Workload]) -> Iterator[WorkloadSample]:
    """Yield one sample an object."""
    for workload in workloads:
        decision, intent, target, load = workload.decision, workload.intent, workload.target, workload.load
        policy = None if intent is None else policy_in_force(workload, intent)
        lead = None if policy is None or workload.outlook is None else workload.outlook.lead
        canary = workload.canary
        yield WorkloadSample(
            workload.namespace,
            workload.name,
            current_replicas=target.replicas if target else None,
            desired_replicas=decision.final if decision else None,
            min_replicas=policy.min_replicas if policy else None,
            max_replicas=policy.max_replicas if policy else None,
            load=load.value,
            forecast_load=lead.quantile(policy.promised) if lead and policy else None,
            forecast_load_median=lead.quantile(0.5) if lead else None,
            violation_probability=decision.exceedance if decision else None,
            overload_budget=_budget(policy) if policy else None,
            overload_spent=spent(workload.state),
            forecast_coverage=workload.evidence.coverage if workload.evidence else None,
            capacity_per_replica=policy.capacity if policy else None,
            lead_time_seconds=workload.starts.p90_seconds,
            canary_loss_ratio=None if canary is None or canary.trial.book is None else canary.trial.book.ratio,
            state=_state(workload, policy),
        )


def _budget(policy: Policy) -> float | None:
    """Return the share of the time that may be short; a price of running short allows none in particular."""
    return None if policy.price is not None else 1.0 - policy.promised


def _state(workload: Workload, policy: Policy | None) -> tuple[str, ...]:
    """Return the words of STATE_LABELS."""
    decision, charge = workload.decision, workload.standing.charge
    return (
        policy.mode if policy else "",
        workload.phase,
        charge.value if charge else "",
        decision.rung if decision else "",
        decision.limiter if decision else "",
        workload.load.health,
        canary_phase(workload) or "",
        trouble(workload),
    )
