"""Known events (a holiday, a sale): what of them lies in a bucket, and in the window that follows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidSpec

if TYPE_CHECKING:
    from .spec import ForecastSpec

MAX_EVENTS = 4


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event and when it takes place.

    ranges: (start, end) in epoch seconds, the end not included, past and future ones alike. InvalidSpec names what is
    wrong. The forecaster learns by how much a kind raises or lowers the load; one that was never seen changes nothing.
    """

    name: str
    ranges: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidSpec("events: give every kind of event a name")
        try:
            ranges = tuple((float(start), float(end)) for start, end in self.ranges)
        except (TypeError, ValueError) as error:
            raise InvalidSpec(f"events: {self.name!r} has ranges {self.ranges!r}: give (start, end) pairs") from error
        for start, end in ranges:
            if not -np.inf < start < end < np.inf:
                raise InvalidSpec(
                    f"events: {self.name!r} from {start!r} to {end!r}: give epoch seconds, start before end"
                )
        object.__setattr__(self, "ranges", tuple(sorted(ranges)))

    def reaches(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each interval [start, end) reaches into the event."""
        begun = np.searchsorted(np.array([r[0] for r in self.ranges]), end, side="left")
        over = np.searchsorted(np.sort(np.array([r[1] for r in self.ranges])), start, side="right")
        return np.asarray(begun > over)


def bits(
    events: Sequence[Event], times: NDArray[np.float64], step_seconds: float, leads: Sequence[int], now_bit: int
) -> NDArray[np.int32]:
    """Return (n, leads) bits of buckets that start at `times`.

    Bit k says that event k is on in the window that follows, bit now_bit + k that it is on in the bucket itself.
    """
    found = np.zeros((len(times), len(leads)), dtype=np.int32)
    ends = times + step_seconds
    for k, event in enumerate(events):
        now = event.reaches(times, ends).astype(np.int32) << (now_bit + k)
        for i, lead in enumerate(leads):
            found[:, i] |= now | (event.reaches(ends, ends + lead * step_seconds).astype(np.int32) << k)
    return found


def bits_by_row(
    specs: Sequence["ForecastSpec | None"], rows: NDArray[np.int64], times: NDArray[np.float64], now_bit: int
) -> NDArray[np.int32]:
    """Return `bits` of buckets of several workloads of one shape, bucket i being of specs[rows[i]]."""
    order = np.argsort(rows, kind="stable")
    present, starts = np.unique(rows[order], return_index=True)
    found: NDArray[np.int32] | None = None
    for row, (first, end) in zip(present.tolist(), pairwise([*starts, len(order)]), strict=True):
        own, spec = order[first:end], specs[row]
        if spec is None:
            continue
        part = bits(spec.events, times[own], spec.step_seconds, spec.leads, now_bit)
        found = np.zeros((len(rows), len(spec.leads)), dtype=np.int32) if found is None else found
        found[own] = part
    return np.zeros((len(rows), 0), dtype=np.int32) if found is None else found
