"""Steering by a budget in plain Python, slow and obvious: what the compiled one is held to."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, inf, log

from bayescaler.policy.objective import pods

FLEETS = [0.2, 0.5, *(2.0**k for k in range(11)), 4096.0, 16384.0]
DAY = 86400.0


def cheapest(predictive, served, price, least, most):
    """The fewest pods that make n + price * P(max > n * served) least; past 256 only every 256th part more is tried."""
    best, cost, n = None, inf, least
    while n <= max(most, least) and n < cost:
        tried = n + price * float(predictive.exceedance(n * served))
        best, cost = (n, tried) if tried < cost else (best, cost)
        n += max(n // 256, 1)
    return best


@dataclass
class Rung:
    """One price, in fleets: what it decided, when, and what it wanted before stabilization."""

    fleets: float
    decisions: list[tuple[float, float]] = field(default_factory=list)
    wanted: list[tuple[float, float]] = field(default_factory=list)
    current: float | None = None
    last_move: int = 0
    short: float = 0.0


@dataclass
class Plain:
    """All prices on one load, and our own replicas beside them."""

    policy: object
    rungs: list[Rung] = field(default_factory=lambda: [Rung(fleets) for fleets in FLEETS])
    own: list[tuple[float, float]] = field(default_factory=list)
    at: float | None = None
    weight: float = 0.0
    fleet: float = 0.0
    short: float = 0.0
    price: float | None = None

    def note(self, replicas, now):
        if not self.own or self.own[-1][1] != replicas:
            self.own.append((now, replicas))

    def note_own(self, observation, now):
        if self.own and self.own[-1][0] > now:
            self.start_anew()
        self.note(observation.replicas if observation.serving is None else observation.serving, now)

    def start_anew(self):
        self.at, self.own = None, []
        for rung in self.rungs:
            rung.decisions, rung.wanted = [], []

    def steer(self, observation, outlook, *, surprised):
        """Take the buckets that came, unless the newest is known already."""
        end, load = observation.load_at, observation.load
        if end is None or load is None or (self.at is not None and end <= self.at):
            return
        known = inf if self.at is None else self.at
        startup = self.policy.budget.startup_seconds if observation.serving is None else 0.0
        for at, value in [*((at, value) for at, value in observation.earlier if known < at < end), (end, load)]:
            self._book(value, at, startup)
        mean = self.fleet / self.weight if self.weight else 1.0
        self.price = self._price(mean)
        need = load / self.policy.capacity * (1.1 if surprised else 1.0)
        for rung in self.rungs:
            self._decide(rung, rung.fleets * max(mean, 1.0), outlook, need, end)

    def _book(self, load, end, own_startup):
        policy, need = self.policy, load / self.policy.capacity
        elapsed = policy.budget.step_seconds if self.at is None else end - self.at
        self.at = end
        if policy.min_replicas == 0 and load <= policy.activation_threshold:
            return
        forget = exp(-elapsed / (5.0 * DAY))
        for rung in self.rungs:
            rung.short = forget * rung.short + self._short(rung.decisions, need, end, policy.budget.startup_seconds)
        self.short = forget * self.short + self._short(self.own, need, end, own_startup)
        self.weight, self.fleet = forget * self.weight + 1.0, forget * self.fleet + pods(need)

    def _short(self, decisions, need, end, startup):
        """Share of the bucket in which any decision of the last start-up time was too low."""
        step = self.policy.budget.step_seconds
        ends = [since + startup for since, _ in decisions[1:]] + [inf]
        spans = [(since, until) for (since, n), until in zip(decisions, ends, strict=False) if n * (1.0 + 1e-9) < need]
        edges = sorted({min(max(edge, end - step), end) for span in spans for edge in span})
        short = [b - a for a, b in pairwise(edges) if any(since <= a and b <= until for since, until in spans)]
        return sum(short) / step

    def _price(self, mean):
        fleet = max(mean, 1.0)
        step, aim = self.policy.budget.step_seconds, 0.85 * self.policy.budget.share
        target = aim - (self.short - aim * self.weight) / (self.weight + 1.75 * DAY / step)
        target = min(max(target, 0.25 * aim), 3.0 * aim)
        guessed = 0.25 * DAY / step
        shares = []
        for rung in self.rungs:
            guess = min(1.0, 20.0 * min(self.policy.budget.share, 0.01) / rung.fleets)
            shares.append((rung.short + guessed * guess) / (self.weight + guessed))
        shares = [max(shares[k:]) for k in range(len(shares))]
        risky = [k for k, share in enumerate(shares) if share > target]
        if not risky:
            fleets = FLEETS[0]
        elif risky[-1] == len(FLEETS) - 1:
            fleets = FLEETS[-1]
        else:
            low, high = risky[-1] + 1, risky[-1]
            logs = [log(share + 1e-5) for share in (shares[high], target, shares[low])]
            part = (logs[0] - logs[1]) / max(logs[0] - logs[2], 1e-5)
            fleets = FLEETS[high] * (FLEETS[low] / FLEETS[high]) ** min(max(part, 0.0), 1.0)
        return max(min(fleets * fleet, 10.0 * mean / aim), FLEETS[0] * fleet)

    def _decide(self, rung, price, outlook, need, end):
        policy, since = self.policy, end + self.policy.budget.lag_seconds
        served = policy.capacity / (1.0 + policy.buffer)
        medians = [float(part.values[0]) for part in (outlook.lead, outlook.window)]
        least = max(policy.min_replicas, pods(medians[0] / served), 1)
        most = max(policy.max_replicas, least)
        up = max(cheapest(outlook.lead, served, price, least, most), pods(need))
        bet = cheapest(outlook.window, served, price, least, most)
        growth = medians[1] / medians[0] if medians[0] > 0.0 else 1e9
        down = max(min(bet, pods(max(up * growth - 0.5, 0.0))), up)
        rung.wanted.append((since, down))
        window = policy.behavior.scale_down.stabilization_window_seconds
        down = max(n for at, n in rung.wanted if at > since - window or at == since)
        current = rung.current
        if current is None:
            current = down
        elif up > current:
            spared = float(outlook.lead.exceedance(current * served)) - float(outlook.lead.exceedance(up * served))
            pays = price * spared - (up - current) > 0.6 * current
            if rung.last_move >= 0 or pods(need) > current or pays:
                current, rung.last_move = up, 1
        elif down < current:
            current, rung.last_move = down, -1
        rung.current = min(max(current, policy.min_replicas), policy.max_replicas)
        rung.decisions.append((since, rung.current))
