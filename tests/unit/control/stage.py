"""A workload on a stage: what is expected and seen is set, the production code decides."""

import asyncio
import math

import numpy as np

from bayescaler.cluster.scale import Target
from bayescaler.cluster.scalers import Reference, Scaler, ScalerKind
from bayescaler.control.deciding import decide_one
from bayescaler.control.registry import Registry
from bayescaler.control.rivals import Rivals
from bayescaler.control.settings import Settings
from bayescaler.control.shortage import Shortages
from bayescaler.control.workload import Load
from bayescaler.policy import Evidence, Outlook, assess
from bayescaler.policy.reasons import Health, Phase
from bayescaler.telemetry.metrics import Metrics
from bayescast import Family, Predictive
from bayescast.predictive import LEVELS

NOON = 1_772_452_800.0  # 2026-03-02T12:00:00Z
TICK, MINUTE = 15.0, 60.0
SCALE = (0.0, 0.524, 0.842, 1.282, 1.645, 1.96, 2.326, 2.576, 3.09)  # normal quantiles at LEVELS
SPREAD = 0.12
UID = "5f0c9d1e-7a44-4a53-9a53-0d6f3f1f2a10"
SETTINGS = Settings(default_server_address="http://prometheus:9090")
LOAD = {"prometheus": {"query": 'sum(rate(http_requests_total{service="checkout"}[1m]))'}, "kind": "Rate"}
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def expecting(load, *, at=NOON, longer=None):
    """A forecast whose 0.95 quantile is `load`, over half an hour `longer`."""
    values = np.array([math.exp(SPREAD * (z - SCALE[4])) for z in SCALE])
    return Outlook(
        *(
            Predictive(np.array(LEVELS), values * most, lead, MINUTE, at, Family.POISSON_GAMMA)
            for most, lead in ((load, 2), (longer or load, 30))
        )
    )


def autoscaler(**spec):
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"namespace": "shop", "name": "checkout", "uid": UID, "generation": 3},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
            "minReplicas": 2,
            "maxReplicas": 60,
            "mode": "Auto",
            "paused": False,
            "load": LOAD,
            "capacity": {"perReplica": 50},
            "objective": {"quantile": 0.95, "buffer": 0.0},
            "behavior": {"scaleUp": {"tolerance": 0.1}, "scaleDown": {"tolerance": 0.1}},
            "fallback": {"after": "3m", "reactive": {"targetUtilization": 0.7}},
            **spec,
        },
    }


class Scene:
    """A workload through time: what is expected and seen is set, `decide` makes the next decision."""

    def __init__(self, *, running=8, **spec):
        self.object = autoscaler(**spec)
        registry = Registry(SETTINGS, on_new_load=lambda _: None, on_gone=lambda _: None)
        registry.observe("ADDED", self.object)
        self.workload = registry.get(("shop", "checkout"))
        self.runs(running)
        self.shows(0.953, windows=1440)

    def runs(self, replicas, ready=None, **seen):
        self.workload.target = Target("t", replicas, "app=checkout", replicas if ready is None else ready, **seen)
        return self

    def shows(self, coverage, *, windows, previous=Phase.TRUSTED, skill=0.42):
        evidence = Evidence(windows, coverage, 0.95, skill, 20_160, 1440)
        self.workload.evidence = evidence
        self.workload.phase, self.workload.phase_told = assess(evidence, previous)

    def decide(
        self,
        now=NOON,
        *,
        load=None,
        expected=None,
        longer=None,
        why=(Health.FAILED, "LoadFailed", "prometheus does not answer"),
    ):
        web = self.workload
        web.outlook = None if expected is None else expecting(expected, at=min(now, NOON), longer=longer)
        if load is None:
            health, reason, message = why
            web.load = Load(None, None, health, message, reason)
        else:
            web.load = Load(load, now - 5.0, Health.LIVE, "", "LoadLive", complete=True)
        decide_one(web, now=now, scale_in_allowed=True, lag_seconds=15.0)
        return web

    def quiet(self, *, until=NOON, minutes=10, **seen):
        """Decide so for some minutes, one tick before `until` the last time."""
        for tick in range(round(minutes * 60 / TICK), 0, -1):
            self.decide(until - tick * TICK, **seen)
        return self

    def lacks(self, *waiting):
        """Let the operator look for why pods are missing; `waiting` are the scheduler's sentences on pods that wait."""
        shortages = Shortages(Pods(waiting), SETTINGS)
        for now in (NOON - 5 * MINUTE, NOON):
            for short in shortages.follow([self.workload], now=now):
                asyncio.run(shortages.read(short))
        return self

    def shared_with(self, name):
        """Let the operator find an HPA on the same target."""
        ref = Reference("apps", "Deployment", "checkout")
        rivals = Others(Scaler(ScalerKind.HPA, "shop", name, "h", ref, 2, 20))
        asyncio.run(
            Rivals(rivals, SETTINGS, Metrics(lambda: ()), may_write=lambda: True).look([self.workload], now=NOON)
        )
        return self


class Pods:
    """An API server whose pods wait for a node, with these sentences."""

    def __init__(self, sentences):
        self.sentences = sentences

    async def request(self, *_, **__):
        why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        waiting = [{"phase": "Pending", "conditions": [why | {"message": said}]} for said in self.sentences]
        return {"items": [{"metadata": {"name": "p"}, "status": status} for status in waiting]}


class Others:
    """A store of autoscalers that has been listed."""

    known = True

    def __init__(self, *scalers):
        self.scalers = scalers

    async def wait_known(self):
        """At once."""

    def unread(self):
        return None

    def of(self, _namespace, _target):
        return self.scalers
