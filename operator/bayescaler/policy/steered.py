"""What steering by a budget has come to, in plain numbers: time short, the price now, what others would have done."""

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from .kernels import books as ladder
from .kernels.columns import ROUNDING
from .state import State
from .types import Policy

TOLD_RUNGS = 5
_RUNGS: list[float] = ladder.RUNGS.tolist()


class Cap(StrEnum):
    """What keeps a price from being as high as its target asks for.

    AFFORDABLE: removing all that is short may cost no more than ten fleets. DEAREST: not even the dearest price holds
    the target, so that more replicas are of no use or not to be had.
    """

    AFFORDABLE = "Affordable"
    DEAREST = "Dearest"


class Rung(NamedTuple):
    """One price (replicas) on the load as it came: the share of time it would have been short, its mean replicas."""

    price: float
    short: float
    replicas: float


class Steered(NamedTuple):
    """Shares are of the time, which is forgotten by the days; `seconds` is how much of it counts.

    `spent` is our own share, `target` the one that the price is read off the ladder for, `cap` what keeps the price
    below what that asks for. Of the ladder the rungs around the price are told, cheapest first.
    """

    budget: float
    spent: float
    target: float
    price: float
    seconds: float | None = None
    ladder: tuple[Rung, ...] = ()
    cap: Cap | None = None

    @property
    def burn_rate(self) -> float:
        """Spent over budget: above 1 more than the budget is spent."""
        return self.spent / self.budget


def spent(state: State) -> float | None:
    """Return the share of time that was short of late; None without a budget, or before its first bucket."""
    figures = state.ledger[: ladder.N_FIGURES].tolist()
    return figures[ladder.SHORT] / figures[ladder.WEIGHT] if figures and figures[ladder.WEIGHT] > 0.0 else None


def steered(policy: Policy, state: State) -> Steered | None:
    """Return what the steering of a policy has come to; None without a budget, or before its first bucket."""
    price, figures = state.price, state.ledger[: ladder.N_FIGURES].tolist()
    if policy.budget is None or price is None or not figures or figures[ladder.WEIGHT] <= 0.0:
        return None
    weight = figures[ladder.WEIGHT]
    mean = figures[ladder.FLEET] / weight
    fleet = max(mean, 1.0)
    first = bisect_left(_RUNGS, price, key=fleet.__mul__) - TOLD_RUNGS // 2
    first = min(max(first, 0), ladder.N_RUNGS - TOLD_RUNGS)
    return Steered(
        budget=policy.budget.share,
        spent=figures[ladder.SHORT] / weight,
        target=figures[ladder.TARGET],
        price=price,
        seconds=weight * policy.budget.step_seconds,
        ladder=_rungs(state, [fleet * rung for rung in _RUNGS[first : first + TOLD_RUNGS]], first, weight),
        cap=_cap(price, ladder.AFFORDABLE * mean / (ladder.AIM * policy.budget.share), fleet * _RUNGS[-1]),
    )


def _rungs(state: State, prices: Sequence[float], first: int, weight: float) -> tuple[Rung, ...]:
    """Return what the prices from the rung `first` on would have come to."""
    sums = state.ledger[ladder.N_FIGURES + first * ladder.N_RUNG :][: len(prices) * ladder.N_RUNG].tolist()
    short, replicas = sums[ladder.RATE :: ladder.N_RUNG], sums[ladder.PODS :: ladder.N_RUNG]
    return tuple([Rung(at, short[k] / weight, replicas[k] / weight) for k, at in enumerate(prices)])


def _cap(price: float, affordable: float, dearest: float) -> Cap | None:
    """Return which of two limits a price has reached."""
    if price < min(affordable, dearest) * (1.0 - ROUNDING):
        return None
    return Cap.AFFORDABLE if affordable <= dearest else Cap.DEAREST
