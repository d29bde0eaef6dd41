"""The load of last week at the same time, with a margin: the forecast that needs no model.

Source: Grafana Mimir's KEDA triggers, `max_over_time(load[30m] offset 6d23h30m)` (grafana/mimir, pull requests 7775 and
16529). There it is one trigger beside the load itself, and the HPA takes the larger; alone it follows last week alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bayescaler.replay.hpa import run
from bayescaler.replay.scenario import Floats, Integers, Scenario

from .hpa import Hpa

DAY_SECONDS = 86400.0
WEEK_SECONDS = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class LastWeek:
    """Replicas for (1 + margin) times the most load between the same time and `ahead_seconds` later last week.

    Where last week is not known it is yesterday, and where that is not either, the newest load. `threshold` is the load
    per replica. With `hpa` the forecast is a second metric of that HPA, which takes the larger, at its own target.
    """

    threshold: float
    margin: float = 0.2
    ahead_seconds: float = 1800.0
    hpa: Hpa | None = None

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and self.margin > -1):
            raise ValueError(
                f"last-week: threshold {self.threshold} with margin {self.margin}; give the load of one replica, above "
                "0, and a margin above -1"
            )

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas at each decision, shape (n,)."""
        forecast = (1.0 + self.margin) * self.forecast(scenario)
        if self.hpa is not None:
            share = self.hpa.average_value / self.threshold
            return run(
                self.hpa.spec(scenario),
                np.fmax(scenario.seen, share * forecast),
                start_replicas=scenario.first_replicas,
                sync_seconds=scenario.interval_seconds,
                incomplete=np.isnan(scenario.seen),
            )
        wanted = np.where(np.isnan(forecast), (1.0 + self.margin) * scenario.seen, forecast) / self.threshold
        counts = np.ceil(np.where(np.isnan(wanted), 0.0, wanted) * (1.0 - 1e-9))
        held = np.maximum.accumulate(np.where(np.isnan(wanted), -1, np.arange(len(wanted))))
        kept = np.where(held >= 0, counts[np.maximum(held, 0)], scenario.first_replicas)
        return np.clip(kept, scenario.min_replicas, scenario.max_replicas).astype(np.int64)

    def forecast(self, scenario: Scenario) -> Floats:
        """Return the most load around the same time a week ago, or a day ago, NaN where unknown; shape (n,)."""
        width = max(1, round(self.ahead_seconds / scenario.step_seconds))
        loads = np.concatenate([scenario.loads, np.full(width - 1, np.nan)])
        present = np.where(np.isnan(loads), -np.inf, loads)
        most = sliding_window_view(present, width).max(axis=1)
        found = np.full(len(scenario.instants), np.nan)
        for ago in (WEEK_SECONDS, DAY_SECONDS):
            bucket = np.floor((scenario.instants - ago) / scenario.step_seconds + 1e-9).astype(np.int64)
            known = (bucket >= 0) & (bucket + width <= scenario.known)
            then = np.where(known, most[np.clip(bucket, 0, len(most) - 1)], -np.inf)
            found = np.where(np.isnan(found) & np.isfinite(then), then, found)
        return found
