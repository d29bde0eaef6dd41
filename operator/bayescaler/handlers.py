"""kopf carries the watch and its reconnections: registrations only, no arithmetic and no policy.

Low-level `on.event` alone is used: it writes nothing to the objects, needs no finalizer, and costs no task an object.
kopf has a thread and an event loop of its own: at its end it waits for every task of its loop, which ours are not.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import kopf

from bayescaler.api import GROUP, PLURAL, VERSION
from bayescaler.cluster.credentials import Connection

Observe = Callable[[str | None, Mapping[str, Any]], None]
Connect = Callable[[], Awaitable[Connection]]


def handlers(observe: Observe, connect: Connect) -> kopf.OperatorRegistry:
    """Register what feeds `observe` with the type and the object of every event, on the connection of `connect`."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)  # type: ignore[untyped-decorator]
    async def login(**_: Any) -> kopf.ConnectionInfo:
        now = await connect()
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

    @kopf.on.startup(registry=registry)  # type: ignore[untyped-decorator]
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False  # we post our own Events
        settings.scanning.disabled = True  # no list of CRDs and namespaces, so no right to them is needed
        settings.watching.server_timeout, settings.watching.client_timeout = 300, 330
        settings.watching.connect_timeout, settings.watching.reconnect_backoff = 10, 1.0
        settings.watching.chunk_size = 500
        settings.networking.request_timeout = 30
        settings.queueing.idle_timeout = 1
        settings.process.ultimate_exiting_timeout = 30

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)  # type: ignore[untyped-decorator]
    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        observe(event["type"], event["object"])

    return registry


async def watch(
    observe: Observe, connect: Connect, *, namespaces: tuple[str, ...], identity: str, stop: asyncio.Event
) -> None:
    """Call `observe` in this event loop for every event until `stop` is set; raises if kopf ends by itself."""
    loop, kopf_stop = asyncio.get_running_loop(), threading.Event()

    def deliver(event: str | None, obj: Mapping[str, Any]) -> None:
        if not kopf_stop.is_set():
            loop.call_soon_threadsafe(observe, event, obj)

    async def connection() -> Connection:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(connect), loop))

    def run() -> None:
        kopf.run(
            registry=handlers(deliver, connection),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=list(namespaces),
            identity=cast("Any", identity),  # else it asks for the user's name, and the image's has none
            stop_flag=kopf_stop,
        )

    watching = asyncio.ensure_future(asyncio.to_thread(run))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await watching
            raise RuntimeError("kopf ended although nobody asked it to")
    finally:
        kopf_stop.set()
        stopping.cancel()
        await watching


async def _awaited(connect: Connect) -> Connection:
    return await connect()
