"""Objects as the API server gives them, and a load at the edge of the process that a test can bend."""

import asyncio
import copy
import itertools
from collections.abc import Callable

import numpy as np

from bayescaler.api import API_VERSION, KIND
from bayescaler.cluster.errors import NotFound
from bayescaler.cluster.scale import Target
from bayescaler.cluster.scalers import ScalerKind
from bayescaler.control.registry import Registry
from bayescaler.control.settings import Settings
from bayescaler.policy import Outlook
from bayescaler.policy.reasons import Health
from bayescaler.policy.types import Observation
from bayescaler.sources.grid import closed_buckets, judged
from bayescaler.telemetry.metrics import Metrics
from bayescast import LEVELS, Family, Predictive

NOON = 1_772_452_800.0  # 2026-03-02T12:00:00Z, a full minute
MINUTE = 60.0
ADDRESS = "http://prometheus.monitoring:9090"
SETTINGS = Settings(default_server_address=ADDRESS, leader_election=False)
_uids = itertools.count(1)


def manifest(name="web", *, uid=None, generation=1, status=None, **spec):
    """A BayesianAutoscaler: 1 to 60 replicas of Deployment `web`, 50/s each; `spec` replaces whole fields."""
    obj = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid or f"uid-{next(_uids)}",
            "generation": generation,
        },
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "maxReplicas": 60,
            "load": {"prometheus": {"query": "sum(rate(requests_total[1m]))"}},
            "capacity": {"perReplica": 50},
        },
    }
    obj["spec"] |= copy.deepcopy(spec)
    if status is not None:
        obj["status"] = status
    return obj


def edited(obj, **spec):
    """The same object, one generation later."""
    later = copy.deepcopy(obj)
    later["metadata"]["generation"] += 1
    later["spec"] |= copy.deepcopy(spec)
    return later


def load_of(query="sum(rate(requests_total[1m]))", **fields):
    """A `spec.load`."""
    return {"prometheus": {"query": query}, **fields}


class Book:
    """A registry with what it asked for."""

    def __init__(self, settings=SETTINGS):
        self.warmed, self.gone = [], []
        self.registry = Registry(settings, on_new_load=self.warmed.append, on_gone=self.gone.append)

    def see(self, obj, event="MODIFIED"):
        self.registry.observe(event, obj)
        return self.registry.get((obj["metadata"]["namespace"], obj["metadata"]["name"]))


def workload(name="web", **spec):
    """The record of a fresh object."""
    return Book().see(manifest(name, **spec), "ADDED")


def target(replicas=4, ready=None, uid="target-1"):
    return Target(uid=uid, replicas=replicas, selector="app=web", ready_replicas=replicas if ready is None else ready)


def metrics():
    return Metrics(lambda: ())


def seen(replicas=4, load=100.0, **changes):
    """An observation of live load."""
    return Observation(
        **{"replicas": replicas, "ready_replicas": replicas, "health": Health.LIVE, "load": load} | changes
    )


def flat(level):
    """A forecast that is sure of one load."""
    one = Predictive(np.array(LEVELS), np.full(len(LEVELS), float(level)), 2, MINUTE, NOON, Family.POISSON_GAMMA)
    return Outlook(one, one)


class Load:
    """A LoadSource over `rate(t)`: NaN is missing; nothing is there before `since`, nor within `late` s of now."""

    def __init__(self, rate: Callable[[np.ndarray], np.ndarray] | float = 100.0, *, since=-np.inf, late=0.0):
        self.rate = rate if callable(rate) else lambda t: np.full(len(t), float(rate))
        self.since, self.late = since, late
        self.error: Exception | None = None
        self.held: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.asked = []
        self.closed = False

    async def read(self, query, *, start, end, now):
        self.asked.append((query, start, end))
        self.begun.set()
        if self.held is not None:
            await self.held.wait()
        if self.error is not None:
            raise self.error
        times = closed_buckets(start, end, step_seconds=query.step_seconds, now=now)
        values = np.asarray(self.rate(times), dtype=np.float64)
        arrived = (times >= self.since) & (times + query.step_seconds <= now - self.late)
        return judged(times, values, arrived & ~np.isnan(values))

    async def close(self):
        self.closed = True


def daily(t, low=100.0, high=500.0):
    """A day between `low` at midnight and `high` at noon (UTC)."""
    return low + (high - low) * 0.5 * (1.0 - np.cos(2.0 * np.pi * (np.asarray(t) % 86400.0) / 86400.0))


def nobody_else(scalers):
    """The store of other autoscalers once it was read, and nothing was found."""
    for watch in scalers.watches[ScalerKind.HPA]:
        watch.synced_at, watch.lists = 1.0, 1
        watch._tried.set()
    scalers._no_keda = NotFound(404, "NotFound", "no KEDA")
    scalers._looked_for_keda.set()
    return scalers


class Wire:
    """A KubeClient at the edge of the process: records what is sent, answers as `answer(method, path, body)` says."""

    def __init__(self):
        self.sent = []
        self.answer = lambda method, path, body: {}

    def signed(self, why):
        return self

    async def request(self, method, path, *, body=None, query=None, content_type=None, timeout_seconds=None):
        self.sent.append((method, path, body))
        answer = self.answer(method, path, body)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def paths(self, method, ending):
        return [path for m, path, _ in self.sent if m == method and path.endswith(ending)]


def word_for_word(model, told):
    """Whether a part of a status is what the resource's model of it takes, and nothing beside."""
    return model.model_validate(told, by_alias=True, by_name=False).model_dump(by_alias=True, exclude_none=True) == told
