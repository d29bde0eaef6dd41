"""The worst moments of a replay: when load was not served, by how much, and which decision had to prevent it."""

from dataclasses import dataclass

import numpy as np

from .scenario import Scenario
from .service import Played

MOMENTS = 10
APART_SECONDS = 300.0  # what is no further apart is one moment


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of judged time with load above what the ready pods serve.

    start, end: epoch seconds, of which `short_seconds` were short. unserved: load times seconds. peak_load, ready: at
    the worst step. decided: the decision that its first pods hung on, a start-up time before; answered: the one at
    its start. Both are places among the scenario's instants.
    """

    start: float
    end: float
    short_seconds: float
    unserved: float
    peak_load: float
    ready: int
    decided: int
    answered: int


def worst(scenario: Scenario, played: Played, *, most: int = MOMENTS) -> list[Moment]:
    """Return the moments of a timeline played by `scenario.play` with the most unserved load, worst first."""
    short, step = played.short, played.step_seconds
    at = np.flatnonzero(short > 0.0)
    if not len(at):
        return []
    apart = np.flatnonzero(np.diff(at) * step > APART_SECONDS) + 1
    runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(at, apart)]
    runs.sort(key=lambda run: -float(short[run[0] : run[1]].sum()))
    return [_moment(scenario, played, *run) for run in runs[:most]]


def _moment(scenario: Scenario, played: Played, first: int, end: int) -> Moment:
    short, step = played.short[first:end], played.step_seconds
    peak = first + int(np.argmax(short))
    begun = (scenario.first_judged + first) * step  # seconds from the start of the scenario
    lead = scenario.start_up.quantile(0.9)
    return Moment(
        start=scenario.start + begun,
        end=scenario.start + begun + (end - first) * step,
        short_seconds=int((short > 0.0).sum()) * step,
        unserved=float(short.sum()) * step,
        peak_load=float(played.load[peak]),
        ready=int(played.ready[peak]),
        decided=_decision_at(scenario, begun - lead),
        answered=_decision_at(scenario, begun),
    )


def _decision_at(scenario: Scenario, seconds: float) -> int:
    """Return the place of the newest decision so many seconds after the start."""
    place = int(seconds / scenario.interval_seconds + 1e-9)
    return min(max(place, 0), len(scenario.instants) - 1)
