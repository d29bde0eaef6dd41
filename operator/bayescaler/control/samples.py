"""What the metrics show of each object, read from its record at scrape time."""

from collections.abc import Iterable, Iterator
from math import isfinite

from bayescaler.policy.steered import spent
from bayescaler.telemetry.metrics import WorkloadSample

from .canary_status import canary_phase
from .capacities import policy_in_force
from .workload import Workload


def samples(workloads: Iterable[Workload], *, now: float) -> Iterator[WorkloadSample]:
    """Yield one sample an object."""
    for workload in workloads:
        decision, intent, target, load = workload.decision, workload.intent, workload.target, workload.load
        lead, evidence = workload.outlook and workload.outlook.lead, workload.evidence
        canary = workload.canary
        quantile = intent.policy.promised if intent else None
        yield WorkloadSample(
            workload.namespace,
            workload.name,
            current_replicas=target.replicas if target else None,
            desired_replicas=decision.final if decision else None,
            load=load.value,
            load_age_seconds=None if load.at is None else now - load.at,
            forecast_load=lead.quantile(quantile) if lead is not None and quantile is not None else None,
            violation_probability=decision.exceedance if decision else None,
            overload_spent=spent(workload.state),
            coverage=evidence.coverage if evidence else None,
            capacity=None if intent is None else _finite(policy_in_force(workload, intent).capacity),
            lead_time_seconds=workload.starts.p90_seconds,
            canary_loss_ratio=None if canary is None or canary.trial.book is None else canary.trial.book.ratio,
            canary_phase=canary_phase(workload),
            phase=str(workload.phase),
            rung=str(decision.rung) if decision else None,
            limiter=str(decision.limiter) if decision else None,
            health=str(load.health),
        )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
