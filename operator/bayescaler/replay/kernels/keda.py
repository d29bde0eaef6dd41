"""KEDA's two loops on one Prometheus trigger: the operator's between none and one, its HPA's from one on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

from .controller import NOTHING, Memory, Rules, proposal, sync_once

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_FALLBACK, STATIC, CURRENT, IF_HIGHER, IF_LOWER = range(5)


class Trigger(NamedTuple):
    """One ScaledObject with one Prometheus trigger; counts of decisions where it has seconds."""

    threshold: float
    activation_threshold: float
    polling_steps: float
    cooldown_steps: float
    min_replica_count: int
    ignore_null_values: bool
    fallback: int
    failure_threshold: int
    fallback_replicas: int


@kernel
def fallback_metric(trigger: Trigger, current: int) -> float:
    """Return the metric that makes the HPA want the replicas of the fallback: AverageValue is target * replicas."""
    replicas = trigger.fallback_replicas
    if trigger.fallback == CURRENT:
        replicas = current
    elif trigger.fallback == IF_HIGHER:
        replicas = max(current, replicas)
    elif trigger.fallback == IF_LOWER:
        replicas = min(current, replicas)
    return trigger.threshold * replicas


@kernel
def poll(trigger: Trigger, metric: float, in_fallback: bool, idle: float, current: int) -> int:
    """Return the replicas after one poll of the operator; `idle` decisions have passed since a trigger was active."""
    active = in_fallback or (np.isfinite(metric) and metric > trigger.activation_threshold)
    if active:
        return max(trigger.min_replica_count, 1) if current == 0 else current
    failed = not np.isfinite(metric)
    if failed and trigger.fallback != NO_FALLBACK and trigger.fallback_replicas != 0:
        return trigger.fallback_replicas
    if failed and trigger.fallback == NO_FALLBACK:
        return current
    if trigger.min_replica_count == 0:
        return 0 if idle > trigger.cooldown_steps else current
    return max(current, trigger.min_replica_count)


@entry
def run_keda(
    trigger: Trigger,
    rules: Rules,
    metrics: Floats,
    start: int,
    memory: Memory,
    out: Integers,
) -> None:
    """Write the replicas after each decision; NaN in metrics: an empty answer. All shapes (n,).

    The operator polls before the HPA asks. Both count failures, and both are reset by one success.
    """
    current, failures, last_active, polls = start, 0, 0, -1
    for step in range(len(metrics)):
        answer = metrics[step]
        if np.isnan(answer) and trigger.ignore_null_values:
            answer = 0.0
        failed = np.isnan(answer)
        if int(step / trigger.polling_steps) > polls:
            polls = int(step / trigger.polling_steps)
            failures = failures + 1 if failed else 0
            in_fallback = failed and trigger.fallback != NO_FALLBACK and failures > trigger.failure_threshold
            if in_fallback or (not failed and answer > trigger.activation_threshold):
                last_active = step
            current = poll(trigger, answer, in_fallback, step - last_active, current)
        failures = failures + 1 if failed else 0
        proposed = NOTHING
        if not failed:
            proposed = proposal(rules, answer, trigger.threshold, current)
        elif trigger.fallback != NO_FALLBACK and failures > trigger.failure_threshold:
            proposed = proposal(rules, fallback_metric(trigger, current), trigger.threshold, current)
        current = sync_once(rules, memory, step, start, current, proposed, False)
        out[step] = current
