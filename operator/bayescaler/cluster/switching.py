"""Setting one field of an autoscaler's spec, as somebody at a terminal does: under a field manager of its own."""

from .autoscalers import GROUP_VERSION
from .client import JSON_PATCH, KubeClient
from .errors import Moved, Unprocessable
from .paths import Json, item

FIELD_MANAGER = "kubectl-bayescaler"


async def set_spec(client: KubeClient, obj: Json, field: str, value: object, *, dry_run: bool = False) -> Json:
    """Set `spec.<field>` of the object that was read as `obj`; return it as it is, or (dry run) as it would be.

    Raises Moved if a namesake stands in its place, Unprocessable if the schema refuses the value, else ApiError.
    """
    metadata = obj["metadata"]
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "add", "path": f"/spec/{field}", "value": value},
    ]
    path = item(GROUP_VERSION, "bayesianautoscalers", metadata["namespace"], metadata["name"])
    query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
    try:
        return await client.request("PATCH", path, body=operations, query=query, content_type=JSON_PATCH)
    except Unprocessable as error:
        if error.causes:
            raise
        raise Moved(f"{metadata['namespace']}/{metadata['name']} was recreated meanwhile: try again") from error
