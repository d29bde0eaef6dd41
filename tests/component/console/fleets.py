"""Fleets for the console: any number of objects in an operator's registry, decided on by the production code."""

import math
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from tests.component.serving.grants import operators_token

from bayescaler import api
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.scale import Target
from bayescaler.console.serve import console
from bayescaler.control.deciding import decide_one
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Load
from bayescaler.policy import Evidence, Outlook, assess
from bayescaler.policy.reasons import Health, Phase
from bayescaler.sandbox.server import SandboxServer
from bayescaler.serving.access import Access
from bayescaler.serving.door import Door
from bayescast import LEVELS, Family, Predictive

NOON = 1_772_452_800.0  # 2026-03-02T12:00:00Z
TICK, MINUTE = 15.0, 60.0
NORMAL = np.array([0.0, 0.524, 0.842, 1.282, 1.645, 1.96, 2.326, 2.576, 3.09])  # its quantiles at LEVELS
NAMESPACES = ("checkout", "payments", "search", "shop")
NAMES = ("api", "cart", "feed", "images", "mail", "orders", "prices", "ranking", "stock", "web")
CANARY = "canary-5d1f0c7e"


def manifest(namespace, name, number=1, **spec):
    """An autoscaler whose load is read with a Secret; its credentials are nobody's business."""
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"namespace": namespace, "name": name, "uid": f"{number:08d}-aaaa", "generation": 1},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": 40,
            "mode": "Auto",
            "load": {"prometheus": {"query": "sum(rate(requests[1m]))", "authRef": {"name": "prometheus-auth"}}},
            "capacity": {"perReplica": 50},
            **spec,
        },
    }


def expecting(load, *, at, spread=0.1):
    """A forecast whose median is `load`, wider over half an hour."""
    return Outlook(
        *(
            Predictive(np.array(LEVELS), load * np.exp(wide * NORMAL), lead, MINUTE, at, Family.POISSON_GAMMA)
            for wide, lead in ((spread, 2), (1.6 * spread, 15))
        )
    )


class Fleet:
    """`count` objects of four namespaces, of which some are not well; `live` ticks through an hour of them."""

    def __init__(self, operator, count):
        self.operator = operator
        for number in range(count):
            place, name = NAMESPACES[number % 4], f"{NAMES[number // 4 % 10]}-{number // 40:02d}"
            spec = {"objective": {"risk": {"overloadBudget": 0.01}}} if number % 5 == 0 else {}
            spec |= {"mode": "Observe"} if number % 37 == 3 else {}
            operator.registry.observe("ADDED", manifest(place, name, number, **spec))
        operator.registry.synced_at = NOON
        operator.ready = lambda: None  # no cluster is listed here

    def __iter__(self):
        return iter(self.operator.registry)

    def live(self, *, until=NOON, ticks=240, memory=None):
        """Decide on everybody, tick by tick; of many objects a few ticks say enough."""
        for tick in range(ticks - 1, -1, -1):
            now = until - tick * TICK
            for number, workload in enumerate(self):
                self._tick(workload, number, now, since=until)
            for onlooker in self.operator.loop.onlookers:
                onlooker.look(tuple(self), now=now)
            self.operator.loop.last_tick_at = now

    def _tick(self, workload, number, now, *, since):
        closed = math.floor((now - 15.0) / MINUTE) * MINUTE
        size = 80.0 + 37.0 * (number * 7919 % 17)
        load = size * self._shape(number, closed)
        wanted = workload.decision.final if workload.decision else math.ceil(load / 40)
        shown = 0.88 if number % 41 == 5 else 0.951
        evidence = Evidence(1440, shown, 0.95, 0.42, 20_160, 1440)
        workload.evidence = evidence
        workload.phase, workload.phase_told = assess(evidence, Phase.TRUSTED)
        workload.awaits_history_since = None
        workload.target = Target("t", min(wanted, 40), "app=x", min(wanted, 40))
        workload.outlook = expecting(size * self._shape(number, closed + 2 * MINUTE), at=closed)
        if number % 97 == 11 and now > since - 300:
            reason = "connection refused"
            workload.load = Load(None, closed, Health.FAILED, f"prometheus does not answer: {reason}", "LoadFailed")
        else:
            workload.load = Load(load, closed, Health.LIVE, "", "LoadLive", complete=True)
        decide_one(workload, now=now, scale_in_allowed=True)

    @staticmethod
    def _shape(number, at):
        wave = 1.0 + 0.25 * math.sin((at + 700.0 * number) / 1100.0)
        return wave * (1.0 + 0.04 * math.sin(at * (1.0 + number % 7)))


@asynccontextmanager
async def served(count, folder: Path, *, ticks=2, door=None, refresh_seconds=15.0):
    """A console on loopback, over `count` objects and an API server that enforces its roles."""
    async with SandboxServer(authorize=True) as server:
        for place in NAMESPACES:
            server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
            secret = {"name": "prometheus-auth", "namespace": place}
            server.create({"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": {"token": CANARY}})
        kubeconfig = server.write_kubeconfig(folder / "kubeconfig", token=operators_token(server))
        async with await KubeClient.connect(kubeconfig) as client, Access(client) as access:
            settings = Settings(leader_election=False, default_server_address="http://prometheus:9090")
            operator = Operator.on_prometheus(client.separate(), settings, clock=lambda: NOON + 4.0)
            door = door or Door("127.0.0.1", 0)
            page = console(operator, access, door, refresh_seconds=refresh_seconds, clock=lambda: NOON + 4.0)
            try:
                async with page as address:
                    fleet = Fleet(operator, count)
                    fleet.live(ticks=ticks)
                    yield Console(server, fleet, address)
            finally:
                await operator.stop()


class Console:
    def __init__(self, server, fleet, address):
        self.server, self.fleet, self.operator, self.address = server, fleet, fleet.operator, address

    def requests(self, code):
        """How many requests were answered with this status."""
        return self.operator.metrics.http_requests.labels("console", str(code))._value.get()
