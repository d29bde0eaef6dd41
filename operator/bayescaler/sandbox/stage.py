"""The sandbox assembled: API server, workloads and Prometheus around the production operator, in simulated time.

Everything but time is real: the operator watches through kopf, reads Prometheus over HTTP and patches /scale; only its
ticks are called by the scenario instead of by the clock.
"""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from bayescaler import api
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.targets import project
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Workload
from bayescaler.handlers import watch

from .clock import SimulatedClock
from .pods import StartUp, fixed
from .prometheus import SandboxPrometheus
from .server import SandboxServer
from .workloads import Workloads

PATIENCE_SECONDS = 20.0


class Stage:
    """`async with Stage(start=...) as stage:` gives `server`, `prometheus`, `clock` and a running `operator`.

    Fill `prometheus.store`, `apply` manifests, `settle`, then `advance` and `tick`.
    """

    def __init__(
        self, *, start: float, settings: Settings | None = None, start_up: StartUp | None = None, seed: int = 0
    ) -> None:
        self.clock = SimulatedClock(start)
        self.server = SandboxServer(clock=self.clock, seed=seed)
        self.prometheus = SandboxPrometheus(self.clock)
        self.workloads = Workloads(self.server.registry, start_up=start_up or fixed(5.0), seed=seed)
        self.settings = settings or Settings(leader_election=False)
        self.operator: Operator
        self._operator_life = AsyncExitStack()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            folder = exits.enter_context(tempfile.TemporaryDirectory())
            await exits.enter_async_context(self.server)
            await exits.enter_async_context(self.prometheus)
            self.server.create(api.crd())
            exits.callback(self.workloads.stop)
            await self._start_operator(exits, self.server.write_kubeconfig(Path(folder) / "kubeconfig"))
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def _start_operator(self, exits: AsyncExitStack, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        exits.push_async_callback(self.stop_operator)
        await self.start_operator()

    async def start_operator(self) -> None:
        """Start an operator that knows nothing but what is in the cluster."""
        settings = replace(
            self.settings, default_server_address=self.settings.default_server_address or self.prometheus.url
        )
        async with AsyncExitStack() as life:
            client = await KubeClient.connect(self._kubeconfig)
            self._client = client
            self.operator = Operator.on_prometheus(client, settings, clock=self.clock.now)
            await self.operator.start(ticking=False)
            life.push_async_callback(self.operator.stop)
            stop = asyncio.Event()
            watching = asyncio.create_task(
                watch(
                    self.operator.registry.observe,
                    client.connection,
                    namespaces=settings.namespaces,
                    identity=settings.identity,
                    stop=stop,
                ),
                name="kopf",
            )
            life.push_async_callback(_stop_watching, stop, watching)
            await self.operator.synced()
            self._operator_life = life.pop_all()

    async def stop_operator(self) -> None:
        """End the operator as SIGTERM would: it saves what is saved."""
        await self._operator_life.aclose()

    def reviewer(self) -> KubeClient:
        """A client of its own for the console, as the operator's."""
        return self._client.separate()

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create objects, as `kubectl apply` of new ones would."""
        for obj in objects:
            self.server.create(obj)

    def workload(self, name: str, namespace: str = "default") -> Workload:
        """The operator's record of an object."""
        found = self.operator.registry.get((namespace, name))
        assert found is not None, f"{namespace}/{name} is unknown to the operator"  # noqa: S101 - a scenario's own mistake
        return found

    async def settle(self) -> None:
        """Wait until the operator knows what the server holds, and every posterior that can be built is built."""
        await self.until(self._is_known, "the operator does not see what the server holds")
        await self.operator.warmup.idle()

    async def advance(self, seconds: float) -> None:
        """Let simulated time pass, and the news of it reach the operator."""
        self.clock.advance(seconds)
        await self.until(self._is_known, "the operator does not see what the server holds")

    async def tick(self) -> None:
        """One tick of the operator at the simulated now."""
        await self.operator.loop.tick(now=self.clock.now())

    async def until(self, true: Callable[[], bool], otherwise: str) -> None:
        """Give the event loop its turns until `true()`; raises TimeoutError saying `otherwise`."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not true():
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(otherwise)
            await asyncio.sleep(0)

    def _is_known(self) -> bool:
        registry, targets = self.operator.registry, self.operator.targets
        ours = self._objects(api.API_VERSION, api.KIND)
        if len(ours) != len(registry):
            return False
        for obj in ours:
            known = registry.get((obj["metadata"]["namespace"], obj["metadata"]["name"]))
            if known is None or (known.uid, known.generation) != (
                obj["metadata"]["uid"],
                obj["metadata"]["generation"],
            ):
                return False
        return all(
            targets.get("Deployment", d["metadata"]["namespace"], d["metadata"]["name"]) == project(d)
            for d in self._objects("apps/v1", "Deployment")
        )

    def _objects(self, api_version: str, kind: str) -> list[dict[str, Any]]:
        """What the server holds of a kind; not to be changed in place."""
        found = self.server.kinds.of_object({"apiVersion": api_version, "kind": kind})
        return [record.object for _, record in self.server.store.items(found.resource)]


async def _stop_watching(stop: asyncio.Event, watching: "asyncio.Task[None]") -> None:
    stop.set()
    await watching
