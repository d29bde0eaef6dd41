"""Work that waits: a fluid backlog carried from step to step, and the wait of requests in front of many servers."""

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

Floats = NDArray[np.float64]

_NEGLIGIBLE = 1e15  # of 1 / B: nobody waits


@entry
def carry_over(arriving: Floats, serving: Floats, backlog: Floats) -> None:
    """Write the work waiting at the end of each step into `backlog`; work per step, all shapes (n,)."""
    waiting = 0.0
    for step in range(len(arriving)):
        waiting = max(0.0, waiting + arriving[step] - serving[step])
        backlog[step] = waiting


@entry
def fluid_delay(goals: Floats, served: Floats, at: int, last_rate: float, delay: Floats) -> None:
    """Write how many steps after time step + at the service reaches goals[step], first come first served.

    goals: (n,) rising, work that came by then, not reached before the step. served: (n,) work done up to the end of
    each step. at: 0, the beginning of the step, or 1, its end. Beyond the last step service goes on at `last_rate` a
    step; infinite if that is 0.
    """
    steps, reached = len(goals), 0
    for step in range(steps):
        goal = goals[step]
        reached = max(reached, step)
        while reached < steps and served[reached] < goal:
            reached += 1
        before = served[reached - 1] if reached > 0 else 0.0
        rate = served[reached] - before if reached < steps else last_rate
        left = max(goal - before, 0.0)
        if left > 0.0 and rate <= 0.0:
            delay[step] = np.inf
        else:
            delay[step] = max(reached - step - at + (left / rate if left > 0.0 else 0.0), 0.0)


@kernel
def waiting_probability(servers: int, offered: float) -> float:
    """Return Erlang's C, the probability that a request of M/M/n waits, at an offered load below `servers`.

    By the inverse of Erlang's B, 1 / B(k) = 1 + k / a / B(k - 1), which is stable (Cooper, Introduction to Queueing
    Theory, 1981).
    """
    inverse = 1.0
    for k in range(1, servers + 1):
        inverse = 1.0 + k / offered * inverse
        if inverse > _NEGLIGIBLE:
            return 0.0
    blocked = 1.0 / inverse
    occupied = offered / servers
    return blocked / (1.0 - occupied * (1.0 - blocked))


@entry
def erlang_waits(offered: Floats, servers: NDArray[np.int64], out: Floats) -> None:
    """Write Erlang's C of each step into `out`: 0 without load, 1 where the load is not below the servers."""
    for step in range(len(offered)):
        if offered[step] <= 0.0:
            out[step] = 0.0
        elif offered[step] >= servers[step]:
            out[step] = 1.0
        elif step > 0 and offered[step] == offered[step - 1] and servers[step] == servers[step - 1]:
            out[step] = out[step - 1]
        else:
            out[step] = waiting_probability(servers[step], offered[step])


@entry
def exceedance(weights: Floats, delays: Floats, chances: Floats, drains: Floats, mu: float, seconds: float) -> float:
    """Return the share of requests, weighted by step, that take longer than `seconds`.

    A request waits a fixed delay if its step has one, else with a chance an exponential wait of rate `drain`; then,
    unless mu is infinite, an exponential service of rate mu. The sum of the two exponentials has
    P(> t) = (mu exp(-drain t) - drain exp(-mu t)) / (mu - drain), in the limit of equal rates (1 + mu t) exp(-mu t).
    """
    total = 0.0
    alone = np.exp(-mu * seconds)
    for step in range(len(weights)):
        delay, chance, drain = delays[step], chances[step], drains[step]
        if delay > 0.0:
            longer = 1.0 if seconds < delay else np.exp(-mu * (seconds - delay))
        elif chance == 0.0:
            longer = alone
        else:
            waited = np.exp(-drain * seconds)
            if np.isinf(mu):
                both = waited
            elif abs(mu - drain) < 1e-9 * mu:
                both = (1.0 + mu * seconds) * alone
            else:
                both = (mu * waited - drain * alone) / (mu - drain)
            longer = (1.0 - chance) * alone + chance * both
        total += weights[step] * longer
    return total
