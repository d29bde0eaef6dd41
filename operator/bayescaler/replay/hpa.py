"""The HPA of autoscaling/v2 on one External metric with an AverageValue target: the baseline.

Source: `computeReplicasForMetric`, `GetExternalPerPodMetricReplicas` and the two normalizations of
Kubernetes' `pkg/controller/podautoscaler`. At a target of 100 per pod and 10 pods, a metric of 1050 is within
tolerance (10), one of 1110 is not (12). `step` is one sync, for a controller that lives; `run` is a whole history at
once, the same arithmetic compiled.
"""

from dataclasses import dataclass, replace
from math import ceil, isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescaler.policy import Behavior, History, PolicyType, Select
from bayescaler.policy.behavior import (
    begin,
    record,
    remember,
    scale_down_limit,
    scale_up_limit,
    stabilize,
)
from bayescaler.policy.objective import pods
from bayescaler.policy.windows import push_highest

from .kernels.controller import LEGACY, SELECT_DISABLED, SELECT_MAX, SELECT_MIN, Rules, run_external

SYNC_SECONDS = 15.0  # --horizontal-pod-autoscaler-sync-period
LEGACY_FACTOR = 2  # without behavior: at most twice the pods, or four
LEGACY_LEAST = 4
CLOCK_SECONDS = 1e-3  # a moment more than none, in epoch seconds
_SELECTS = {Select.MAX: SELECT_MAX, Select.MIN: SELECT_MIN, Select.DISABLED: SELECT_DISABLED}


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """One HPA. `target` is the metric per pod; `behavior` None is the legacy of an HPA that sets none.

    `tolerance` and `downscale_stabilization_seconds` are the controller's flags, read without `behavior`
    only, as ours carries both.
    """

    target: float
    min_replicas: int = 1
    max_replicas: int = 10
    behavior: Behavior | None = None
    tolerance: float = 0.1
    downscale_stabilization_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not (isfinite(self.target) and self.target > 0):
            raise ValueError(f"hpa: target {self.target} is no average value; give one above 0")
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                f"hpa: replicas {self.min_replicas}..{self.max_replicas} are no range; "
                "give 0 <= min_replicas <= max_replicas and max_replicas >= 1"
            )


@dataclass(frozen=True, slots=True)
class HpaState:
    """The controller's memory of one HPA, lost when it restarts."""

    history: History | None = None


def step(spec: HpaSpec, state: HpaState, *, metric: float | None, current: int, now: float) -> tuple[int, HpaState]:
    """Return the replicas after one sync, and the memory for the next.

    `metric` is the sum over the series, None or NaN if it cannot be had: then nothing changes. What is
    returned counts as a scale event, as the HPA's own update has then succeeded.
    """
    history = begin(current, now) if state.history is None else state.history
    if current == 0 and spec.min_replicas > 0:
        return 0, HpaState(history)
    if current > spec.max_replicas or current < spec.min_replicas:
        desired = spec.max_replicas if current > spec.max_replicas else spec.min_replicas
    elif metric is None or not isfinite(metric):
        return current, HpaState(history)
    else:
        recommended = recommend(spec, metric, current)
        if spec.behavior is None:
            desired, history = _normalize_legacy(spec, history, current, recommended, now)
        else:
            desired, history = _normalize(spec, spec.behavior, history, current, recommended, now)
    return desired, HpaState(record(history, spec.behavior or Behavior(), desired - current, now))


def run(
    spec: HpaSpec,
    metrics: ArrayLike,
    *,
    start_replicas: int,
    sync_seconds: float = SYNC_SECONDS,
    incomplete: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return the replicas after each sync over `metrics`, one value a sync (NaN: not to be had), compiled.

    Every change is taken to be done by the next sync. `incomplete` says at which syncs a further metric of the same
    target could not be had: that holds a scale-in, not a raise.
    """
    sums = np.asarray(metrics, dtype=np.float64)
    failed = np.zeros(len(sums), dtype=np.bool_) if incomplete is None else np.asarray(incomplete, dtype=np.bool_)
    rules = rules_of(spec, sync_seconds)
    recommended, changed, out = (np.empty(len(sums), dtype=np.int64) for _ in range(3))
    run_external(rules, sums, failed, spec.target, start_replicas, recommended, changed, out)
    return out


def rules_of(spec: HpaSpec, sync_seconds: float) -> Rules:
    """Return `spec` as the compiled controller takes it: windows and periods as a number of earlier syncs."""

    def inside(seconds: float) -> int:
        return ceil(seconds / sync_seconds) - 1  # an entry as old as the window is long is out

    limits = spec.min_replicas, spec.max_replicas
    if spec.behavior is None:
        # Unlike with behavior, a recommendation exactly as old as the window still counts.
        window = int(spec.downscale_stabilization_seconds / sync_seconds)
        return Rules(*limits, spec.tolerance, spec.tolerance, LEGACY, LEGACY, 0, window, np.empty((0, 4)))
    up, down = spec.behavior.scale_up, spec.behavior.scale_down
    policies = [
        (direction, policy.type is PolicyType.PERCENT, policy.value, inside(policy.period_seconds))
        for direction, rules in ((1, up), (-1, down))
        for policy in rules.policies
    ]
    return Rules(
        *limits,
        up.tolerance,
        down.tolerance,
        _SELECTS[up.select],
        _SELECTS[down.select],
        inside(up.stabilization_window_seconds),
        inside(down.stabilization_window_seconds),
        np.array(policies, dtype=np.float64).reshape(-1, 4),
    )


def recommend(spec: HpaSpec, metric: float, current: int) -> int:
    """Return the replicas the metric asks for, or `current` within tolerance."""
    if current > 0:
        ratio = metric / (spec.target * current)
        least = spec.behavior.scale_down.tolerance if spec.behavior else spec.tolerance
        most = spec.behavior.scale_up.tolerance if spec.behavior else spec.tolerance
        if 1.0 - least <= ratio <= 1.0 + most:
            return current
    return pods(metric / spec.target)


def _normalize(
    spec: HpaSpec, behavior: Behavior, history: History, current: int, recommended: int, now: float
) -> tuple[int, History]:
    history = remember(history, behavior, recommended, now)
    wanted = stabilize(history, current, recommended)
    if wanted > current:
        most = min(scale_up_limit(behavior.scale_up, history, current, now), spec.max_replicas)
        return min(wanted, most), history
    if wanted < current:
        fewest = max(scale_down_limit(behavior.scale_down, history, current, now), spec.min_replicas)
        return max(wanted, fewest), history
    return wanted, history


def _normalize_legacy(
    spec: HpaSpec, history: History, current: int, recommended: int, now: float
) -> tuple[int, History]:
    # Unlike with behavior, a recommendation exactly as old as the window still counts.
    window = spec.downscale_stabilization_seconds + CLOCK_SECONDS
    history = replace(history, highest=push_highest(history.highest, now, recommended, window))
    stabilized = history.highest[0][1]
    most = min(spec.max_replicas, max(LEGACY_FACTOR * current, LEGACY_LEAST))
    return max(min(stabilized, most), spec.min_replicas), history
