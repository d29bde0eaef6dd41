"""The stage of a scenario: three days of history, a workload under its operator, ticks, and what was seen at each."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescaler import api
from bayescaler.api.durations import seconds as seconds_of
from bayescaler.control.settings import Settings
from bayescaler.sandbox import demo, pods, traffic
from bayescaler.sandbox.rollout import is_complete
from bayescaler.sandbox.stage import Stage

from .checks import Moment, Seen

MINUTE = 60.0
CALM_SECONDS = 3 * MINUTE
TICK_SECONDS = 15.0
STARTUP_SECONDS = 45.0
HISTORY_DAYS = 3.0
PODS_AT_PEAK = 20
MOST_REPLICAS = 400
QUANTILE = 0.95
SETTLING_SECONDS = 2 * MINUTE
EVENING = datetime(2026, 3, 16, 21, tzinfo=UTC).timestamp()
"""A Monday: load falls from here on, so that an operator in good health lowers."""
WEB = demo.OURS
Floats = NDArray[np.float64]
Surge = Callable[[Floats], Floats]


def steady(times: Floats) -> Floats:
    """No surge: the load as it is every evening."""
    return np.ones_like(times)


@dataclass
class Game:
    """One scenario under way: `stage`, and `moments` of every tick so far."""

    stage: Stage
    capacity: float
    times: Floats
    rates: Floats
    on_tick: Callable[[], None]
    moments: list[Moment]

    @property
    def now(self) -> float:
        """Simulated time, epoch seconds."""
        return self.stage.clock.now()

    async def run(self, seconds: float, *, deciding: bool = True) -> None:
        """Let time pass tick by tick; without an operator only time passes."""
        for _ in range(round(seconds / TICK_SECONDS)):
            if deciding:
                await self.stage.advance(TICK_SECONDS)
                await self.stage.tick()
            else:
                self.stage.clock.advance(TICK_SECONDS)
            self.moments.append(self._moment())
            self.on_tick()

    def status(self) -> dict[str, Any]:
        """The object's status, as anybody may read it."""
        status: dict[str, Any] = self.stage.server.get(api.API_VERSION, api.KIND, WEB).get("status", {})
        return status

    def roll_out(self, image: str) -> None:
        """Give the workload another image, of which no old pod is taken before a new one is ready."""
        containers = [{"name": "web", "image": image, "resources": {"requests": {"cpu": "500m"}}}]
        one_by_one = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}
        spec = {"strategy": one_by_one, "template": {"spec": {"containers": containers}}}
        self.stage.server.patch("apps/v1", "Deployment", WEB, {"spec": spec})

    def seen(self, begin: float, end: float) -> Seen:
        """All that was seen."""
        status = self.status()
        lead = status.get("forecast", {}).get("leadTime")
        return Seen(
            self.moments,
            begin,
            end,
            self.capacity,
            TICK_SECONDS,
            status.get("calibration", {}),
            None if lead is None else seconds_of(lead),
        )

    def _moment(self) -> Moment:
        deployment = self.stage.server.get("apps/v1", "Deployment", WEB)
        conditions = {c["type"]: (c["status"], c["reason"]) for c in self.status().get("conditions", ())}
        return Moment(
            at=self.now,
            load=float(self.rates[int(np.searchsorted(self.times, self.now, side="right")) - 1]),
            replicas=deployment["spec"]["replicas"],
            ready=deployment.get("status", {}).get("readyReplicas", 0),
            rung=conditions.get("FallbackActive", ("", ""))[1],
            is_ready=conditions.get("Ready", ("", ""))[0] == "True",
            is_rolling=not is_complete(deployment),
        )


@asynccontextmanager
async def game(*, seconds: float, surge: Surge, seed: int, on_tick: Callable[[], None]) -> AsyncIterator[Game]:
    """Set the stage for a game of `seconds`: the operator runs, knows its workload and has read its history.

    `surge` multiplies the load, given the seconds since the game began.
    """
    start, shape = EVENING - HISTORY_DAYS * traffic.DAY_SECONDS, traffic.Shape(flash_hour=None, weekend_share=1.0)
    days = HISTORY_DAYS + (SETTLING_SECONDS + seconds) / traffic.DAY_SECONDS + 0.01
    made = traffic.traffic(start, days=days, seed=seed, shape=shape)
    begins = EVENING + SETTLING_SECONDS
    rates = np.where(made.times >= begins, made.rates * surge(made.times - begins), made.rates)
    capacity = float(f"{np.quantile(made.rates, 0.99) / PODS_AT_PEAK:.2g}")
    settings = Settings(leader_election=False, interval_seconds=TICK_SECONDS, startup_seconds=STARTUP_SECONDS)
    start_up = pods.lognormal(30.0, STARTUP_SECONDS)
    async with Stage(start=EVENING, settings=settings, start_up=start_up, seed=seed) as stage:
        stage.prometheus.store.add_counter(
            "http_requests_total", {"service": WEB}, made.times, rates, step_seconds=made.step_seconds
        )
        manifest = demo.manifest(capacity, made.step_seconds, QUANTILE)
        manifest["spec"] |= {"maxReplicas": MOST_REPLICAS, "forecast": {"history": "3d", "seasons": ["24h"]}}
        stage.apply(demo.deployment(WEB, PODS_AT_PEAK), manifest)
        stage.clock.advance(SETTLING_SECONDS)
        await stage.settle()
        yield Game(stage, capacity, made.times, rates, on_tick, [])
