"""Whether the API server serves our kind with the fields this operator knows, and the wait until it does.

A CustomResourceDefinition of another version would drop what the operator writes, or hold what it does not heed.  It is
judged by the OpenAPI document, which every account may read, so that no right to CustomResourceDefinitions is needed.
"""

import asyncio
import logging
from collections.abc import Iterator

from bayescaler import __version__
from bayescaler.api import API_VERSION, GROUP, KIND, VERSION, crd

from .client import KubeClient
from .errors import ApiError, Forbidden, NotFound
from .paths import Json

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
NAMED_FIELDS = 3
NOT_LOOKED = "the CustomResourceDefinition has not been looked at yet"
CURE = f"apply that of version {__version__} (the chart's crds.install, or kubectl apply --server-side -f crds/)"


class ServedKind:
    """Our kind at one API server; `wrong` is the sentence that says why it cannot be worked with, None once it can."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self.wrong: str | None = NOT_LOOKED

    async def wait(self) -> None:
        """Look until the kind is served as we know it; each new sentence is logged once."""
        while (wrong := await self._look()) is not None:
            if wrong != self.wrong:
                log.error(wrong)
                self.wrong = wrong
            await asyncio.sleep(LOOK_SECONDS)
        if self.wrong not in {None, NOT_LOOKED}:
            log.info("the kind is served now", extra={"kind": KIND, "apiVersion": API_VERSION})
        self.wrong = None

    async def _look(self) -> str | None:
        try:
            document = await self._client.request("GET", f"/openapi/v3/apis/{API_VERSION}")
        except Forbidden:
            return None  # a cluster that hides it: the list of our objects tells what there is to tell
        except NotFound:
            document = {}
        except ApiError as error:
            return f"the API server does not tell whether it serves {KIND}: {error}"
        return misfit(document)


def misfit(document: Json) -> str | None:
    """Tell what keeps an operator of this version from the kind in an OpenAPI v3 document ({}: no such group version);
    None for nothing.
    """
    served = next((s for s in _schemas(document) if _is_ours(s)), None)
    if served is None:
        return f"the cluster has no kind {KIND} in {API_VERSION}: {CURE}"
    ours = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    known, there = (
        {field for part in ("spec", "status") for field in _fields(schema["properties"].get(part, {}), part)}
        for schema in (ours, served)
    )
    if lacking := known - there:
        return f"the CustomResourceDefinition is older than the operator, it has no {_some(lacking)}: {CURE}"
    if unknown := there - known:
        return (
            f"the CustomResourceDefinition is newer than the operator, which is {__version__} and does not know "
            f"{_some(unknown)}: upgrade the operator, or {CURE}"
        )
    return None


def _schemas(document: Json) -> Iterator[Json]:
    yield from (document.get("components") or {}).get("schemas", {}).values()


def _is_ours(schema: Json) -> bool:
    ours = {"group": GROUP, "version": VERSION, "kind": KIND}
    return ours in schema.get("x-kubernetes-group-version-kind", ())


def _fields(schema: Json, path: str) -> Iterator[str]:
    """Every field under a schema by its path; those of a list's entries as its own."""
    for name, one in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _fields(one, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _fields(schema["items"], path)


def _some(fields: set[str]) -> str:
    """The outermost of the fields, three at most."""
    outermost = sorted(one for one in fields if one.rpartition(".")[0] not in fields)
    more = len(outermost) - NAMED_FIELDS
    return ", ".join(outermost[:NAMED_FIELDS]) + (f" and {more} more" if more > 0 else "")
