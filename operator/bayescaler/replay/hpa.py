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

from bayescaler.policy import Behavior, PolicyType, ScalingRules, Select

from .behavior import History, begin, remember, scale_down_limit, scale_up_limit, stabilize
from .kernels.controller import (
    LEGACY,
    MOST,
    ROUNDING,
    SELECT_DISABLED,
    SELECT_MAX,
    SELECT_MIN,
    Rules,
    memory_of,
    run_external,
)
from .windows import push_highest

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
    """The controller's memory of one HPA, lost when it restarts; and the one of its conditions that it goes by.

    `scaled_to_zero` is its condition ScaledToZero: replicas of 0 that somebody else set switch the HPA off.
    """

    history: History | None = None
    scaled_to_zero: bool = False


def step(
    spec: HpaSpec, state: HpaState, *, metric: float | None, current: int, now: float, running: int | None = None
) -> tuple[int, HpaState]:
    """Return the replicas after one sync, and the memory for the next.

    `metric` is the sum over the series, None or NaN if it cannot be had: then nothing changes. `running` is the
    `status.replicas` of the scale, where there are not yet, or never will be, as many pods as were asked for. What
    is returned counts as a scale event, as the HPA's own update has then succeeded.
    """
    history = begin(current, now) if state.history is None else state.history
    if current == 0 and not state.scaled_to_zero:
        return 0, replace(state, history=history)
    if current > spec.max_replicas or 0 < current < spec.min_replicas:
        desired = spec.max_replicas if current > spec.max_replicas else spec.min_replicas
    elif metric is None or not isfinite(metric):
        return current, replace(state, history=history)
    else:
        recommended = recommend(spec, metric, current if running is None else running)
        if spec.behavior is None:
            desired, history = _normalize_legacy(spec, history, current, recommended, now)
        else:
            desired, history = _normalize(spec, spec.behavior, history, current, recommended, now)
        desired = max(desired, spec.min_replicas)  # which may have been raised while there were none
    if desired == current:
        return current, replace(state, history=history)
    if spec.behavior is not None:
        history = _remember_change(spec.behavior, history, desired - current, now)
    return desired, HpaState(history, scaled_to_zero=desired == 0)


def run(
    spec: HpaSpec,
    metrics: ArrayLike,
    *,
    start_replicas: int,
    sync_seconds: float = SYNC_SECONDS,
    incomplete: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return the replicas after each sync over `metrics`, one value a sync (NaN: not to be had), compiled.

    Every change is taken to be done by the next sync, and a history that begins at 0 to have been scaled there by this
    HPA. Syncs are taken to come on time: the real ones vary by milliseconds, which decide for them about what is
    exactly as old as a window or period is long. `incomplete` says at which syncs a further metric of the same
    target could not be had: that holds a scale-in, not a raise.
    """
    sums = np.asarray(metrics, dtype=np.float64)
    failed = np.zeros(len(sums), dtype=np.bool_) if incomplete is None else np.asarray(incomplete, dtype=np.bool_)
    rules = rules_of(spec, sync_seconds)
    out = np.empty(len(sums), dtype=np.int64)
    run_external(rules, sums, failed, spec.target, start_replicas, memory_of(len(sums)), out)
    return out


def rules_of(spec: HpaSpec, sync_seconds: float) -> Rules:
    """Return `spec` as the compiled controller takes it: windows and periods as a number of earlier syncs."""

    def inside(seconds: float) -> int:
        return ceil(seconds / sync_seconds) - 1  # an entry as old as the window is long is out

    limits = spec.min_replicas, spec.max_replicas
    if spec.behavior is None:
        # Unlike with behavior, a recommendation exactly as old as the window still counts.
        window = int(spec.downscale_stabilization_seconds / sync_seconds)
        return Rules(*limits, spec.tolerance, spec.tolerance, LEGACY, LEGACY, 0, window, 0, 0, np.empty((0, 4)))
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
        int(_longest(up) / sync_seconds),
        int(_longest(down) / sync_seconds),
        np.array(policies, dtype=np.float64).reshape(-1, 4),
    )


def recommend(spec: HpaSpec, metric: float, running: int) -> int:
    """Return the replicas the metric asks for, or the pods there are, `running`, within tolerance."""
    usage, each = _milli(metric), _milli(spec.target)
    if running > 0:
        ratio = usage / (each * running)
        least = spec.behavior.scale_down.tolerance if spec.behavior else spec.tolerance
        most = spec.behavior.scale_up.tolerance if spec.behavior else spec.tolerance
        if 1.0 - least <= ratio <= 1.0 + most:
            return running
    return ceil(max(0.0, min(usage / each, MOST)))


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


def _remember_change(behavior: Behavior, history: History, change: int, now: float) -> History:
    """Return `history` with `change` in the place of an older one where upstream has it there: `storeScaleEvent`.

    That is the last of those older than every period of its own direction, though the other direction may look back
    further and will miss it.
    """
    if change == 0:
        return history
    rules, kept = (behavior.scale_up, history.ups) if change > 0 else (behavior.scale_down, history.downs)
    outdated = [place for place, (at, _) in enumerate(kept) if at < now - _longest(rules)]
    place = outdated[-1] if outdated else len(kept)
    kept = (*kept[:place], (now, abs(change)), *kept[place + 1 :])
    return replace(history, ups=kept) if change > 0 else replace(history, downs=kept)


def _milli(quantity: float) -> float:
    """Return a quantity in thousandths, rounded up, as an HPA reads every metric and target."""
    scaled = 1000.0 * quantity
    nearest = float(round(scaled))
    return nearest if abs(scaled - nearest) <= ROUNDING * abs(scaled) else float(ceil(scaled))


def _longest(rules: ScalingRules) -> float:
    return max((policy.period_seconds for policy in rules.policies), default=0.0)
