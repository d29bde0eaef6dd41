"""Reading all BayesianAutoscalers, and writing the status of one."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bayescaler.api import GROUP, PLURAL, VERSION

from .client import FIELD_MANAGER, JSON_PATCH, KubeClient
from .errors import Moved, Unprocessable
from .listwatch import PAGE_SIZE, list_pages
from .paths import Json, collection, item

GROUP_VERSION = f"{GROUP}/{VERSION}"


async def list_autoscalers(
    client: KubeClient, namespace: str | None = None, *, limit: int = PAGE_SIZE
) -> AsyncGenerator[list[Json]]:
    """The autoscalers of one namespace or (None) of all, page by page.

    Only a listing that ended without an error tells what is gone. Raises ApiError (Gone: start again).
    """
    async for page in list_pages(client, collection(GROUP_VERSION, PLURAL, namespace), limit=limit):
        yield page.get("items") or []


async def patch_status(client: KubeClient, namespace: str, name: str, *, uid: str, status: Mapping[str, Any]) -> Json:
    """Replace the whole status of the autoscaler of `uid`; return the object as it is afterwards.

    Costs the API server ten milliseconds even if nothing changes: compare before sending. Raises Moved if a
    namesake stands in its place, Unprocessable if the schema refuses the status, else ApiError.
    """
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    path = item(GROUP_VERSION, PLURAL, namespace, name, "status")
    try:
        return await client.request(
            "PATCH", path, body=operations, query={"fieldManager": FIELD_MANAGER}, content_type=JSON_PATCH
        )
    except Unprocessable as error:
        if error.causes:
            raise
        raise Moved(f"BayesianAutoscaler {namespace}/{name} is no longer {uid}: it was recreated") from error
