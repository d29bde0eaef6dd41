"""Crane-like: an HPA on the larger of the load and what a spectrum foretells of the next hour.

Source: `pkg/controller/ehpa`, `pkg/metricprovider` and `pkg/prediction` of gocrane/crane, EffectiveHPA and
TimeSeriesPrediction with the DSP algorithm. The forecast is made anew every 12 hours from up to 15 days. While there is
none, the EffectiveHPA is an HPA; with one, a load that cannot be had still lets it raise, not lower.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bayescaler.replay.hpa import HpaSpec, run
from bayescaler.replay.scenario import Floats, Integers, Scenario

from .dsp import DAY_SECONDS, DEFAULT_ESTIMATORS, HOUR_SECONDS, Fft, foretell, preprocess


@dataclass(frozen=True, slots=True)
class Crane:
    """One EffectiveHorizontalPodAutoscaler on the load with `averageValue` per pod.

    `truncated`: the metric adapter serves whole numbers, so that a forecast below 1 is 0. A step longer than
    `sample_interval_seconds` is taken for it.
    """

    average_value: float
    prediction_window_seconds: float = 3600.0
    sample_interval_seconds: float = 60.0
    history_length_seconds: float = 15 * DAY_SECONDS
    model_update_interval_seconds: float = 12 * HOUR_SECONDS
    estimators: tuple[Fft, ...] = DEFAULT_ESTIMATORS
    truncated: bool = True

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas after each sync, shape (n,)."""
        predicted = self.predicted(scenario)
        if self.truncated:
            predicted = np.trunc(predicted)
        return run(
            HpaSpec(self.average_value, scenario.min_replicas, scenario.max_replicas),
            np.fmax(scenario.seen, predicted),
            start_replicas=scenario.first_replicas,
            sync_seconds=scenario.interval_seconds,
            incomplete=np.isnan(scenario.seen),
        )

    def predicted(self, scenario: Scenario) -> Floats:
        """Return the most load foretold for the window from each decision on, NaN without a forecast; shape (n,)."""
        stride = max(1, round(self.sample_interval_seconds / scenario.step_seconds))
        interval = stride * scenario.step_seconds
        stored = round((self.history_length_seconds + HOUR_SECONDS) / scenario.step_seconds)
        dice = np.random.default_rng(scenario.seed)
        out = np.full(len(scenario.instants), np.nan)
        every = max(1, ceil(self.model_update_interval_seconds / scenario.interval_seconds))
        last, samples = 0.0, np.empty(0)
        for first in range(0, len(out), every):
            known = int(scenario.known[first])
            history = scenario.loads[max(0, known - stored) : known][::-1][::stride][::-1]
            following = foretell(preprocess(history, interval), interval, dice, self.estimators)
            if len(following):  # an older forecast is followed until it ends
                last, samples = known * scenario.step_seconds, following
            if len(samples):
                now = slice(first, first + every)
                out[now] = self._most(samples, scenario.instants[now] - last, interval)
        return out

    def _most(self, samples: Floats, after: Floats, interval: float) -> Floats:
        """Return the largest sample within the window from `after` seconds behind the history's end on."""
        width = int(self.prediction_window_seconds // interval) + 1
        padded = np.concatenate([samples, np.full(width, -np.inf)])
        most = sliding_window_view(padded, width).max(axis=1)
        # Sample k is that of the bucket which ends (k + 1) intervals after the history.
        place = np.ceil(after / interval - 1e-9).astype(np.int64) - 1
        found = most[np.clip(place, 0, len(most) - 1)]
        return np.where((place < len(samples)) & np.isfinite(found), found, np.nan)
