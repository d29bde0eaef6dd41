"""Putting every floor back at the end of an installation: first the Lease is taken from whoever would write again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from .client import KubeClient
from .errors import ClusterError, Conflict, Moved, NotFound, ServerError, TooManyRequests, Unreachable
from .events import micro_time
from .gate import Gate
from .lease import GROUP_VERSION, LeaseTiming
from .listwatch import list_pages
from .paths import Json, item
from .scalers import Scaler, ScalerKind, project, restore_floor, scalers_path

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5
IN_FLIGHT = 8
# Long enough to stop the operator's pods meanwhile, short enough not to be in the way of a new installation.
HELD_SECONDS = 120
HOLDER = "bayescaler-restore"

Sleep = Callable[[float], Awaitable[object]]

logger = logging.getLogger(__name__)


class Silence(StrEnum):
    """What was found where the operator's Lease should be."""

    TAKEN = "taken from its holder"
    UNHELD = "nobody held it"
    NO_LEASE = "there is no such Lease"


@dataclass(frozen=True, slots=True)
class PutBack:
    """An autoscaler as it was, as a write left it (None: there was no write), and what kept it from being put back."""

    before: Scaler
    after: Scaler | None = None
    error: ClusterError | None = None


async def silence_operators(
    client: KubeClient,
    namespace: str,
    name: str,
    *,
    sleep: Sleep = asyncio.sleep,
    wall_clock: Callable[[], float] = time.time,
) -> Silence:
    """Take the Lease, so that no operator writes for two minutes; return whether there is one and somebody held it.

    A leader finds out at its next renewal, or stops believing in itself at its renew deadline, which is waited for.
    Raises ApiError.
    """
    path = item(GROUP_VERSION, "leases", namespace, name)
    for attempt in range(ATTEMPTS):
        try:
            lease = await client.request("GET", path)
        except NotFound:
            return Silence.NO_LEASE
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        try:
            await client.request("PUT", path, body=_taken(lease, micro_time(wall_clock())))
        except Conflict:  # it was renewed in between
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if holder in {"", HOLDER}:
            break
        await sleep(LeaseTiming().renew_deadline_seconds)
        return Silence.TAKEN
    return Silence.UNHELD


async def restore_all(
    client: KubeClient, namespaces: Iterable[str | None], *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[PutBack]:
    """Put every floor back, a few at once, and yield what came of each as soon as it is known.

    Raises ApiError where the autoscalers cannot be listed; that KEDA is not installed is no error.
    """
    gate = Gate(IN_FLIGHT, sleep=sleep)
    places = [(kind, namespace) for namespace in namespaces for kind in ScalerKind]
    found = [scaler for kind, namespace in places for scaler in await _claimed(client, kind, namespace)]
    tasks = [asyncio.create_task(_restored(client, gate, scaler, sleep)) for scaler in found]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()


async def _claimed(
    client: KubeClient, kind: ScalerKind, namespace: str | None, *, name: str | None = None
) -> list[Scaler]:
    found: list[Scaler] = []
    fields = None if name is None else f"metadata.name={name}"
    try:
        async for page in list_pages(client, scalers_path(kind, namespace), fields=fields):
            scalers = (project(kind, raw) for raw in page.get("items") or ())
            found += [scaler for scaler in scalers if scaler is not None and scaler.claim is not None]
    except NotFound:
        if kind is ScalerKind.HPA:
            raise
    return found


async def _restored(client: KubeClient, gate: Gate, scaler: Scaler, sleep: Sleep) -> PutBack:
    """Put one back; what was edited meanwhile is read again, and a server that fails is waited for, ever longer."""
    last: ClusterError | None = None
    wait = FIRST_WAIT_SECONDS
    for attempt in range(ATTEMPTS):
        try:
            if attempt:
                again = await _claimed(client, scaler.kind, scaler.namespace, name=scaler.name)
                if not again:
                    return PutBack(scaler)  # somebody else has put it back, or our own answer was lost
                scaler = again[0]
            return PutBack(scaler, await gate.run(partial(restore_floor, client, scaler)))
        except NotFound:
            return PutBack(scaler)  # it is gone, and its floor with it
        except Moved as error:
            last = error
        except (Unreachable, ServerError, TooManyRequests) as error:
            last = error
            await sleep(wait)
            wait *= 2.0
        except ClusterError as error:
            return PutBack(scaler, error=error)
    return PutBack(scaler, error=last)


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
