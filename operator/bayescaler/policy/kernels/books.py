"""What steering by a budget remembers: the columns of its books, and where they lie in one array."""

from typing import NamedTuple

import numpy as np

from .columns import Floats

RUNGS = np.array([0.2, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384])  # prices, in fleets
N_RUNGS = len(RUNGS)
DAY = 86400.0
AIM = 0.85  # of the budget: what is held in the mean, so that the budget is held in most places
GUESS_SECONDS = 0.25 * DAY  # weight of the guess of what a price holds
AFFORDABLE = 10.0  # fleets that removing the whole budget may cost

# figures; WEIGHT, FLEET and SHORT are sums of buckets that forget. BOOKED_AT: what a pod served when they were
AT, WEIGHT, FLEET, SHORT, PLACE, COUNT, OWN_COUNT, TARGET, BOOKED_AT = range(9)
N_FIGURES = 9
# rungs, (N_RUNGS, 7): sums of the time short and of the pods; what runs and its last move; the best bets on lead and
# window, and the cost of the one being looked for
RATE, PODS, CURRENT, MOVED, NEXT, BET, COST = range(7)
N_RUNG = 7
OWN_PLACES = 64
N_ASKED, N_OWN = 1 + N_RUNGS, 2
_RUNGS_END = N_FIGURES + N_RUNGS * N_RUNG
_OWN_END = _RUNGS_END + OWN_PLACES * N_OWN
_PLACE = N_ASKED + N_RUNGS


class Books(NamedTuple):
    """What steering by a budget remembers, as views of one array; all empty without one.

    figures: (N_FIGURES,). rungs: (N_RUNGS, N_RUNG). asked: (k, 1 + N_RUNGS), a ring of when a decision took effect and
    the pods each price asked for. wanted: (k, N_RUNGS), what each would have had without stabilization. own: (m, 2),
    when what runs changed and to what.
    """

    figures: Floats
    rungs: Floats
    asked: Floats
    wanted: Floats
    own: Floats


def length(places: int) -> int:
    """Return how long the array is that looks back on so many decisions."""
    return _OWN_END + places * _PLACE if places else 0


def opened(flat: Floats) -> Books:
    """Return the parts of the array."""
    places = max((len(flat) - _OWN_END) // _PLACE, 0)
    asked_end = _OWN_END + places * N_ASKED
    return Books(
        flat[:N_FIGURES],
        flat[N_FIGURES:_RUNGS_END].reshape((-1, N_RUNG)),
        flat[_OWN_END:asked_end].reshape((-1, N_ASKED)),
        flat[asked_end:].reshape((-1, N_RUNGS)),
        flat[_RUNGS_END:_OWN_END].reshape((-1, N_OWN)),
    )
