"""Parts of the slow forecaster: regressions as matrices, histograms as sums, templates as tables; and its state.

What is stored in fewer bits is rounded as it is stored: masses in single precision, templates in 900ths of log load.
"""

import math

import numpy as np
from scipy import stats

from bayescast import LEVELS

TAU = np.array(LEVELS)
EDGES = np.sinh(np.linspace(-1.0, 1.0, 98) * np.arcsinh(300.0)) / 5.0
MOST_COUNTED = 255
STRATA = (1, 4, 1, 4, 1, 1, 1, 1)  # histograms of each expert


def single(x):
    return float(np.float32(x))


def clip(x, low, high):
    return min(max(x, low), high)


def gain(count, least):
    return max(least, 1.0 / max(count, 1))


class Atoms:
    """The quantum that all loads are multiples of, found by trying every part of the lesser of two numbers."""

    def __init__(self):
        self.quantum, self.none = None, False

    def learn(self, load):
        if load == 0.0 or self.none:
            return
        two = np.array([load, self.quantum or load])
        tried = two.min() / np.arange(1, 1001)
        times = two / tried[:, None]
        found = np.flatnonzero(np.all(np.abs(times - np.rint(times)) <= 1e-6, axis=1))
        self.none = len(found) == 0
        self.quantum = None if self.none else float(tried[found[0]])

    def said(self, issued, hair):
        if self.quantum is None:
            return issued
        whole = np.rint(issued / self.quantum) * self.quantum
        return np.where(np.abs(issued - whole) <= hair * self.quantum, whole, issued)


class Regression:
    """Discounted Bayesian regression with Student t errors (4 degrees of freedom)."""

    def __init__(self, size, prior, memory):
        self.prior, self.discount = prior, 1.0 - 1.0 / memory
        self.weights, self.covariance = np.zeros(size), prior * np.eye(size)

    def learn(self, x, error, noise, coordinate):
        along = self.covariance @ x
        total = noise * max(1.0, (4.0 + error**2 / noise) / 5.0) + x @ along
        self.weights += along * error / total
        kept = (self.covariance - np.outer(along, along) / total) / self.discount
        back = kept[coordinate]  # the prior of one coordinate is observed again
        variance = self.prior / ((1.0 - self.discount) * len(x)) + back[coordinate]
        self.covariance = kept - np.outer(back, back) / variance


class Histogram:
    """Masses by bin; quantiles are linear inside a bin. Of the mass below the bin last read, the sum is kept."""

    def __init__(self, weight):
        prior = np.diff(stats.t(4).cdf(EDGES))
        self.bins = (weight * prior / prior.sum()).astype(np.float32)
        self.total, self.at, self.below = weight, [0] * len(TAU), [0.0] * len(TAU)

    def add(self, residual, mass):
        place = int(clip((np.arcsinh(5.0 * residual) / np.arcsinh(300.0) + 1.0) * 48.5, 0.0, 96.0))
        self.bins[place] = np.float32(float(self.bins[place]) + mass)
        self.below = [below + mass * (place < at) for at, below in zip(self.at, self.below, strict=True)]
        self.total += mass

    def quantiles(self):
        return np.array([self._quantile(j, level * self.total) for j, level in enumerate(TAU)])

    def _quantile(self, j, wanted):
        at, below = self.at[j], self.below[j]
        while at < 96 and below + float(self.bins[at]) < wanted:
            below += float(self.bins[at])
            at += 1
        while at > 0 and below > wanted:
            at -= 1
            below -= float(self.bins[at])
        self.at[j], self.below[j] = at, below
        return EDGES[at] + (EDGES[at + 1] - EDGES[at]) * clip((wanted - below) / float(self.bins[at]), 0.0, 1.0)


class Template:
    """Means by slot around the clock, in 900ths of log load."""

    def __init__(self):
        self.slots = {}

    def learn(self, slot, value, share):
        old = self.slots.get(slot)
        mean = 900.0 * value if old is None else old + share * (900.0 * value - old)
        self.slots[slot] = math.floor(clip(mean, -32767.0, 32767.0) + 0.5)

    def read(self, slot, size, reach):
        near = [self.slots.get((slot + k) % size) for k in range(-reach, reach + 1)]
        seen = [value for value in near if value is not None]
        return sum(seen) / 900.0 / len(seen) if seen else None


class Season:
    """One period: its slots, templates of the load, and today's deviation from them."""

    def __init__(self, spec, period, first):
        s = spec.settings
        buckets = max(1, math.ceil(period / spec.step_seconds / 10080 - 1e-9))
        self.width, self.size = spec.step_seconds * buckets, math.ceil(period / spec.step_seconds / buckets - 1e-9)
        self.visit, self.reach = min(buckets, MOST_COUNTED - 1), 2 // buckets
        self.share = 1.0 - (1.0 - (s.template_gain if first else s.long_template_gain)) ** (1.0 / buckets)
        self.spread_share = 1.0 - (1.0 - s.spread_gain) ** (1.0 / buckets)
        self.spread_reach = 3 // buckets
        self.load, self.count = Template(), [0] * self.size
        self.quick = self.slow = 0.0

    def slot(self, time):
        return math.floor(time / self.width + 1e-6) % self.size

    def expected(self, slot):
        return self.load.read(slot, self.size, self.reach) if self.count[slot] >= self.visit else None


class Lead:
    """What is remembered of the windows of one length."""

    def __init__(self, spec, window, seasons, hour_slots):
        s, d = spec.settings, 7 + 2 * len(seasons)
        self.window, self.issues, self.windows, self.middle = window, [], 0, None
        self.peaks = [Template() for _ in seasons]
        self.rises, self.hour_rises = [0.0] * (seasons[0].size if seasons else 0), [0.0] * hour_slots
        self.slot_spread = [[0.0, 0] for _ in self.rises]
        self.slow = Regression(d, s.regression_prior, s.slow_memory)
        self.fast = Regression(d, s.regression_prior, s.fast_memory)
        self.spread = Regression(5, s.spread_prior, s.spread_memory)
        self.noise = [s.regression_noise, s.regression_noise]
        self.mean_residual = self.recent_residual = s.scale_prior
        self.level_spread, self.usual_spread = np.zeros((16, 2)), 0.0
        self.scales, self.scale_n, self.mass = np.full(8, s.scale_prior), 0.0, 1.0
        self.histograms = [[Histogram(s.shape_prior) for _ in range(n)] for n in STRATA]
        self.losses, self.loss_scale = np.zeros((8, len(TAU))), np.zeros(len(TAU))
        self.debts = np.zeros((2, len(TAU)))  # of all forecasts or the low ones, and of high ones
        self.apart = s.tracker_memory * (1.0 - TAU) > s.tracker_evidence * window


def window_max(values, lead):
    """The largest of the `lead` loads after each bucket."""
    return np.array([values[i + 1 : i + 1 + lead].max() for i in range(len(values) - lead)])
