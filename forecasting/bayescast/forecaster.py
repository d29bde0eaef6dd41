"""The forecaster of one workload: a bank of one row."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import prior_pool
from .bank import Bank
from .diagnostics import Diagnostics, Track
from .events import Event
from .inputs import Ranges
from .posterior import Posterior, read
from .predictive import Predictive
from .prior import Prior
from .spec import ForecastSpec


class Forecaster:
    """Online forecaster of the largest load in the next buckets, for one workload."""

    def __init__(self, spec: ForecastSpec, prior: Prior | None = None) -> None:
        """Start with nothing seen: from the priors of the settings, or from that of a group (SpecMismatch)."""
        self.spec = spec
        self._bank = Bank(spec, capacity=1)
        self._row = self._bank.add(spec, prior)

    def fit(
        self,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> Self:
        """Start anew and replay a history through the same kernel as `update`.

        times: (n,) bucket starts, epoch seconds, rising; a jump is a gap. values: (n,) loads, NaN = missing. saturated,
        healthy: flags a bucket. exclude: ranges of time, (start, end) in epoch seconds, end not included, of which
        nothing is learned (an outage, a load test): a bucket that reaches into one counts as not healthy. Raises
        InvalidValue or OutOfOrder.
        """
        self._bank.fit(self._row, times, values, saturated=saturated, healthy=healthy, exclude=exclude)
        return self

    def replay(
        self,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> dict[int, NDArray[np.float64]]:
        """As `fit`, and return for every lead the (n, levels) quantiles at LEVELS issued after each bucket.

        Row i rests on buckets 0..i alone; NaN before the first load.
        """
        return self._bank.replay(self._row, times, values, saturated=saturated, healthy=healthy, exclude=exclude)

    def track(
        self,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> dict[int, Track]:
        """As `replay`, and return for every lead the quantiles with the coverage shown by each bucket."""
        return self._bank.track(self._row, times, values, saturated=saturated, healthy=healthy, exclude=exclude)

    def update(self, time: float, value: float, *, saturated: bool = False, healthy: bool = True) -> Self:
        """Take the bucket that starts at `time` (epoch seconds); NaN = missing, a jump in time = a gap.

        Raises InvalidValue, or OutOfOrder if the bucket is not newer than the newest seen.
        """
        self._bank.update([self._row], [time], [value], saturated=[saturated], healthy=[healthy])
        return self

    def predict(self, lead: int | None = None) -> Predictive:
        """Return the distribution of the largest load in the next `lead` buckets (default: the first of spec.leads)."""
        return self._bank.predict(self._row, lead)

    def diagnostics(self, lead: int | None = None) -> Diagnostics:
        """Return how the forecasts of a lead have done."""
        return self._bank.diagnostics(self._row, lead)

    def posterior(self, lead: int | None = None) -> Posterior:
        """Return what is believed after the newest bucket: levels, dispersion, the slow regression of a lead.

        Raises NoData before the first load.
        """
        return read(*self._bank.member(self._row), self.spec.leads[0] if lead is None else lead)

    def announce(self, events: tuple[Event, ...]) -> Self:
        """Take over when known events take place, from the next bucket on; the kinds must stay those of the spec."""
        self._bank.announce(self._row, events)
        self.spec = replace(self.spec, events=events)
        return self

    def checkpoint(self) -> bytes:
        """Return the state as bytes; a forecaster restored from them goes on bit for bit as this one."""
        return self._bank.checkpoint(self._row)

    @classmethod
    def restore(cls, spec: ForecastSpec, blob: bytes, prior: Prior | None = None) -> Self:
        """Return a forecaster with a checkpoint's state; CorruptCheckpoint, NewerCheckpoint or SpecMismatch.

        The prior is in the checkpoint already, once a load has been seen; before that it has to be given again.
        """
        forecaster = cls(spec, prior)
        forecaster._bank.restore(forecaster._row, blob)
        return forecaster

    @property
    def last_time(self) -> float:
        """Start of the newest bucket seen (epoch seconds); NaN before the first."""
        return self._bank.last_time(self._row)

    @property
    def buckets_seen(self) -> int:
        """How many buckets with a load were seen."""
        return self._bank.buckets_seen(self._row)


def pool(forecasters: Iterable[Forecaster]) -> Prior:
    """Return what forecasters of like workloads have in common: the prior of the next one of their kind.

    SpecMismatch if their specs differ in more than the time zone; NoData if none has seen a load above zero.
    """
    return prior_pool.pool([member._bank.member(member._row) for member in forecasters])  # noqa: SLF001  # one module


def warm_up() -> None:
    """Compile every kernel that banks use, or load it from the cache; without it the first update does."""
    Forecaster(ForecastSpec(step_seconds=60.0, leads=(1,))).fit(60.0 * np.arange(4.0), np.ones(4))
