"""A clock that the tests move, a Prometheus over it, and a client that asks it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from bayescaler.sandbox.clock import SimulatedClock
from bayescaler.sandbox.prometheus import SandboxPrometheus

START = 1_767_571_200.0  # Monday 2026-01-05, 00:00 UTC


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict

    @property
    def values(self) -> dict[str, float]:
        """An instant vector by its `pod` label, or "" where there is none."""
        return {one["metric"].get("pod", ""): float(one["value"][1]) for one in self.body["data"]["result"]}

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points of the only series of a matrix."""
        (series,) = self.body["data"]["result"]
        return [(at, float(value)) for at, value in series["values"]]


@dataclass(frozen=True)
class Client:
    session: aiohttp.ClientSession
    prometheus: SandboxPrometheus

    async def ask(self, path: str, method: str = "GET", **parameters: str) -> Answer:
        form = {"data": parameters} if method == "POST" else {"params": parameters}
        url = f"{self.prometheus.url}/api/v1/{path}"
        async with self.session.request(method, url, **form) as response:
            return Answer(response.status, await response.json())

    async def query(self, query: str, **parameters: str) -> Answer:
        return await self.ask("query", query=query, **parameters)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture
async def prometheus(clock: SimulatedClock) -> AsyncIterator[SandboxPrometheus]:
    async with SandboxPrometheus(clock) as prometheus:
        yield prometheus


@pytest.fixture
async def client(prometheus: SandboxPrometheus) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Client(session, prometheus)
