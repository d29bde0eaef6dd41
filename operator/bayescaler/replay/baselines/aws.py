"""AWS-like predictive scaling: capacity for the forecast of each hour, and target tracking above it.

Source: Amazon EC2 Auto Scaling and Application Auto Scaling user guides, "How predictive scaling works" and "Target
tracking scaling policies"; API reference, PredictiveScalingConfiguration. Documented: at least 24 hours of data, at
most 14 days; an hourly forecast for the next 48 hours, made anew every 6; capacity is raised at the start of each hour,
`SchedulingBufferTime` earlier, and never lowered by a forecast; the maximum is honoured.

Not documented, and so a stand-in: the model. An hour's largest load is foretold as the mean of that hour of the day
and, where there is one, of that hour of the week, times the last day's level over the same means, within 1/2 and 2.
The two alarms of target tracking (3 minutes above, 15 minutes below 90 % of the target) are those AWS is seen to make.
"""

from dataclasses import dataclass

import numpy as np

from bayescaler.replay.kernels.aws import Tracking, run_tracking
from bayescaler.replay.scenario import Floats, Integers, Scenario

HOUR_SECONDS = 3600.0
DAY_HOURS, WEEK_HOURS = 24, 168
_MOST_LEVEL = 2.0


@dataclass(frozen=True, slots=True)
class Aws:
    """One predictive scaling policy in ForecastAndScale beside one target tracking policy of the same target."""

    target_value: float
    scheduling_buffer_time_seconds: float = 300.0
    history_days: int = 14
    least_history_hours: int = 24
    forecast_hours: int = 48
    refresh_hours: int = 6
    alarm_high_seconds: float = 180.0
    alarm_low_seconds: float = 900.0
    alarm_low_share: float = 0.9
    scale_in_cooldown_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not self.target_value > 0:
            raise ValueError(f"aws: target_value {self.target_value} is none; give the load of one replica, above 0")

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas at each decision, shape (n,)."""

        def steps(seconds: float) -> int:
            return max(1, round(seconds / scenario.interval_seconds))

        tracking = Tracking(
            self.target_value,
            steps(self.alarm_high_seconds),
            steps(self.alarm_low_seconds),
            self.alarm_low_share,
            steps(self.scale_in_cooldown_seconds),
            scenario.min_replicas,
            scenario.max_replicas,
        )
        floor, out = self.capacity(scenario), np.empty(len(scenario.instants), dtype=np.int64)
        run_tracking(tracking, scenario.seen, floor, scenario.first_replicas, *scenario.fleet(), out)
        return out

    def capacity(self, scenario: Scenario) -> Integers:
        """Return the capacity that forecasts call for at each decision, 0 without one; shape (n,)."""
        at = scenario.start + scenario.instants
        hours = np.floor(at / HOUR_SECONDS).astype(np.int64)
        ahead = np.floor((at + self.scheduling_buffer_time_seconds) / HOUR_SECONDS).astype(np.int64)
        origin, peaks = hourly_peaks(scenario)
        most = np.zeros(len(at))
        turns = np.floor(scenario.instants / (self.refresh_hours * HOUR_SECONDS)).astype(np.int64)
        for turn in np.unique(turns):
            now = np.flatnonzero(turns == turn)
            until = scenario.start + scenario.known[now[0]] * scenario.step_seconds
            complete = int(np.floor(until / HOUR_SECONDS)) - origin
            foretold = self.forecast(peaks[max(0, complete - DAY_HOURS * self.history_days) : max(0, complete)])
            if len(foretold):
                for wanted in (hours[now], ahead[now]):
                    places = wanted - origin - complete
                    inside = (places >= 0) & (places < len(foretold))
                    most[now] = np.fmax(most[now], np.where(inside, foretold[np.clip(places, 0, len(foretold) - 1)], 0))
        return np.ceil(most / self.target_value * (1.0 - 1e-9)).astype(np.int64)

    def forecast(self, peaks: Floats) -> Floats:
        """Return the largest load of each of the next hours, from those of the past ones; empty without a day of them.

        peaks: (h,) complete hours, NaN where nothing was measured.
        """
        count = len(peaks)
        if count < self.least_history_hours or np.isnan(peaks).all():
            return np.empty(0)
        last = np.arange(count - DAY_HOURS, count)
        usual = seasonal_mean(peaks, last)
        known = ~np.isnan(peaks[last]) & ~np.isnan(usual)
        total = float(usual[known].sum())
        level = float(peaks[last][known].sum()) / total if total > 0 else 1.0
        level = min(max(level, 1.0 / _MOST_LEVEL), _MOST_LEVEL)
        return seasonal_mean(peaks, np.arange(count, count + self.forecast_hours)) * level


def hourly_peaks(scenario: Scenario) -> tuple[int, Floats]:
    """Return the hour (since the epoch) of the first bucket, and the largest load of each hour, NaN without any."""
    begins = scenario.start + np.arange(len(scenario.loads)) * scenario.step_seconds
    hours = np.floor(begins / HOUR_SECONDS + 1e-9).astype(np.int64)
    peaks = np.full(hours[-1] - hours[0] + 1, -np.inf)
    measured = ~np.isnan(scenario.loads)
    np.maximum.at(peaks, hours[measured] - hours[0], scenario.loads[measured])
    return int(hours[0]), np.where(np.isfinite(peaks), peaks, np.nan)


def seasonal_mean(peaks: Floats, hours: Integers) -> Floats:
    """Return what is usual at `hours`, counted as `peaks` are: the mean by hour of the day, and of the week."""

    def means(period: int) -> Floats:
        padded = np.full(-(-len(peaks) // period) * period, np.nan)
        padded[: len(peaks)] = peaks
        rows = padded.reshape(-1, period)
        seen = (~np.isnan(rows)).sum(axis=0)
        return np.where(seen > 0, np.nansum(rows, axis=0) / np.maximum(seen, 1), np.nan)[hours % period]

    daily, weekly = means(DAY_HOURS), means(WEEK_HOURS)
    both = 0.5 * (daily + weekly)
    return np.where(np.isnan(weekly), daily, both)
