"""kopf carries the watch and the process' life: registrations only, no arithmetic and no policy.

Low-level `on.event` alone is used: it writes nothing to the objects, needs no finalizer, and costs no task an object.
"""

import asyncio
from typing import Any

import kopf

from bayescaler.api import GROUP, PLURAL, VERSION
from bayescaler.cluster.client import KubeClient
from bayescaler.control.registry import Registry


def registry_for(registry: Registry, client: KubeClient) -> kopf.OperatorRegistry:
    """Register the handlers that feed `registry`, on the connection that `client` uses."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)  # type: ignore[untyped-decorator]
    async def login(**_: Any) -> kopf.ConnectionInfo:
        now = await client.connection()
        scheme, _space, token = (now.authorization or "").partition(" ")
        return kopf.ConnectionInfo(
            server=now.server,
            ca_path=now.ca_path,
            insecure=now.insecure,
            scheme=scheme or None,
            token=token or None,
            certificate_path=now.certificate_path,
            private_key_path=now.private_key_path,
            proxy_url=now.proxy,
        )

    @kopf.on.startup(registry=handlers)  # type: ignore[untyped-decorator]
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False  # we post our own Events
        settings.scanning.disabled = True  # no list of CRDs and namespaces, so no right to them is needed
        settings.watching.server_timeout, settings.watching.client_timeout = 300, 330
        settings.watching.connect_timeout, settings.watching.reconnect_backoff = 10, 1.0
        settings.watching.chunk_size = 500
        settings.networking.request_timeout = 30
        settings.queueing.idle_timeout = 1
        settings.process.ultimate_exiting_timeout = 30

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)  # type: ignore[untyped-decorator]
    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        registry.observe(event["type"], event["object"])

    return handlers


async def watch(
    registry: Registry,
    client: KubeClient,
    *,
    namespaces: tuple[str, ...],
    stop: asyncio.Event,
    ready: asyncio.Event | None = None,
) -> None:
    """Feed the registry until `stop` is set. Signals are the caller's."""
    await kopf.operator(
        registry=registry_for(registry, client),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        stop_flag=stop,
        ready_flag=ready,
    )
