"""What one decision hands to the next: an opaque pair of arrays that the compiled rules read and write, with names."""

from dataclasses import dataclass, field
from math import ceil, isnan

import numpy as np

from .kernels import books as ladder
from .kernels import columns as col
from .kernels.columns import Floats
from .reasons import Rung
from .types import Policy

Window = tuple[tuple[float, int], ...]
"""(at, value) of what is inside, oldest first."""

_RUNGS = tuple(Rung)
FIRST_PLACES = 8


def empty_memory() -> Floats:
    """Return the memory of a start, shape (N_MEMORY,)."""
    memory = np.full(col.N_MEMORY, np.nan)
    memory[col.RUNG] = _RUNGS.index(Rung.PREDICTIVE)
    memory[col.COUNT :] = memory[col.LAST_MOVE] = 0.0
    return memory


def empty_windows(places: int = FIRST_PLACES) -> Floats:
    """Return windows with room for so many entries each."""
    return np.zeros((col.N_WINDOWS, places, 2))


def empty_ledger(policy: Policy) -> Floats:
    """Return the ledger of steering at its start, with room for what it has to look back on; none without a budget."""
    return new_ledger(_steering_places(policy))


def new_ledger(places: int) -> Floats:
    """Return a ledger that looks back on so many decisions."""
    ledger = np.zeros(ladder.length(places))
    if places:
        books = ladder.opened(ledger)
        books.figures[ladder.AT], books.rungs[:, ladder.CURRENT] = np.nan, np.nan
    return ledger


def _steering_places(policy: Policy) -> int:
    """Return how many decisions of its prices steering looks back on, 0 without a budget."""
    if policy.budget is None:
        return 0
    longest = max(policy.budget.startup_seconds, policy.behavior.scale_down.stabilization_window_seconds)
    return ceil((longest + policy.budget.lag_seconds) / policy.budget.step_seconds) + 3


