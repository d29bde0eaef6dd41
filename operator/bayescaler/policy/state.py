"""What one decision hands to the next: an opaque pair of arrays that the compiled rules read and write, with names."""

from dataclasses import dataclass, field
from math import ceil, isnan

import numpy as np

from .kernels import columns as col
from .kernels import steering as ladder
from .kernels.columns import Floats, Steering
from .reasons import Rung
from .types import Policy

Window = tuple[tuple[float, int], ...]
"""(at, value) of what is inside, oldest first."""

_RUNGS = tuple(Rung)
FIRST_PLACES = 8
OWN_PLACES = 64


def empty_memory() -> Floats:
    """Return the memory of a start, shape (N_MEMORY,)."""
    memory = np.full(col.N_MEMORY, np.nan)
    memory[col.RUNG] = _RUNGS.index(Rung.PREDICTIVE)
    memory[col.COUNT :] = memory[col.LAST_MOVE] = 0.0
    return memory


def empty_windows(places: int = FIRST_PLACES) -> Floats:
    """Return windows with room for so many entries each."""
    return np.zeros((col.N_WINDOWS, places, 2))


def empty_steering(policy: Policy) -> Steering:
    """Return steering at its start: with room for what it has to look back on, or none without a budget."""
    places = _steering_places(policy)
    if not places:
        return _NOT_STEERED
    figures, rungs = np.zeros(ladder.N_FIGURES), np.zeros((ladder.N_RUNGS, ladder.N_RUNG))
    figures[ladder.AT], rungs[:, ladder.CURRENT] = np.nan, np.nan
    asked, wanted = np.zeros((places, 1 + ladder.N_RUNGS)), np.zeros((places, ladder.N_RUNGS))
    return Steering(figures, rungs, asked, wanted, np.zeros((OWN_PLACES, 2)))


def _steering_places(policy: Policy) -> int:
    """Return how many decisions of its prices steering looks back on, 0 without a budget."""
    if policy.budget is None:
        return 0
    longest = max(policy.budget.startup_seconds, policy.behavior.scale_down.stabilization_window_seconds)
    return ceil((longest + policy.budget.lag_seconds) / policy.budget.step_seconds) + 3


_NOT_STEERED = Steering(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Bounded by the windows and periods of `behavior`. See `kernels.columns` for memory and windows.

    An empty State is a start: stabilization begins from the replicas that run. A change asked for counts as a
    scale event once the replicas are seen to have become what was asked, at the time of asking, so that a
    refused or withheld patch uses up no allowance.
    """

    memory: Floats = field(default_factory=empty_memory)
    windows: Floats = field(default_factory=empty_windows)
    steering: Steering = _NOT_STEERED

    @property
    def rung(self) -> Rung:
        """The rung of the last decision."""
        return _RUNGS[int(self.memory[col.RUNG])]

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
        windows = self.windows.copy()
        if self.memory[col.COUNT :].max() >= windows.shape[1]:
            windows = empty_windows(2 * windows.shape[1])
            windows[:, : self.windows.shape[1]] = self.windows
        steering = (
            self.steering if self.steering is _NOT_STEERED else Steering(*(part.copy() for part in self.steering))
        )
        return State(self.memory.copy(), windows, steering)

    def steered_by(self, policy: Policy) -> "State":
        """Return the state with the steering that a policy needs: its own if it fits, else one that begins."""
        if len(self.steering.asked) == _steering_places(policy):
            return self
        wanted = empty_steering(policy)
        if len(self.steering.figures) and len(wanted.figures):  # another start-up time: the rings are other ones
            kept = [ladder.WEIGHT, ladder.FLEET, ladder.SHORT, ladder.AT, ladder.TARGET, ladder.BOOKED_AT]
            wanted.figures[kept] = self.steering.figures[kept]
            wanted.rungs[:] = self.steering.rungs
        return State(self.memory, self.windows, wanted)

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
        after, change = self.copy(), replicas - before
        window = col.UPS if change > 0 else col.DOWNS
        count = int(after.memory[col.COUNT + window])
        after.windows[window, count] = now, abs(change)
        after.memory[col.COUNT + window] = count + 1.0
        after.memory[col.LAST_SCALE_AT] = now
        after.memory[col.LAST_MOVE] = float(np.sign(change))
        return after

    def resumed(self, replicas: int, *, now: float, pause_seconds: float) -> "State":
        """Return a saved state as the next decision goes on from it.

        After a pause longer than `pause_seconds` nobody knows what would have been recommended meanwhile, so the
        `replicas` that run count as recommended now; nor when load was last usable, so no outage is as old as that: it
        is as old as it was seen to be.
        """
        if self.decided_at is None or now - self.decided_at <= pause_seconds:
            return self
        after = self.with_edit(replicas, now=now)
        after.memory[[col.USABLE_AT, col.USABLE_SINCE]] = np.nan
        after.memory[[col.MISSING_SINCE, col.RUNG_SINCE]] += now - self.decided_at
        return after

    def _time(self, column: int) -> float | None:
        value = float(self.memory[column])
        return None if isnan(value) else value

    def _window(self, window: int) -> Window:
        entries = self.windows[window, : int(self.memory[col.COUNT + window])]
        return tuple((float(at), int(value)) for at, value in entries)
