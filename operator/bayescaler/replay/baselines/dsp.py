"""Crane's signal processing: whether a history repeats daily or weekly, and one more period of it.

Source: `pkg/prediction/dsp` (`prediction`, `signal`, `estimators`, `preprocessing`, `auto_correlation`) and
`pkg/prediction/accuracy` of gocrane/crane. Signals are evenly spaced samples, newest last, shape (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HOUR_SECONDS, DAY_SECONDS = 3600.0, 86400.0
WEEK_SECONDS = 7 * DAY_SECONDS
PERMUTATIONS, RANK = 100, 98
PEAK_SECONDS = 4 * HOUR_SECONDS
HIGH_FREQUENCY = 1.0 / HOUR_SECONDS
MOST_SPECTRUM_ITEMS = 100
LEAST_VALUE = 0.01
NEAR_ZERO = 0.001
LOSS_BASE = 1.25


@dataclass(frozen=True, slots=True)
class Fft:
    """Keeps what is slow or strong of the spectrum, and adds a margin.

    As shipped, the slow are only those of the first half of the spectrum: of a weak slow component half is lost.
    """

    min_num_of_spectrum_items: int = 3
    low_amplitude_threshold: float = 1.0
    margin_fraction: float = 0.1

    def estimate(self, signal: Floats, period: int, interval_seconds: float) -> Floats:
        """Return the next `period` samples: the last of the filtered signal, with the margin; none if too short."""
        count = len(signal)
        spectrum = np.fft.fft(signal)
        amplitudes = np.abs(spectrum) / count
        strongest = np.sort(amplitudes[1 : count // 2])[::-1]
        if not len(strongest):
            return np.empty(0)
        threshold = float(strongest[min(MOST_SPECTRUM_ITEMS, len(strongest)) - 1])
        threshold = max(threshold, self.low_amplitude_threshold)
        if len(strongest) >= self.min_num_of_spectrum_items:
            threshold = min(threshold, float(strongest[self.min_num_of_spectrum_items - 1]))
        fast = np.arange(count) / (count * interval_seconds) > HIGH_FREQUENCY
        spectrum[(amplitudes < threshold) & fast] = 0.0
        filtered = np.fft.ifft(spectrum).real[-period:]
        return np.where(filtered <= 0.0, LEAST_VALUE, filtered) * (1.0 + self.margin_fraction)


DEFAULT_ESTIMATORS: tuple[Fft, ...] = tuple(
    Fft(items, amplitude, margin)
    for (items, amplitude), margin in product(((3, 1.0), (50, 0.05)), (0.01, 0.10, 0.15, 0.20))
)


def preprocess(samples: Floats, interval_seconds: float) -> Floats:
    """Return the newest whole hours after the last gap of more than an hour, smaller gaps and outliers mended.

    samples: NaN where nothing was measured; gaps are filled by a line, values beyond the 0.1 % and 99.9 % points are
    replaced by the one before.
    """
    measured = np.flatnonzero(~np.isnan(samples))
    if len(measured) < 2:
        return np.empty(0)
    broken = np.flatnonzero(np.diff(measured) * interval_seconds > HOUR_SECONDS)
    measured = measured[broken[-1] + 1 :] if len(broken) else measured
    filled = np.interp(np.arange(measured[0], measured[-1] + 1), measured, samples[measured])
    hour = max(1, round(HOUR_SECONDS / interval_seconds))
    signal = filled[len(filled) % hour :].copy()
    if len(signal):
        low, high = np.quantile(signal, (0.001, 0.999))
        outside = np.flatnonzero((signal[1:] > high) | (signal[1:] < low)) + 1
        for place in outside:
            signal[place] = signal[place - 1]
    return signal


def find_period(signal: Floats, interval_seconds: float, dice: np.random.Generator) -> int:
    """Return the samples of a day or a week if the signal repeats with exactly that, else 0.

    Hints are the periods of frequencies stronger than chance (99th of 100 shuffled signals); the fundamental one is the
    highest peak of the circular autocorrelation among them (Vlachos, Yu and Castelli, SDM 2005).
    """
    day, week = round(DAY_SECONDS / interval_seconds), round(WEEK_SECONDS / interval_seconds)
    whole = week if len(signal) > week else day if len(signal) > day else 1
    signal = signal[len(signal) % whole :]
    count = len(signal)
    if count < 4 or float(signal.std()) == 0.0:
        return 0
    correlation = autocorrelation(signal)
    widest = int(PEAK_SECONDS / interval_seconds)
    if not any(_is_peak(correlation, hint, min(widest, hint // 2)) for hint in (day, week) if hint < count):
        return 0  # then no hint could be accepted, however strong
    strength = np.abs(np.fft.fft(signal))[: count // 2]
    shuffled = dice.permuted(np.broadcast_to(signal, (PERMUTATIONS, count)), axis=1)
    by_chance = np.sort(np.abs(np.fft.rfft(shuffled, axis=1))[:, 1 : count // 2].max(axis=1))[RANK]
    best, period = 0.0, 0
    last = count
    for frequency in np.flatnonzero(strength[2:] > by_chance) + 2:
        hint = count // int(frequency)
        if hint < last:
            last = hint
            if correlation[hint] > best and _is_peak(correlation, hint, min(widest, hint // 2)):
                best, period = float(correlation[hint]), hint
    return period if period in (day, week) else 0


def autocorrelation(signal: Floats) -> Floats:
    """Return the circular autocorrelation at every lag, 1 at lag 0."""
    standard = (signal - signal.mean()) / signal.std()
    power = np.abs(np.fft.rfft(standard)) ** 2
    return np.asarray(np.fft.irfft(power, len(signal)) / len(signal))


def _is_peak(correlation: Floats, place: int, width: int) -> bool:
    """Return whether a line rises up to `place` and falls after it."""
    if width < 1 or place - width < 0 or place + width >= len(correlation):
        return False
    x = np.arange(width + 1) - 0.5 * width
    rising = float(np.dot(x, correlation[place - width : place + 1]))
    return rising > 0.0 > float(np.dot(x, correlation[place : place + width + 1]))


def loss(actual: Floats, forecast: Floats) -> float:
    """Return the mean error: falling short by a share x costs -ln(1 - x) / ln 1.25, exceeding by x costs x.

    With any actual near zero it is the mean absolute error.
    """
    if bool((actual < NEAR_ZERO).any()):
        return float(np.abs(actual - forecast).mean())
    share = (actual - forecast) / actual
    return float(np.where(share > 0.0, amplify(np.maximum(share, 0.0)), -share).mean())


def amplify(share: Floats) -> Floats:
    """Return the cost of falling short by this share of the actual."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log1p(-np.minimum(share, 1.0)) / np.log(LOSS_BASE))


def foretell(
    signal: Floats,
    interval_seconds: float,
    dice: np.random.Generator,
    estimators: Sequence[Fft] = DEFAULT_ESTIMATORS,
) -> Floats:
    """Return what follows the signal, as many samples as whole periods of it; empty where it does not repeat.

    The estimator is the one that came closest to the last period from those before it.
    """
    period = find_period(signal, interval_seconds, dice)
    cycles = len(signal) // period if period else 0
    if cycles < 2:
        return np.empty(0)
    whole = signal[len(signal) - cycles * period :]
    past, actual = whole[:-period], whole[-period:]
    best, chosen = np.inf, None
    for estimator in estimators:
        guess = estimator.estimate(past, period, interval_seconds)
        error = loss(actual, guess) if len(guess) == period else np.inf
        if error < best:
            best, chosen = error, estimator
    if chosen is None:
        return np.empty(0)
    return np.tile(chosen.estimate(whole, period, interval_seconds), cycles)