@dataclass(slots=True, eq=False)
class State:
    """Bounded by the windows and periods of `behavior`. See `kernels.columns` for memory and windows, and
    `kernels.books` for the ledger.

    An empty State is a start: stabilization begins from the replicas that run. A change asked for counts as a
    scale event once the replicas are seen to have become what was asked, at the time of asking, so that a
    refused or withheld patch uses up no allowance.
    """

    memory: Floats = field(default_factory=empty_memory)
    windows: Floats = field(default_factory=empty_windows)
    ledger: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def steering(self) -> ladder.Books:
        """What is in the ledger, to be read."""
        return ladder.opened(self.ledger)

    @property
    def rung(self) -> Rung:
        """The rung of the last decision."""
        return _RUNGS[int(self.memory.item(col.RUNG))]

    @property
    def rung_since(self) -> float | None:
        """Since when."""
        return self._time(col.RUNG_SINCE)

    @property
    def usable_at(self) -> float | None:
        """When load was last usable."""
        return self._time(col.USABLE_AT)

    @property
    def usable_since(self) -> float | None:
        """Start of the present run of usable load."""
        return self._time(col.USABLE_SINCE)

    @property
    def missing_since(self) -> float | None:
        """Start of the present outage, None once load has been steady again."""
        return self._time(col.MISSING_SINCE)

    @property
    def decided_at(self) -> float | None:
        """When the last decision was made."""
        return self._time(col.DECIDED_AT)

    @property
    def last_scale_at(self) -> float | None:
        """When the last change that came about was asked for."""
        return self._time(col.LAST_SCALE_AT)

    @property
    def price(self) -> float | None:
        """What certainly running short was last priced at, in pods; None where a quantile is promised."""
        return self._time(col.PRICE_IN_FORCE)

    @property
    def asked(self) -> tuple[float, int, int] | None:
        """A change asked for and not seen yet: when, from, to."""
        at = self._time(col.ASKED_AT)
        return None if at is None else (at, int(self.memory[col.ASKED_FROM]), int(self.memory[col.ASKED_TO]))

    @property
    def highest(self) -> Window:
        """The recommendations within the scale-down window that can still be its highest, falling."""
        return self._window(col.HIGHEST)

    @property
    def lowest(self) -> Window:
        """Those within the scale-up window that can still be its lowest, rising."""
        return self._window(col.LOWEST)

    @property
    def ups(self) -> Window:
        """Replicas added, by the time they were asked for."""
        return self._window(col.UPS)

    @property
    def downs(self) -> Window:
        """Replicas removed, likewise."""
        return self._window(col.DOWNS)

    def copy(self) -> "State":
        """Return the same to be written on, with room for one entry more in every window."""
        places, windows, ledger = self.windows.shape[1], self.windows.copy(), self.ledger
        if max(self.memory[col.COUNT :].tolist()) >= places:
            windows = empty_windows(2 * places)
            windows[:, :places] = self.windows
        return State(self.memory.copy(), windows, ledger.copy() if len(ledger) else ledger)

    def steered_by(self, policy: Policy) -> "State":
        """Return the state with the steering that a policy needs: its own if it fits, else one that begins."""
        if len(self.ledger) == ladder.length(_steering_places(policy)):
            return self
        ledger = empty_ledger(policy)
        if len(self.ledger) and len(ledger):  # another start-up time: the rings are other ones
            kept = [ladder.WEIGHT, ladder.FLEET, ladder.SHORT, ladder.AT, ladder.TARGET, ladder.BOOKED_AT]
            before, after = self.steering, ladder.opened(ledger)
            after.figures[kept] = before.figures[kept]
            after.rungs[:] = before.rungs
        return State(self.memory, self.windows, ledger)

    def with_edit(self, replicas: int, *, now: float) -> "State":
        """Return the state in which somebody's `replicas` count as recommended: they are kept as long as ours are."""
        if isnan(self.memory[col.DECIDED_AT]):
            return self  # the windows are to begin with them anyway
        edited = self.copy()
        for window, sign in ((col.HIGHEST, 1.0), (col.LOWEST, -1.0)):
            count, entries = int(edited.memory[col.COUNT + window]), edited.windows[window]
            while count and sign * entries[count - 1, 1] <= sign * replicas:
                count -= 1
            entries[count] = now, replicas
            edited.memory[col.COUNT + window] = count + 1.0
        edited.memory[col.LAST_MOVE] = 0.0
        return edited

    def with_scaling(self, before: int, replicas: int, *, now: float) -> "State":
        """Return the state in which another process of ours has set `replicas`: what the policies allow in a period
        it has used. A change that was asked for here too is booked when it is seen, and not twice.
        """
        if isnan(self.memory[col.DECIDED_AT]) or (self.asked is not None and self.asked[2] == replicas):
            return self
        return self.booked(replicas - before, at=now)

    def followed_by(self, watched: "State") -> "State":
        """Return this saved state of a leader, gone on with what another replica has `watched` since it was saved."""
        since, after = self.decided_at, self
        if since is None:
            return self
        for at, replicas in sorted({*watched.highest, *watched.lowest}):
            after = after.with_edit(replicas, now=at) if at > since else after
        changes = [*watched.ups, *((at, -pods) for at, pods in watched.downs)]
        for at, change in sorted(one for one in changes if one[0] > since):
            after = after.booked(change, at=at)
        return after

    def booked(self, change: int, *, at: float) -> "State":
        """Return the state in which so many replicas were added, or removed if negative."""
        after, window = self.copy(), col.UPS if change > 0 else col.DOWNS
        count = int(after.memory[col.COUNT + window])
        after.windows[window, count] = at, abs(change)
        after.memory[col.COUNT + window] = count + 1.0
        after.memory[[col.LAST_SCALE_AT, col.LAST_MOVE]] = at, np.sign(change)
        return after

    def resumed(self, replicas: int, *, now: float, pause_seconds: float) -> "State":
        """Return a saved state as the next decision goes on from it.

        After a pause longer than `pause_seconds` nobody knows what would have been recommended meanwhile, so the
        `replicas` that run count as recommended now; nor when load was last usable, so no outage is as old as that: it
        is as old as it was seen to be; nor what ran, so that nobody is short for it.
        """
        if self.decided_at is None or now - self.decided_at <= pause_seconds:
            return self
        after = self.with_edit(replicas, now=now)
        after.memory[[col.USABLE_AT, col.USABLE_SINCE, col.SURPRISING]] = np.nan
        after.memory[[col.MISSING_SINCE, col.RUNG_SINCE]] += now - self.decided_at
        if len(after.ledger):
            after.steering.figures[[ladder.COUNT, ladder.OWN_COUNT]] = 0.0
        return after

    def _time(self, column: int) -> float | None:
        value = self.memory.item(column)
        return None if isnan(value) else value

    def _window(self, window: int) -> Window:
        entries = self.windows[window, : int(self.memory[col.COUNT + window])]
        return tuple((float(at), int(value)) for at, value in entries)
