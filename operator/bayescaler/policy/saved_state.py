"""The state of decisions as plain numbers by name, and back: what a saved state holds of it.

Times become whole milliseconds; of a window the first, then the differences, and of pods likewise. Steering's scratch
is left out. Names stand for columns, so that a column more or elsewhere makes no other format.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import isfinite, isnan, nan
from typing import Any

import numpy as np

from .kernels import books as ladder
from .kernels import columns as col
from .kernels.columns import Floats
from .reasons import Rung
from .state import FIRST_PLACES, State, empty_memory, empty_windows, new_ledger

Plain = dict[str, Any]
Series = list[list[int]]

MEMORY = {
    "rung": col.RUNG, "rungSince": col.RUNG_SINCE, "usableAt": col.USABLE_AT, "usableSince": col.USABLE_SINCE,
    "missingSince": col.MISSING_SINCE, "decidedAt": col.DECIDED_AT, "lastScaleAt": col.LAST_SCALE_AT,
    "askedAt": col.ASKED_AT, "askedFrom": col.ASKED_FROM, "askedTo": col.ASKED_TO, "lastMove": col.LAST_MOVE,
    "surprising": col.SURPRISING, "toldAt": col.TOLD_AT, "surprisedAt": col.SURPRISED_AT,
    "price": col.PRICE_IN_FORCE,
}  # fmt: skip
OF_THE_LOAD = (col.SURPRISING, col.TOLD_AT, col.SURPRISED_AT, col.PRICE_IN_FORCE)
WINDOWS = {"highest": col.HIGHEST, "lowest": col.LOWEST, "ups": col.UPS, "downs": col.DOWNS}
FIGURES = {
    "at": ladder.AT,
    "weight": ladder.WEIGHT,
    "fleet": ladder.FLEET,
    "short": ladder.SHORT,
    "target": ladder.TARGET,
    "capacity": ladder.BOOKED_AT,
}
SUMS = {"rate": ladder.RATE, "pods": ladder.PODS, "current": ladder.CURRENT, "moved": ladder.MOVED}
MOST_ENTRIES = 20_000


def plain(state: State) -> Plain:
    """Return the state as JSON can hold it."""
    memory = {name: number(state.memory[column]) for name, column in MEMORY.items()}
    windows = {
        name: series(state.windows[window, : int(state.memory[col.COUNT + window])])
        for name, window in WINDOWS.items()
    }  # fmt: skip
    told: Plain = {"memory": {name: value for name, value in memory.items() if value is not None}, "windows": windows}
    if len(state.ledger):
        told["steering"] = _plain_steering(state.steering)
    return told


def state_of(told: Mapping[str, Any]) -> State:
    """Return the state again; raises what comes of a form that is not `plain`'s (Key-, Type-, Index-, ValueError)."""
    memory = empty_memory()
    for name, value in told["memory"].items():
        if name in MEMORY and not isfinite(float(value)):
            raise ValueError(f"{name} is {value}")
        if name in MEMORY:
            memory[MEMORY[name]] = float(value)
    if memory[col.RUNG] not in range(len(Rung)):
        raise ValueError(f"there is no rung {memory[col.RUNG]}")
    entries = {window: _array(told["windows"][name]) for name, window in WINDOWS.items()}
    windows = empty_windows(max(FIRST_PLACES, 1 + max(map(len, entries.values()))))
    for window, known in entries.items():
        windows[window, : len(known)] = known
        memory[col.COUNT + window] = len(known)
    if not isnan(memory[col.DECIDED_AT]) and not (len(entries[col.HIGHEST]) and len(entries[col.LOWEST])):
        raise ValueError("a decision was made, and no recommendation is remembered")
    state = State(memory, windows)
    return state if (ledger := ledger_of(told)) is None else State(memory, windows, ledger)


def ledger_of(told: Mapping[str, Any]) -> Floats | None:
    """Return what `plain` told of steering, None where it told nothing; raises as `state_of` does."""
    return _ledger(told["steering"]) if "steering" in told else None


def of_another_load(state: State) -> State:
    """Return what stays of a state when numbers of the load mean something else: what is counted in pods and time."""
    memory = state.memory.copy()
    memory[list(OF_THE_LOAD)] = nan
    return State(memory, state.windows)


