"""A day of traffic on the sandbox: one workload sized by the operator, its twin by an HPA, on the same load."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescaler import api
from bayescaler.console.serve import console
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Workload
from bayescaler.policy.freshness import closed_until
from bayescaler.replay import hpa
from bayescaler.replay.service import Outcome, outcome
from bayescaler.serving.access import Access
from bayescaler.serving.door import Door

from .pods import lognormal
from .stage import Stage

OURS, TWIN = "checkout", "checkout-hpa"
QUERY = "sum(rate(http_requests_total[1m]))"
PODS_AT_PEAK = 20
HPA_TARGET = 0.7
TICK_SECONDS = 15.0
REFRESH_SECONDS = 1.0  # a day is over in a minute


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Load per second in buckets of `step_seconds`; what lies before `played_from` is history."""

    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    step_seconds: float
    played_from: float


@dataclass(frozen=True, slots=True)
class Moment:
    """One tick as it was seen: loads per second, replicas, and the decision's own words."""

    at: float
    load: float
    demand: float | None
    replicas: int
    ready: int
    hpa_replicas: int
    hpa_ready: int
    rung: str
    phase: str
    limiter: str
    message: str


@dataclass(slots=True)
class Day:
    """All that was seen of a played day."""

    capacity: float
    quantile: float
    moments: list[Moment] = field(default_factory=list)

    def outcomes(self) -> tuple[Outcome, Outcome]:
        """What the day came to: ours, the HPA's."""
        load = [m.load for m in self.moments]
        fleets = (
            ([m.replicas for m in self.moments], [m.ready for m in self.moments]),
            ([m.hpa_replicas for m in self.moments], [m.hpa_ready for m in self.moments]),
        )
        ours, twin = (
            outcome(load, paid, ready, capacity=self.capacity, step_seconds=TICK_SECONDS) for paid, ready in fleets
        )
        return ours, twin


def manifest(capacity: float, step_seconds: float, quantile: float) -> dict[str, Any]:
    """The BayesianAutoscaler of the demo."""
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"name": OURS, "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": OURS},
            "minReplicas": 2,
            "maxReplicas": 10 * PODS_AT_PEAK,
            "mode": "Auto",
            "load": {"prometheus": {"query": QUERY}, "kind": "Rate", "step": api.duration_text(step_seconds)},
            "capacity": {"perReplica": capacity},
            "objective": {"quantile": quantile},
        },
    }


def deployment(name: str, replicas: int) -> dict[str, Any]:
    """A Deployment whose pods do nothing but take their time to start."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web", "resources": {"requests": {"cpu": "500m"}}}]},
            },
        },
    }


class Demo:
    """Plays `traffic`; `async for moment in demo.play()` sees every tick, `demo.day` keeps them.

    With a `door` the console is served while it plays, at `console_address`, which carries a token of the sandbox.
    """

    def __init__(
        self,
        traffic: Traffic,
        *,
        startup_seconds: float = 60.0,
        quantile: float = 0.95,
        seed: int = 0,
        door: Door | None = None,
    ) -> None:
        self._door, self.console_address = door, ""
        self.traffic, self._startup, self._seed = traffic, startup_seconds, seed
        history = traffic.rates[traffic.times < traffic.played_from]
        seen = history[np.isfinite(history)]
        self.day = Day(_round_capacity(float(np.quantile(seen, 0.99)) / PODS_AT_PEAK), quantile)
        self.manifest = manifest(self.day.capacity, traffic.step_seconds, quantile)
        self.ticks = int((traffic.times[-1] + traffic.step_seconds - traffic.played_from) / TICK_SECONDS)

    async def play(self, at_end: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Moment]:
        """Run the day, one moment a tick; `at_end` is waited for before everything is put away."""
        traffic, capacity = self.traffic, self.day.capacity
        begin = traffic.played_from
        settings = Settings(leader_election=False, interval_seconds=TICK_SECONDS, startup_seconds=self._startup)
        first = max(2, math.ceil(self._load_at(begin) / capacity))
        start_up = lognormal(self._startup, 1.3 * self._startup)
        async with (
            Stage(start=begin, settings=settings, start_up=start_up, seed=self._seed) as stage,
            self._console(stage),
        ):
            stage.prometheus.store.add_counter(
                "http_requests_total",
                {"service": OURS},
                traffic.times,
                traffic.rates,
                step_seconds=traffic.step_seconds,
            )
            stage.apply(deployment(OURS, first), deployment(TWIN, first))
            stage.apply(self.manifest)
            stage.clock.advance(self._startup * 2)
            await stage.settle()
            twin = hpa.HpaSpec(target=HPA_TARGET * capacity, min_replicas=2, max_replicas=10 * PODS_AT_PEAK)
            memory = hpa.HpaState()
            for _ in range(self.ticks):
                await stage.advance(TICK_SECONDS)
                now = stage.clock.now()
                if now >= traffic.times[-1]:
                    break
                await stage.tick()
                scale = stage.server.get("apps/v1", "Deployment", TWIN)
                closed = closed_until(now, traffic.step_seconds, settings.metric_lag_seconds)
                metric = self._load_at(closed - traffic.step_seconds)
                wanted, memory = hpa.step(twin, memory, metric=metric, current=scale["spec"]["replicas"], now=now)
                stage.server.patch("apps/v1", "Deployment", TWIN, {"spec": {"replicas": wanted}})
                self.day.moments.append(self._moment(stage, now))
                yield self.day.moments[-1]
            if at_end is not None:
                await at_end()

    @asynccontextmanager
    async def _console(self, stage: Stage) -> AsyncIterator[None]:
        if self._door is None:
            yield
            return
        async with (
            stage.reviewer() as client,
            Access(client) as access,
            console(
                stage.operator, access, self._door, refresh_seconds=REFRESH_SECONDS, clock=stage.clock.now
            ) as address,
        ):
            self.console_address = f"{address}#token={stage.server.admin_token}"
            yield

    def _load_at(self, at: float) -> float:
        """Load per second of the bucket that holds `at`; a missing one has the load of the last one before it."""
        index = int(np.searchsorted(self.traffic.times, at, side="right")) - 1
        seen = self.traffic.rates[: max(index, 0) + 1]
        return float(seen[np.isfinite(seen)][-1])

    def _moment(self, stage: Stage, now: float) -> Moment:
        workload: Workload = stage.workload(OURS)
        decision = workload.decision
        assert decision is not None, "the demo's workload has no decision"  # noqa: S101 - the demo made it valid
        ours, twin = (_replicas(stage.server.get("apps/v1", "Deployment", name)) for name in (OURS, TWIN))
        return Moment(
            at=now,
            load=self._load_at(now),
            demand=decision.demand,
            replicas=ours[0],
            ready=ours[1],
            hpa_replicas=twin[0],
            hpa_ready=twin[1],
            rung=str(decision.rung),
            phase=str(decision.phase),
            limiter=str(decision.limiter),
            message=decision.message,
        )


def _replicas(obj: dict[str, Any]) -> tuple[int, int]:
    return obj["spec"]["replicas"], obj.get("status", {}).get("readyReplicas", 0)


def _round_capacity(value: float) -> float:
    """Two significant digits: a number a person would have written."""
    return float(f"{value:.2g}")
