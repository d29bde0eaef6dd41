"""Bounded windows of time over small integers, as plain tuples of (at, value), oldest first.

An entry is inside a window while it is younger than the window is long: `at > now - seconds`. The extremes
are monotonic queues: an entry that a later one outlives and outbids can never be the extreme again and is
dropped, so a window of an hour mostly holds a handful of entries and its extreme is the first.
"""

Window = tuple[tuple[float, int], ...]


def since(window: Window, cutoff: float) -> Window:
    """Return the entries later than `cutoff`."""
    for index, (at, _) in enumerate(window):
        if at > cutoff:
            return window[index:] if index else window
    return ()


def push_highest(window: Window, now: float, value: int, seconds: float) -> Window:
    """Add `value` at `now` to a window of which the first entry is the highest of the last `seconds`."""
    kept = since(window, now - seconds)
    end = len(kept)
    while end and kept[end - 1][1] <= value:
        end -= 1
    return (*kept[:end], (now, value))


def push_lowest(window: Window, now: float, value: int, seconds: float) -> Window:
    """Add `value` at `now` to a window of which the first entry is the lowest of the last `seconds`."""
    kept = since(window, now - seconds)
    end = len(kept)
    while end and kept[end - 1][1] >= value:
        end -= 1
    return (*kept[:end], (now, value))


def total(window: Window, cutoff: float) -> int:
    """Return the sum of the values later than `cutoff`."""
    return sum(value for at, value in window if at > cutoff)
