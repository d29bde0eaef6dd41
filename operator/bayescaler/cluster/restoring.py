"""Putting every floor back at the end of an installation: first the Lease is taken from whoever would write again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from .client import KubeClient
from .errors import ClusterError, Conflict, Moved, NotFound
from .events import micro_time
from .lease import GROUP_VERSION, LeaseTiming
from .listwatch import list_pages
from .paths import Json, item
from .scalers import Scaler, ScalerKind, project, restore_floor, scalers_path

ATTEMPTS = 5
# Long enough to stop the operator's pods meanwhile, short enough not to be in the way of a new installation.
HELD_SECONDS = 120
HOLDER = "bayescaler-restore"

logger = logging.getLogger(__name__)


async def silence_operators(
    client: KubeClient,
    namespace: str,
    name: str,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    wall_clock: Callable[[], float] = time.time,
) -> bool:
    """Take the Lease, so that no operator writes for two minutes; return whether somebody held it.

    A leader finds out at its next renewal, or stops believing in itself at its renew deadline, which is waited for.
    Raises ApiError.
    """
    path = item(GROUP_VERSION, "leases", namespace, name)
    for attempt in range(ATTEMPTS):
        try:
            lease = await client.request("GET", path)
        except NotFound:
            return False
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        try:
            await client.request("PUT", path, body=_taken(lease, micro_time(wall_clock())))
        except Conflict:  # it was renewed in between
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if holder in {"", HOLDER}:
            return False
        await sleep(LeaseTiming().renew_deadline_seconds)
        return True
    return False


async def restore_all(client: KubeClient, namespaces: Iterable[str | None]) -> AsyncIterator[tuple[Scaler, str | None]]:
    """Put every floor back, and yield each autoscaler as it is afterwards, or as it is left with what went wrong.

    Raises ApiError where the autoscalers cannot be listed; that KEDA is not installed is no error.
    """
    for namespace in namespaces:
        for kind in ScalerKind:
            for scaler in await _claimed(client, kind, namespace):
                yield await _restored(client, scaler)


async def _claimed(client: KubeClient, kind: ScalerKind, namespace: str | None) -> list[Scaler]:
    found: list[Scaler] = []
    try:
        async for page in list_pages(client, scalers_path(kind, namespace)):
            scalers = (project(kind, raw) for raw in page.get("items") or ())
            found += [scaler for scaler in scalers if scaler is not None and scaler.claim is not None]
    except NotFound:
        if kind is ScalerKind.HPA:
            raise
    return found


async def _restored(client: KubeClient, scaler: Scaler) -> tuple[Scaler, str | None]:
    why = ""
    for _ in range(ATTEMPTS):
        try:
            return await restore_floor(client, scaler), None
        except NotFound:
            return scaler, None  # it is gone, and its floor with it
        except Moved as error:
            why = str(error)
        except ClusterError as error:
            return scaler, str(error)
        again = [s for s in await _claimed(client, scaler.kind, scaler.namespace) if s.name == scaler.name]
        if not again:
            return scaler, None
        scaler = again[0]
    return scaler, why


def _taken(lease: Json, now: str) -> Json:
    spec = lease.get("spec") or {}
    return {
        **lease,
        "spec": {
            **spec,
            "holderIdentity": HOLDER,
            "leaseDurationSeconds": HELD_SECONDS,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1,
        },
    }
