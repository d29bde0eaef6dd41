"""The server's life: a port on loopback, a kubeconfig, and the objects a scenario seeds without HTTP."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

from bayescaler.sandbox.address import HOST, keep
from bayescaler.sandbox.clock import Clock, RealClock, rfc3339

from .authz import Guard, User
from .errors import Json
from .faults import Faults
from .kinds import Kinds
from .options import Deletion, Options
from .patches import merge_patch
from .resources import Registry, present
from .reviews import REVIEW_KINDS
from .routes import Routes
from .store import Store
from .verbs import Verbs

PodUsage = Callable[[str, Json], tuple[float, float] | None]
_NAMESPACES = ("default", "kube-system", "kube-public")


class SandboxServer:
    """An API server in the running event loop.

    `clock` stamps objects; `window` is how many changes of a resource a watch can resume from; `authorize` asks for
    tokens and evaluates RBAC; `seed` makes uids and generated names repeat. `store`, `kinds` and `registry` may be used
    directly.
    """

    def __init__(
        self, *, clock: Clock | None = None, window: int = 1000, authorize: bool = False, seed: int = 0, port: int = 0
    ) -> None:
        self.clock = clock or RealClock()
        self.store = Store(self.clock, window=window, seed=seed)
        self.kinds = Kinds()
        for kind in REVIEW_KINDS:
            self.kinds.add(kind)
        self.registry = Registry(self.store, self.kinds)
        self.guard = Guard(self.store, enforced=authorize)
        self.faults = Faults(self._close, self._listen)
        verbs = Verbs(self.registry)
        verbs.virtual["metrics.k8s.io", "pods"] = self._pod_metrics
        self.routes = Routes(self.registry, self.guard, self.faults, verbs)
        self.pod_usage: PodUsage | None = None
        self._port = port
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        for name in _NAMESPACES:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.routes.application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._port = keep(self._port, owner=self)
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.faults.cut_watches()
        await self._close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens: http://127.0.0.1:PORT."""
        return f"http://{HOST}:{self._port}"

    @property
    def admin_token(self) -> str:
        """The token of a cluster admin; needed only with `authorize`."""
        return self.guard.admin_token

    def token(self, user: User) -> str:
        """A new bearer token of `user`."""
        return self.guard.issue(user)

    def write_kubeconfig(self, path: Path | str, *, token: str | None = None, namespace: str = "default") -> Path:
        """Write a kubeconfig for this server, as the admin or as the user of `token`; returns its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": {"server": self.url}}],
            "users": [{"name": "sandbox", "user": {"token": token or self.guard.admin_token}}],
            "contexts": [
                {"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": namespace}}
            ],
        }
        target = Path(path)
        target.write_text(yaml.safe_dump(config), encoding="utf-8")
        target.chmod(0o600)
        return target

    def create(self, obj: Json, *, namespace: str = "default") -> Json:
        """Create an object without HTTP, under all the rules of a POST; returns what was stored."""
        kind = self.kinds.of_object(obj)
        place = obj["metadata"].get("namespace", namespace) if kind.namespaced else ""
        return present(kind, self.registry.create(kind, place, obj, Options()).object)

    def get(self, api_version: str, kind: str, name: str, *, namespace: str = "default") -> Json:
        """Read an object without HTTP; raises StatusError 404."""
        found = self.kinds.of_object({"apiVersion": api_version, "kind": kind})
        return present(found, self.registry.read(found, namespace if found.namespaced else "", name).object)

    def patch(
        self, api_version: str, kind: str, name: str, change: Json, *, namespace: str = "default", subresource: str = ""
    ) -> Json:
        """Merge-patch an object without HTTP; returns what was stored."""
        found = self.kinds.of_object({"apiVersion": api_version, "kind": kind})
        place = namespace if found.namespaced else ""
        new = merge_patch(present(found, self.registry.read(found, place, name).object), change)
        record, _ = self.registry.update(found, place, name, new, Options(subresource=subresource))
        return present(found, record.object)

    def delete(self, api_version: str, kind: str, name: str, *, namespace: str = "default") -> None:
        """Delete an object without HTTP."""
        found = self.kinds.of_object({"apiVersion": api_version, "kind": kind})
        self.registry.delete(found, namespace if found.namespaced else "", name, Deletion())

    def write_log(self, pod: str, text: str, *, namespace: str = "default", previous: bool = False) -> None:
        """Let a pod have written this, now or before its last restart."""
        self.routes.logs.write(namespace, pod, text, previous=previous)

    def compact(self) -> None:
        """Forget all history: watches and pages from before get 410 Expired."""
        self.store.compact()

    async def _listen(self) -> None:
        if self._runner is None or self._runner.server is None:
            raise RuntimeError("the sandbox server has not been started; use `async with`")
        self._listener = await asyncio.get_running_loop().create_server(self._runner.server, HOST, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        open_connections = self._runner.server.connections if self._runner and self._runner.server else []
        for connection in open_connections:
            if connection.transport is not None:
                connection.transport.abort()

    def _pod_metrics(self, namespace: str) -> list[Json]:
        """PodMetrics of the ready pods whose usage the scenario knows: cores and bytes."""
        if self.pod_usage is None:
            return []
        made = []
        for (place, name), record in self.store.items(("", "pods"), namespace):
            usage = self.pod_usage(place, record.object)
            if usage is None:
                continue
            cores, memory = usage
            container = record.object["spec"]["containers"][0]["name"]
            made.append(
                {
                    "kind": "PodMetrics",
                    "apiVersion": "metrics.k8s.io/v1beta1",
                    "metadata": {
                        "name": name,
                        "namespace": place,
                        "creationTimestamp": rfc3339(self.clock.now()),
                        "labels": record.object["metadata"].get("labels", {}),
                    },
                    "timestamp": rfc3339(self.clock.now()),
                    "window": "15s",
                    "containers": [
                        {
                            "name": container,
                            "usage": {"cpu": f"{round(cores * 1e9)}n", "memory": f"{round(memory / 1024)}Ki"},
                        }
                    ],
                }
            )
        return made
