"""Maximum over the last buckets in amortised O(1): a queue of falling values (Lemire 2006).

The queue of one unit is values[first : first + size], with the clock of each value in `at`; it spans size - 1 buckets.
"""

import math

from .jit import kernel
from .state import HEAD, TAIL, Floats, Integers


@kernel
def push(values: Floats, at: Integers, first: int, size: int, marks: Integers, clock: int, value: float) -> None:
    """Append the value of bucket `clock`, dropping all that it dominates."""
    head = marks[HEAD]
    tail = marks[TAIL]
    while tail > head and values[first + (tail - 1) % size] <= value:
        tail -= 1
    values[first + tail % size] = value
    at[first + tail % size] = clock
    marks[TAIL] = tail + 1


@kernel
def peak(values: Floats, at: Integers, first: int, size: int, marks: Integers, clock: int) -> float:
    """Drop what is older than the window that ends at `clock` and return the maximum; NaN for an empty window."""
    head = marks[HEAD]
    tail = marks[TAIL]
    while head < tail and at[first + head % size] <= clock - (size - 1):
        head += 1
    marks[HEAD] = head
    return values[first + head % size] if head < tail else math.nan
