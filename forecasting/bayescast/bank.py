"""N workloads of one shape as structure of arrays: one kernel call a tick, whatever N."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checkpoint, events, gaps, prior_pool, seasons
from .diagnostics import Diagnostics, Shown, Track, report, shown_at, track_of
from .errors import InvalidSpec, InvalidValue, NoData, OutOfOrder, SpecMismatch
from .events import Event
from .inputs import Ranges, checked, excluded, numbers
from .kernels import memory as mem
from .kernels import state as st
from .kernels.advance import advance
from .predictive import GRID, LEVELS, Predictive
from .prior import Prior, plan_of
from .prior_plant import Waiting
from .rows import Rows
from .spec import Family, ForecastSpec, Kind

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Bank:
    """Forecasters of many workloads that share step, leads, seasons and settings; kind, family and zone go by row.

    Rows are numbers handed out by `add` and reused after `remove`. Not safe for use from several threads at once.
    """

    def __init__(self, shape: ForecastSpec, capacity: int = 16) -> None:
        """Make room for `capacity` workloads; the bank grows by doubling."""
        self.shape = shape
        _, slots, visits = seasons.layout(shape.step_seconds, shape.seasons)
        hour_slots = seasons.hour_slots(shape.step_seconds)
        self._slots = np.array([*slots, hour_slots], dtype=np.int64)
        self._slot_seconds = shape.step_seconds * np.array([*visits, 1], dtype=np.float64)
        self._plan = plan_of(shape)
        self._fixed = (mem.plan_record(self._plan), mem.settings_record(shape.settings), mem.make_scratch())
        self._memory = mem.allocate(max(1, capacity), self._plan)
        self._state = mem.named(self._memory, self._plan)
        self._last_time = np.full(max(1, capacity), np.nan)
        self._rows = Rows(max(1, capacity))
        self._zone = np.zeros(max(1, capacity), dtype=np.int64)
        self._zone_names = ["UTC"]
        self._waiting = Waiting(max(1, capacity))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def bytes_per_row(self) -> int:
        """Memory of one workload's state."""
        return sum(array.nbytes for array in self._memory) // len(self._rows.specs)

    def add(self, spec: ForecastSpec, prior: Prior | None = None) -> int:
        """Return the row of a new workload; it starts from the prior, if one is given, with its first load.

        SpecMismatch if its step, leads, seasons or settings are not the bank's, or its spec is not the prior's.
        """
        if prior is not None:
            prior.check(spec)
        if differing := self.shape.differences(spec, shape_only=True):
            raise SpecMismatch(f"the workload's {', '.join(differing)} are not this bank's: keep a bank for each shape")
        if self._rows.full:
            self._grow()
        row = self._rows.give(spec)
        if spec.time_zone not in self._zone_names:
            self._zone_names.append(spec.time_zone)
        self._zone[row] = self._zone_names.index(spec.time_zone)
        self._waiting.give(row, prior)
        self._clear(row)
        return row

    def announce(self, row: int, announced: tuple[Event, ...]) -> None:
        """Take over when known events take place; the kinds must stay those of the spec."""
        spec = replace(self._rows.spec(row), events=announced)
        if spec.event_names != self.shape.event_names:
            raise SpecMismatch(f"events are {spec.event_names}, the spec's {self.shape.event_names}: keep the kinds")
        self._rows.specs[row] = spec

    def remove(self, row: int) -> None:
        """Forget a workload; its row is reused."""
        self._rows.take_back(row)
        self._last_time[row] = np.nan

    def fit(
        self,
        row: int,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> None:
        """Clear a workload and replay a history: (n,) bucket starts (epoch seconds, rising), loads (NaN = missing).

        exclude: ranges of time, (start, end) in epoch seconds; no bucket that reaches into one is believed.
        """
        self._replay(row, times, values, saturated, healthy, exclude, keep=0)

    def replay(
        self,
        row: int,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> dict[int, Floats]:
        """As `fit`, and return by lead the (n, levels) quantiles issued after each bucket; NaN before the first."""
        issued, _ = self._replay(row, times, values, saturated, healthy, exclude, keep=1)
        return {lead: np.ascontiguousarray(issued[:, i]) for i, lead in enumerate(self.shape.leads)}

    def track(
        self,
        row: int,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
        exclude: Ranges = (),
    ) -> dict[int, Track]:
        """As `replay`, with what had been shown by each bucket."""
        issued, shown = self._replay(row, times, values, saturated, healthy, exclude, keep=2)
        return {lead: track_of(issued[:, i], shown[:, i]) for i, lead in enumerate(self.shape.leads)}

    def update(
        self,
        rows: ArrayLike,
        times: ArrayLike,
        values: ArrayLike,
        *,
        saturated: ArrayLike | None = None,
        healthy: ArrayLike | None = None,
    ) -> None:
        """Take one bucket of each of `rows`: (n,) rows, bucket starts (epoch seconds), loads (NaN = missing).

        A jump in time is a gap of missing buckets. saturated: the load is a lower bound of what was asked for.
        healthy False: the load is not believed, as if missing. OutOfOrder and InvalidValue are raised before anything
        changes; every row must come once.
        """
        rows_, times_ = self._rows.checked(rows), numbers(times, "times")
        values_, saturated_ = checked(times_, values, saturated, healthy)
        if rows_.shape != times_.shape:
            raise InvalidValue(f"rows has shape {rows_.shape}, times {times_.shape}: give one time a row")
        ahead = np.rint((times_ - self._last_time[rows_]) / self.shape.step_seconds)
        ahead[np.isnan(ahead)] = 1.0
        if (late := np.flatnonzero(ahead < 1)).size:
            i = int(late[0])
            raise OutOfOrder(
                f"row {rows_[i]}: bucket {times_[i]:.0f} is not newer than the newest seen, "
                f"{self._last_time[rows_[i]]:.0f} ({late.size} such): send each bucket once, oldest first"
            )
        self._last_time[rows_] = times_
        if np.all(ahead == 1):
            self._advance(rows_, times_, values_, saturated_)
        else:
            index, when, passed_over = gaps.fill(times_, ahead, self.shape)
            self._state.scalars[rows_, st.ALARM_AT] -= passed_over
            filled = np.where(when == times_[index], values_[index], np.nan)
            self._advance(rows_[index], when, filled, saturated_[index])

    def quantiles(self, rows: ArrayLike, lead: int | None = None) -> Floats:
        """Return the (n, levels) quantiles at LEVELS issued after the newest bucket of each row; NaN without data."""
        rows_ = self._rows.checked(rows)
        issued: Floats = self._state.by_level[rows_ * len(self.shape.leads) + self._lead_index(lead), st.SAID]
        issued[self._state.marks[rows_, st.SEEN] == 0] = np.nan
        return issued

    def predict(self, row: int, lead: int | None = None) -> Predictive:
        """Return the distribution of the largest load in the next `lead` buckets (default: the first of the leads)."""
        index, family = self._lead_index(lead), self.family(row)
        if not self._state.marks.item(row, st.SEEN):
            raise NoData(f"row {row} has seen no load yet: fit its history or update it first")
        leads, step_seconds = self.shape.leads, self.shape.step_seconds
        values = self._state.by_level[row * len(leads) + index, st.SAID].copy()
        issued_at = self._last_time.item(row) + step_seconds
        return Predictive(GRID, values, leads[index], step_seconds, issued_at, family)

    def diagnostics(self, row: int, lead: int | None = None) -> Diagnostics:
        """Return how one workload's forecasts have done."""
        spec = self._rows.spec(row)
        return report(st.row_of(self._state, row), self._lead_index(lead), spec, float(self._last_time[row]))

    def shown(self, row: int, level: float, lead: int | None = None) -> Shown:
        """Return of the diagnostics what one of LEVELS has shown, at a tenth of the cost."""
        self._rows.spec(row)
        unit = row * len(self.shape.leads) + self._lead_index(lead)
        last_time, step_seconds = self._last_time.item(row), self.shape.step_seconds
        return shown_at(self._state, row, unit, level, step_seconds=step_seconds, last_time=last_time)

    def pool(self, rows: ArrayLike) -> Prior:
        """Return what these workloads have in common: the prior of the next one of their kind.

        SpecMismatch if they differ in kind or family; NoData if none has seen a load above zero.
        """
        return prior_pool.pool([self.member(row) for row in self._rows.checked(rows).tolist()])

    def member(self, row: int) -> prior_pool.Member:
        """Return the spec of a workload and a view of its state, as members of a group are pooled."""
        return self._rows.spec(row), st.row_of(self._state, row)

    def checkpoint(self, row: int) -> bytes:
        """Return a workload's state as bytes that `restore` takes."""
        return checkpoint.pack(self._rows.spec(row), float(self._last_time[row]), self._row(row))

    def restore(self, row: int, blob: bytes) -> None:
        """Take over a checkpoint of the same spec.

        CorruptCheckpoint, NewerCheckpoint or SpecMismatch leave the row as it is.
        """
        last_time, arrays = checkpoint.unpack(self._rows.spec(row), blob, self._row(row))
        self._last_time[row] = last_time
        own = self._row(row)
        for name, array in arrays.items():
            own[name][...] = array
        self._waiting.clear(row, len(self._rows.specs))

    def last_time(self, row: int) -> float:
        """Return the start of the newest bucket seen (epoch seconds); NaN before the first."""
        self._rows.spec(row)
        return float(self._last_time[row])

    def buckets_seen(self, row: int) -> int:
        """Return how many buckets with a load were seen."""
        self._rows.spec(row)
        return int(self._state.marks[row, st.SEEN])

    def family(self, row: int) -> Family:
        """Return the likelihood in use; Auto changes it when the other has erred less for a while."""
        self._rows.spec(row)
        return Family.GAUSSIAN if self._state.marks.item(row, st.GAUSSIAN) else Family.POISSON_GAMMA

    def _replay(
        self,
        row: int,
        times: ArrayLike,
        values: ArrayLike,
        saturated: ArrayLike | None,
        healthy: ArrayLike | None,
        exclude: Ranges,
        *,
        keep: int,
    ) -> tuple[Floats, Floats]:
        """Clear, check and run a history; return what `_advance` keeps, a row for every bucket given."""
        self._rows.spec(row)
        times_ = numbers(times, "times")
        left_out = excluded(times_, self.shape.step_seconds, exclude)
        values_, saturated_ = checked(times_, values, saturated, healthy, left_out)
        ahead = gaps.ahead_of(times_, self.shape.step_seconds)
        self._clear(row)
        index, when, passed_over = gaps.fill(times_, ahead, self.shape)
        given = when == times_[index]
        rows = np.full(len(index), row, dtype=np.int64)
        filled = np.where(given, values_[index], np.nan)
        issued, shown = self._advance(rows, when, filled, saturated_[index], keep=keep)
        if len(times_):
            self._last_time[row] = times_[-1]
            self._set_back_alarm(row, index, passed_over)
        known = np.flatnonzero(~np.isnan(values_))
        unknown = known[0] if known.size else len(times_)
        issued = issued[given] if keep > 0 else issued
        shown = shown[given] if keep > 1 else shown
        issued[:unknown], shown[:unknown] = np.nan, 0.0
        return issued, shown

    def _set_back_alarm(self, row: int, index: NDArray[np.int64], passed_over: Floats) -> None:
        """Add what was passed over since to the age of the alarm that a history ends with, in entered buckets."""
        age = self._state.marks[row, st.CLOCK] - self._state.scalars[row, st.ALARM_AT]
        if not np.isnan(age):
            declared = index[len(index) - 1 - int(age)]
            self._state.scalars[row, st.ALARM_AT] -= passed_over[declared + 1 :].sum()

    def _advance(
        self, rows: NDArray[np.int64], times: Floats, values: Floats, saturated: Flags, *, keep: int = 0
    ) -> tuple[Floats, Floats]:
        """Run buckets through the kernel; return what is kept of each, or nothing.

        keep 1: the (n, leads, levels) quantiles issued; 2: also (n, leads, N_SHOWN) what was shown by then.
        """
        offsets = seasons.offsets_of(self._zone_names, self._zone[rows], times)
        slots = seasons.slots_of(times, offsets, self._slot_seconds, self._slots)
        if self.shape.events:
            bits = events.bits_by_row(self._rows.specs, rows, times, st.NOW)
            slots = np.concatenate([slots, bits], axis=1)
        self._waiting.plant(self._state, self._plan, self._rows.specs, rows, slots, values)
        issued = np.empty((len(rows) if keep > 0 else 0, len(self.shape.leads), len(LEVELS)))
        shown = np.empty((len(rows) if keep > 1 else 0, len(self.shape.leads), st.N_SHOWN))
        advance(self._memory, *self._fixed, rows, slots, values, saturated, issued, shown)
        return issued, shown

    def _clear(self, row: int) -> None:
        """Set a row to the prior of its spec."""
        spec = self._rows.spec(row)
        st.clear(self._state, row, spec.settings)
        self._state.marks[row, st.GAUSSIAN] = spec.resolved_family is Family.GAUSSIAN
        self._state.marks[row, st.FAMILY_OPEN] = spec.family is Family.AUTO
        self._state.marks[row, st.COUNTS] = spec.kind is Kind.COUNT
        self._state.marks[row, st.BOUNDABLE] = st.WHOLE if spec.kind is Kind.GAUGE else 0
        self._last_time[row] = np.nan
        self._waiting.clear(row, len(self._rows.specs))

    def _row(self, row: int) -> dict[str, NDArray[np.generic]]:
        """Return one row of every state array."""
        return st.row_of(self._state, row)._asdict()

    def _lead_index(self, lead: int | None) -> int:
        """Return the place of a lead in the spec."""
        if lead is None:
            return 0
        if lead not in self.shape.leads:
            raise InvalidSpec(f"lead = {lead!r} buckets is not one of the spec's leads {self.shape.leads}")
        return self.shape.leads.index(lead)

    def _grow(self) -> None:
        """Double the capacity."""
        old = len(self._rows.specs)
        grown = mem.allocate(2 * old, self._plan)
        for name, present in self._memory._asdict().items():
            getattr(grown, name)[: len(present)] = present
        self._memory, self._state = grown, mem.named(grown, self._plan)
        self._last_time = np.concatenate([self._last_time, np.full(old, np.nan)])
        self._zone = np.concatenate([self._zone, np.zeros(old, dtype=np.int64)])
        self._rows.double()