def coarser(told: Plain) -> bool:
    """Give up what a saved state misses least, in place; False where there is nothing left to give up."""
    steering = told.get("steering", {})
    if "asked" in steering:
        del steering["asked"], steering["wanted"]
        return True
    if "own" in steering:
        del steering["own"]
        return True
    name = max(told["windows"], key=lambda one: len(told["windows"][one][0]))
    entries = _array(told["windows"][name])
    if len(entries) < 3:
        return False
    told["windows"][name] = series(_halved(entries, WINDOWS[name]))
    return True


def _halved(entries: Floats, window: int) -> Floats:
    """Join neighbours, all but the newest, so that never fewer pods run for it.

    The higher recommendation is held until the later one ends, the lower one until it ends itself; what was added is
    forgotten with the first, what was removed with the last.
    """
    pairs = entries[: (len(entries) - 1) // 2 * 2].reshape(-1, 2, 2)
    rest = entries[2 * len(pairs) :]
    at = pairs[:, 1 if window in (col.HIGHEST, col.DOWNS) else 0, 0]
    pods = pairs[:, 0, 1] if window in (col.HIGHEST, col.LOWEST) else pairs[:, :, 1].sum(axis=1)
    joined = np.stack((at, pods), axis=1)
    return np.concatenate((joined, rest))


def number(value: float) -> float | int | None:
    """Return a number as JSON can hold it: whole ones without a point, None for NaN and infinity."""
    value = float(value)
    if not isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def series(entries: Floats) -> Series:
    """Return (n, 2) of (time, pods), oldest first, as differences of milliseconds and of pods."""
    return [_differences(np.rint(1000.0 * entries[:, 0])), _differences(entries[:, 1])]


def _differences(values: Floats) -> list[int]:
    whole = [round(value) for value in values.tolist()]
    return [after - before for before, after in zip([0, *whole], whole, strict=False)]


def _array(told: Sequence[Sequence[int]]) -> Floats:
    times, pods = told
    if len(times) != len(pods) or len(times) > MOST_ENTRIES:
        raise ValueError(f"{len(times)} times of {len(pods)} entries")
    found = np.array([[at / 1000.0 for at in accumulate(times)], list(accumulate(pods))], dtype=np.float64).T
    return found.reshape(-1, 2)


def _plain_steering(steering: ladder.Books) -> Plain:
    figures, own = steering.figures, steering.own[: int(steering.figures[ladder.OWN_COUNT])]
    count, room = int(figures[ladder.COUNT]), len(steering.asked)
    order = (int(figures[ladder.PLACE]) - count + np.arange(count)) % room
    asked, wanted = steering.asked[order], steering.wanted[order]
    return {
        "figures": {name: number(figures[column]) for name, column in FIGURES.items()},
        "rungs": {name: [number(n) for n in steering.rungs[:, column]] for name, column in SUMS.items()},
        "room": room,
        "asked": [_differences(1000.0 * asked[:, 0]), *(_differences(column) for column in asked[:, 1:].T)],
        "wanted": [_differences(column) for column in wanted.T],
        "own": series(own),
    }


def _ledger(told: Mapping[str, Any]) -> Floats:
    room = int(told["room"])
    if not 0 < room <= MOST_ENTRIES:
        raise ValueError(f"steering that looks back on {room} decisions")
    ledger = new_ledger(room)
    figures, rungs, asked, wanted, own = ladder.opened(ledger)
    for name, column in FIGURES.items():
        figures[column] = _known(told["figures"][name])
    for name, column in SUMS.items():
        rungs[:, column] = [_known(value) for value in told["rungs"][name]]
    count = len(told["asked"][0]) if "asked" in told else 0
    if count > room:
        raise ValueError(f"{count} decisions where there is room for {room}")
    if count:
        asked[:count] = np.array([list(accumulate(column)) for column in told["asked"]], dtype=np.float64).T
        asked[:count, 0] /= 1000.0
        wanted[:count] = np.array([list(accumulate(column)) for column in told["wanted"]], dtype=np.float64).T
    figures[ladder.COUNT], figures[ladder.PLACE] = count, count % room
    known = _array(told.get("own", ((), ())))[-ladder.OWN_PLACES :]
    own[: len(known)] = known
    figures[ladder.OWN_COUNT] = len(known)
    return ledger


def _known(value: float | None) -> float:
    return nan if value is None else float(value)
