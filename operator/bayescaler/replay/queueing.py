"""The service model in which nothing is lost: what cannot be served waits, first come first served.

While the ready pods keep up, requests wait as in M/M/n: with n servers of rate mu and arrivals of rate lam,
P(W > t) = C(n, lam / mu) exp(-(n mu - lam) t), C by Erlang. Where they do not keep up, work piles up as a fluid, and a
request waits until the service done reaches the work that had come before it. At a load close to capacity M/M/n's
long-run wait takes longer to build than the load stays there: within `hold_seconds` the queue in front of busy servers
grows to about sqrt(4 lam hold / pi) requests from nothing (reflected Brownian motion; Harrison, 1985), and no mean wait
is taken to be longer than that queue is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kernels.queue import carry_over, erlang_waits, exceedance, fluid_delay
from .service import Played

Floats = NDArray[np.float64]

P95 = 0.95
_SHORTEST_SECONDS = 1e-3  # where the search for a percentile begins
_PRECISION = 1e-6  # of the percentile
_FIRST = 1e-9  # share of a step's work that makes the first of it
_NOTICEABLE = 1e-6  # of a step


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """How long requests waited, over all of them, and the work that was waiting, in requests.

    Latency is the wait and the service itself; both are infinite where the service never catches up. `backlog` is
    what waits at the end of each step, shape (n,).
    """

    wait_mean_seconds: float
    wait_p95_seconds: float
    latency_mean_seconds: float
    latency_p95_seconds: float
    delayed_share: float
    backlog_max: float
    backlog_mean: float
    backlog_left: float
    backlog: Floats


def queue(played: Played, *, concurrency: int = 1, hold_seconds: float = 60.0) -> Waiting:
    """Play the same pods with a queue in front of them.

    `concurrency` is how many requests one pod serves at a time: its servers take concurrency / capacity seconds each.
    `delayed_share` is the share of requests that had to wait in a backlog. ValueError on a concurrency below 1 or a
    hold that is not above 0.
    """
    if concurrency < 1 or not hold_seconds > 0:
        raise ValueError(f"queue: concurrency {concurrency} and hold {hold_seconds} s must be 1 or more and above 0")
    step, load = played.step_seconds, played.load
    rates = played.ready * played.capacity
    backlog, delay = _fluid(load * step, np.asarray(rates * step))
    fluid = delay * step
    chances, drains = _markov(played, concurrency, hold_seconds)
    calm = fluid == 0.0
    served_by = concurrency / played.capacity
    weights = load / load.sum() if load.sum() > 0 else np.full(len(load), 1.0 / len(load))
    queued = np.where(calm, chances / drains, fluid)
    asked = weights > 0.0
    mean = float(np.dot(weights[asked], queued[asked]))
    law = _Law(weights[asked], np.where(calm, 0.0, fluid)[asked], np.where(calm, chances, 0.0)[asked], drains[asked])
    return Waiting(
        wait_mean_seconds=mean,
        wait_p95_seconds=law.percentile(P95, 0.0),
        latency_mean_seconds=mean + served_by,
        latency_p95_seconds=law.percentile(P95, served_by),
        delayed_share=float(weights[~calm].sum()),
        backlog_max=float(backlog.max()),
        backlog_mean=float(backlog.mean()),
        backlog_left=float(backlog[-1]),
        backlog=backlog,
    )


def _fluid(arriving: Floats, serving: Floats) -> tuple[Floats, Floats]:
    """Return the backlog at the end of each step, and how many steps work arriving in it waits on average."""
    backlog, starts, ends = (np.empty_like(arriving) for _ in range(3))
    carry_over(arriving, serving, backlog)
    arrived = np.cumsum(arriving)
    served = arrived - backlog
    first = arrived - (1.0 - _FIRST) * arriving  # the first to come, who may wait for pods though nobody waits yet
    fluid_delay(first, served, 0, float(serving[-1]), starts)
    fluid_delay(arrived, served, 1, float(serving[-1]), ends)
    waits = 0.5 * (starts + ends)
    return backlog, np.where(waits > _NOTICEABLE, waits, 0.0)


def _markov(played: Played, concurrency: int, hold_seconds: float) -> tuple[Floats, Floats]:
    """Return for each step the probability of a wait in M/M/n and the rate at which the wait is over."""
    load, rates = played.load, played.ready * played.capacity
    servers = played.ready * concurrency
    chances = np.empty_like(load)
    erlang_waits(load * concurrency / played.capacity, servers, chances)
    longest = np.sqrt(4.0 * load * hold_seconds / np.pi)
    drains = np.maximum(rates - load, rates * chances / np.maximum(longest, 1e-300))
    return chances, np.where(drains > 0.0, drains, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class _Law:
    """The distribution of times over all requests, by step, as `kernels.queue.exceedance` has it; shapes (n,)."""

    weights: Floats
    delays: Floats
    chances: Floats
    drains: Floats

    def percentile(self, level: float, service_seconds: float) -> float:
        """Return the time within which this share of requests is through, with a service of this mean."""
        if not self._longer(0.0, service_seconds) > 1.0 - level:
            return 0.0
        if float(self.weights[np.isinf(self.delays)].sum()) > 1.0 - level:
            return float("inf")
        low, high = 0.0, max(service_seconds, _SHORTEST_SECONDS)
        while self._longer(high, service_seconds) > 1.0 - level:
            low, high = high, 2.0 * high
        while high - low > _PRECISION * high:
            middle = 0.5 * (low + high)
            if self._longer(middle, service_seconds) > 1.0 - level:
                low = middle
            else:
                high = middle
        return high

    def _longer(self, seconds: float, service_seconds: float) -> float:
        """Return the share of requests that take longer than `seconds`; 0 itself is not longer than 0."""
        mu = 1.0 / service_seconds if service_seconds > 0 else np.inf
        at = max(seconds, _SHORTEST_SECONDS * _PRECISION)
        return float(exceedance(self.weights, self.delays, self.chances, self.drains, mu, at))
