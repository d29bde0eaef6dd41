"""Reading one Secret of one namespace by its name."""

import base64
import binascii

from .client import KubeClient
from .errors import BadSecret, Forbidden, NotFound
from .paths import item


async def read_secret(client: KubeClient, namespace: str, name: str) -> dict[str, bytes]:
    """The decoded entries of a Secret; values are never logged nor put into an error.

    Raises NotFound, Forbidden (both with the cure), BadSecret, BadName or another ApiError.
    """
    try:
        secret = await client.request("GET", item("v1", "secrets", namespace, name))
    except NotFound as error:
        raise NotFound(
            404,
            "NotFound",
            f"Secret {namespace}/{name} is not there: create it in the autoscaler's own namespace",
        ) from error
    except Forbidden as error:
        raise Forbidden(
            403,
            "Forbidden",
            f"Secret {namespace}/{name} may not be read: bind a Role with `get` on secrets, "
            f"resourceNames [{name}], to the operator's service account in {namespace}",
        ) from error
    entries: dict[str, bytes] = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            entries[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise BadSecret(f"Secret {namespace}/{name}: the value of {key!r} is not base64") from None
    return entries
