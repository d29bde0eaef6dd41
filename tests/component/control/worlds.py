"""The stage for these stories: the production operator on the sandbox, started and stopped as often as a story asks."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bayescaler import api
from bayescaler.cluster import lease, listwatch
from bayescaler.cluster.client import KubeClient
from bayescaler.control import service
from bayescaler.control.credentials import AuthenticatedSource, Credentials
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.handlers import watch
from bayescaler.sandbox import pods
from bayescaler.sandbox.prometheus import SandboxPrometheus
from bayescaler.sandbox.stage import Stage
from bayescaler.sources.allow import AllowList
from bayescaler.sources.prometheus import PrometheusSource

NOON = 1_773_662_400.0  # Monday, 2026-03-16T12:00:00Z
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TICK = 15.0
QUERY = "sum(rate(http_requests_total[1m]))"
CRD = api.API_VERSION, api.KIND
HPA = "autoscaling/v2", "HorizontalPodAutoscaler"
SCALED_OBJECT = "keda.sh/v1alpha1", "ScaledObject"
SHORT = {"forecast": {"history": "2h", "seasons": []}}
# What hangs is waited for in real time, so as briefly as can be; everything else is simulated.
SETTINGS = Settings(
    leader_election=False, interval_seconds=TICK, metric_lag_seconds=15.0, startup_seconds=30.0,
    collect_deadline_seconds=5.0,
)  # fmt: skip
IMPATIENT = replace(SETTINGS, collect_deadline_seconds=0.05)


def impatient_recovery(monkeypatch):
    """Lost watches, and the Lease, are tried again at once instead of after a second or two of real time."""
    monkeypatch.setattr(lease, "LeaseTiming", partial(lease.LeaseTiming, retry_period_seconds=0.05))
    monkeypatch.setattr(listwatch, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(listwatch, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(service, "RESYNC_LOOK_SECONDS", 0.01)


def deployment(name="web", replicas=3):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web", "resources": {"requests": {"cpu": "500m"}}}]},
            },
        },
    }


def autoscaler(name="web", *, query=QUERY, load=None, prometheus=None, **spec):
    """1 to 60 replicas of the Deployment of the same name, 50/s each; two days of history, a daily season."""
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "maxReplicas": 60,
            "load": {"prometheus": {"query": query, **(prometheus or {})}, **(load or {})},
            "capacity": {"perReplica": 50},
            "forecast": {"history": "2d", "seasons": ["24h"]},
            **spec,
        },
    }


def hpa(name="web", *, least=2, most=40, **metadata):
    return {
        "apiVersion": HPA[0],
        "kind": HPA[1],
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            **({} if least is None else {"minReplicas": least}),
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }


def scaled_object(name="web", **spec):
    return {
        "apiVersion": SCALED_OBJECT[0],
        "kind": SCALED_OBJECT[1],
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": [{"type": "cpu"}], **spec},
    }


def custom_kind(kind, plural, group, version="v1", **subresources):
    """A kind without a schema, `subresources` as a CustomResourceDefinition has them."""
    free = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": version, "served": True, "storage": True, "schema": free}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [served | ({"subresources": subresources} if subresources else {})],
        },
    }


def rollouts(**subresources):
    """A kind that is known by /scale alone."""
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    return custom_kind("Rollout", "rollouts", "example.dev", scale=scale, **subresources)


def rollout(replicas, name="canary"):
    return {
        "apiVersion": "example.dev/v1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas},
    }


SCALED_OBJECTS = custom_kind("ScaledObject", "scaledobjects", "keda.sh", "v1alpha1")


def _watches_ours(request):
    return request.verb == "watch" and request.resource == api.PLURAL


@dataclass
class Running:
    """One operator process: `stop` ends it as SIGTERM would."""

    operator: Operator
    _life: AsyncExitStack

    async def stop(self):
        await self._life.aclose()


class World(Stage):
    """`requests` keeps every request that reached the API server; `other` is a second Prometheus, allowed or not."""

    def __init__(self, *, start=NOON, settings=SETTINGS, start_up=None, other_prometheus=False, allowed=True):
        super().__init__(start=start, settings=settings, start_up=start_up or pods.fixed(30.0))
        self.requests = []
        self.server.routes.observers.append(self.requests.append)
        self.other, self._allowed = SandboxPrometheus(self.clock) if other_prometheus else None, allowed
        self.running: Running

    async def __aenter__(self):
        if self.other is not None:
            await self.other.start()
        return await super().__aenter__()

    async def __aexit__(self, *error):
        await self._processes.aclose()
        await super().__aexit__(*error)
        if self.other is not None:
            await self.other.stop()

    async def _start_operator(self, exits, kubeconfig):
        self.kubeconfig, self._processes = kubeconfig, AsyncExitStack()
        self.running = await self.start_operator()
        self.operator = self.running.operator

    async def start_operator(self, **changes):
        """Another process of the operator on the same cluster."""
        settings = replace(self.settings, default_server_address=self.prometheus.url, **changes)
        if self.other is not None and self._allowed:
            settings = replace(settings, allowed_server_addresses=(self.other.url,))
        life = AsyncExitStack()
        self._processes.push_async_exit(life)
        client = await KubeClient.connect(self.kubeconfig)
        credentials = Credentials(client, monotonic=self.clock.now)
        source = PrometheusSource(
            settings.default_server_address, AllowList(settings.allowed_server_addresses), auth_for=credentials
        )
        operator = Operator(client, AuthenticatedSource(source, credentials), settings, clock=self.clock.now)
        await operator.start(ticking=False)
        life.push_async_callback(operator.stop)
        stop, since = asyncio.Event(), len(self.requests)
        watching = asyncio.create_task(
            watch(
                operator.registry.observe,
                client.connection,
                namespaces=settings.namespaces,
                identity=settings.identity,
                stop=stop,
            )
        )

        async def end():
            stop.set()
            await watching

        life.push_async_callback(end)
        await operator.synced()
        # kopf that is stopped while it begins takes five seconds to give up what it has begun
        await self.until(lambda: any(map(_watches_ours, self.requests[since:])), "kopf watches")
        return Running(operator, life)

    async def restart(self):
        """Stop the operator and start it anew."""
        await self.running.stop()
        await self.resume()

    async def resume(self):
        """Start the operator that was stopped."""
        self.running = await self.start_operator()
        self.operator = self.running.operator
        await self.settle()

    def feed(self, rate, *, name="http_requests_total", labels=None, days=2.0, ahead=6 * HOUR, prometheus=None):
        """Put a counter with `rate(t)` per second into Prometheus: `days` of past, `ahead` seconds of future."""
        now = self.clock.now()
        times = np.arange(now - days * DAY, now + ahead, MINUTE)
        rates = rate(times) if callable(rate) else np.full(len(times), float(rate))
        (prometheus or self.prometheus).store.add_counter(name, labels or {}, times, rates)

    async def begin(self, *objects):
        """Apply, let the pods start, build the posteriors."""
        self.apply(*objects)
        self.clock.advance(MINUTE)
        await self.settle()

    async def run(self, seconds, each=None):
        """Tick through `seconds`; `each(world)` after every tick. Returns the replicas of `web` at every tick."""
        seen = []
        for _ in range(round(seconds / TICK)):
            await self.advance(TICK)
            await self.tick()
            seen.append(self.replicas())
            if each is not None:
                each(self)
        return seen

    def replicas(self, name="web"):
        return self.server.get("apps/v1", "Deployment", name)["spec"].get("replicas")

    def ready(self, name="web"):
        return self.server.get("apps/v1", "Deployment", name)["status"].get("readyReplicas", 0)

    def scale_by_hand(self, replicas, name="web"):
        self.server.patch("apps/v1", "Deployment", name, {"spec": {"replicas": replicas}})

    def edit(self, name="web", **spec):
        self.server.patch(*CRD, name, {"spec": spec})

    def status(self, name="web"):
        return self.server.get(*CRD, name).get("status", {})

    def condition(self, kind, name="web"):
        found = next(c for c in self.status(name)["conditions"] if c["type"] == kind)
        return found["status"], found["reason"]

    def decision(self, name="web"):
        return self.workload(name).decision

    async def events(self, name="web"):
        """Type and reason of every Event about an object."""
        await self.operator.events.drain()
        kind = self.server.kinds.of_object({"apiVersion": "events.k8s.io/v1", "kind": "Event"})
        posted = [record.object for _, record in self.server.store.items(kind.resource)]
        about = [e for e in posted if (e.get("regarding") or e.get("involvedObject"))["name"] == name]
        return [(e["type"], e["reason"]) for e in about]

    def writes(self, since=0):
        """Resource and subresource of every write request."""
        verbs = {"create", "update", "patch", "delete", "deletecollection"}
        return [(r.resource, r.subresource) for r in self.requests[since:] if r.verb in verbs]
