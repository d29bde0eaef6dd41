"""Knative's pod autoscaler (KPA) on requests per second.

Source: `pkg/autoscaler/scaling/autoscaler.go`, `pkg/reconciler/autoscaling/kpa/scaler.go` and the defaults of
`config-autoscaler`. It scrapes its own pods every second; here its windows lie over the same buckets that everyone
knows, so the stable average is that of the last minute known. A bucket nobody measured is what it was before: the
autoscaler's own pods did not stop.
"""

from dataclasses import dataclass

import numpy as np

from bayescaler.replay.kernels.kpa import Decider, run_kpa
from bayescaler.replay.scenario import Floats, Integers, Scenario

_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Kpa:
    """One revision; fields as in `config-autoscaler`, min-scale and max-scale are the scenario's.

    `target` is what one pod can take, of which `target_utilization_percentage` is aimed at.
    """

    target: float
    target_utilization_percentage: float = 70.0
    stable_window_seconds: float = 60.0
    panic_window_percentage: float = 10.0
    panic_threshold_percentage: float = 200.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    activation_scale: int = 1
    scale_down_delay_seconds: float = 0.0
    scale_to_zero_grace_period_seconds: float = 30.0
    tick_seconds: float = 2.0

    def __post_init__(self) -> None:
        if not (self.target > 0 and self.target_utilization_percentage > 0 and self.max_scale_down_rate >= 1):
            raise ValueError(
                f"kpa: target {self.target} at {self.target_utilization_percentage} % and max_scale_down_rate "
                f"{self.max_scale_down_rate}; give targets above 0 and a rate of 1 or more"
            )

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas at each decision, shape (n,)."""
        decider = self.decider(scenario)
        stable = trailing_mean(scenario, decider.stable_window_seconds)
        panic = trailing_mean(scenario, decider.panic_window_seconds)
        delayed, out = np.empty(len(stable), dtype=np.int64), np.empty(len(stable), dtype=np.int64)
        run_kpa(decider, stable, panic, scenario.first_replicas, *scenario.fleet(), np.empty(4), delayed, out)
        return out

    def decider(self, scenario: Scenario) -> Decider:
        """Return the numbers one tick works with."""
        return Decider(
            target=self.target * self.target_utilization_percentage / _PERCENT,
            stable_window_seconds=self.stable_window_seconds,
            panic_window_seconds=self.stable_window_seconds * self.panic_window_percentage / _PERCENT,
            panic_threshold=self.panic_threshold_percentage / _PERCENT,
            max_scale_up_rate=self.max_scale_up_rate,
            max_scale_down_rate=self.max_scale_down_rate,
            activation_scale=self.activation_scale,
            scale_down_delay_seconds=self.scale_down_delay_seconds,
            scale_to_zero_grace_period_seconds=self.scale_to_zero_grace_period_seconds,
            min_scale=scenario.min_replicas,
            max_scale=scenario.max_replicas,
            tick_seconds=min(self.tick_seconds, scenario.interval_seconds),
            interval_seconds=scenario.interval_seconds,
        )


def trailing_mean(scenario: Scenario, window_seconds: float) -> Floats:
    """Return the mean load of the last `window_seconds` known at each decision, NaN before any is; shape (n,)."""
    loads = scenario.loads
    measured = np.maximum.accumulate(np.where(np.isnan(loads), -1, np.arange(len(loads))))
    held = np.where(measured >= 0, loads[np.maximum(measured, 0)], 0.0)
    work = np.concatenate([[0.0], np.cumsum(held)])  # in bucket-loads up to each bucket's end
    ends = scenario.known.astype(np.float64)
    first = float(np.argmax(measured >= 0)) if (measured >= 0).any() else np.inf
    begins = np.maximum(ends - window_seconds / scenario.step_seconds, first)
    places = np.arange(len(work), dtype=np.float64)
    width = np.maximum(ends - begins, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.interp(ends, places, work) - np.interp(begins, places, work)) / width
    # Within one bucket the difference of two sums has lost digits that the bucket itself has.
    inside = (scenario.known > 0) & (np.floor(begins) >= ends - 1.0)
    mean = np.where(inside, held[np.maximum(scenario.known - 1, 0)], mean)
    return np.where(width > 0.0, np.maximum(mean, 0.0), np.nan)
