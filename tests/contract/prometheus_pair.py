"""Samples that a real Prometheus and the sandbox's both hold, and what each of the two answers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import aiohttp
import numpy as np

START = 1_767_571_200.0  # Monday 2026-01-05, 00:00 UTC


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[np.ndarray, np.ndarray]]:
    """Counters with resets and gaps, gauges with NaN, infinities and holes; scrapes jittered to the
    millisecond.
    """
    random = np.random.default_rng(7)
    grid = START + 15.0 * np.arange(960)
    found = {}
    for pod, zone, share in (("a", "x", 1.0), ("b", "y", 0.9), ("c", "y", 0.5)):
        times = np.round(grid + random.uniform(0, 0.9, grid.size), 3)
        values = np.cumsum(random.poisson(40 * share, grid.size)).astype(float)
        values[400:] -= values[400] - 3
        values[700:] -= values[700] - 900
        kept = random.random(grid.size) < share
        kept[500:540] = pod == "a"
        labels = (("job", "web"), ("pod", pod), ("zone", zone))
        found["requests_total", labels] = (times[kept], values[kept])
    for pod, share in (("a", 1.0), ("b", 0.6)):
        values = random.normal(50, 20, grid.size)
        values[100:140] = np.nan
        values[300] = np.inf
        values[305] = -np.inf
        kept = random.random(grid.size) < share
        found["level", (("pod", pod),)] = (grid[kept], values[kept])
    found["twin", (("pod", "a"), ("zone", "x"))] = (grid, np.ones(grid.size))
    found["twin", (("pod", "a"), ("zone", "y"))] = (grid, np.ones(grid.size))
    return found


def as_open_metrics() -> Iterator[str]:
    for (name, labels), (times, values) in sorted(samples().items()):
        text = ",".join(f'{key}="{value}"' for key, value in labels)
        for at, value in zip(times.tolist(), values.tolist(), strict=True):
            yield f"{name}{{{text}}} {str(value).replace('inf', 'Inf').replace('nan', 'NaN')} {at:.3f}\n"
    yield "# EOF\n"


@dataclass
class Clock:
    time: float

    def now(self) -> float:
        return self.time


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body.get("errorType", "")

    @property
    def series(self) -> dict[str, list[tuple[float, str]]]:
        data = self.body["data"]
        if data["resultType"] == "scalar":
            return {"": [tuple(data["result"])]}
        return {
            json.dumps(one["metric"], sort_keys=True): [tuple(p) for p in one.get("values", [one.get("value")])]
            for one in data["result"]
        }


@dataclass(frozen=True)
class Pair:
    """Both servers and one client."""

    client: aiohttp.ClientSession
    real: str
    sandbox: str

    async def ask(self, path: str, parameters: Mapping[str, str]) -> tuple[Answer, Answer]:
        answers = []
        for url in (self.real, self.sandbox):
            async with self.client.post(f"{url}/api/v1/{path}", data=parameters) as response:
                answers.append(Answer(response.status, await response.json(content_type=None)))
        return answers[0], answers[1]
