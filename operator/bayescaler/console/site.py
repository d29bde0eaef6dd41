"""What the console answers: its three files to anybody, its JSON to those whom the API server lets read the objects."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files

from aiohttp import web

from bayescaler.control.containment import contained
from bayescaler.control.registry import Key
from bayescaler.control.service import Operator
from bayescaler.control.workload import Workload
from bayescaler.serving.access import Access, Refused
from bayescaler.serving.guard import guarded

from .memory import Memory
from .views import Json, listing, page, row, summary

HOME = "/console/"
ASSETS = {"": ("console.html", "text/html"), "console.css": ("", "text/css"), "console.js": ("", "text/javascript")}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MOST_CHARACTERS = 253
PARAMETERS = frozenset({"namespace", "words"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page, and the tag that changes with it."""

    body: bytes
    kind: str
    tag: str


def assets() -> dict[str, Asset]:
    """Read the files of the page, by their path below HOME."""
    found = {}
    for path, (name, kind) in ASSETS.items():
        body = files(__package__).joinpath("assets", name or path).read_bytes()
        found[path] = Asset(body, kind, hashlib.sha256(body).hexdigest()[:16])
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the list: of which objects, made since which tick ended (None: none has), and what they say.

    `whole` are those made between two ticks.
    """

    keys: tuple[Key, ...] = ()
    tick: float | None = None
    whole: bool = False
    made: list[Json] = field(default_factory=list)


class Site:
    """One operator's console; `clock` gives epoch seconds, `refresh_seconds` is how often a page asks anew."""

    def __init__(
        self, operator: Operator, access: Access, *, clock: Callable[[], float], refresh_seconds: float
    ) -> None:
        self._operator, self._access, self._clock = operator, access, clock
        self._refresh_seconds = refresh_seconds
        self._memory = Memory(operator.metrics)
        self._assets = assets()
        self._rows = Rows()
        self._making = asyncio.Lock()

    def look_on(self) -> None:
        """Begin to remember."""
        self._operator.loop.onlookers.append(self._memory)

    def look_away(self) -> None:
        """Remember no more."""
        self._operator.loop.onlookers.remove(self._memory)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[guarded(HEADERS)], client_max_size=1)
        app.router.add_get("/", self._home)
        app.router.add_get("/console", self._home)
        app.router.add_get("/favicon.ico", self._nothing)
        for path in self._assets:
            app.router.add_get(HOME + path, self._asset)
        app.router.add_get(f"{HOME}api/objects", self._objects)
        app.router.add_get(f"{HOME}api/objects/{{namespace}}/{{name}}", self._object)
        return app

    async def _home(self, _request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": HOME})

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _asset(self, request: web.Request) -> web.Response:
        asset = self._assets[request.path.removeprefix(HOME)]
        headers = {"Cache-Control": "no-cache", "ETag": f'"{asset.tag}"'}
        if any(tag.value in {asset.tag, "*"} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, content_type=asset.kind, charset="utf-8", headers=headers)

    async def _objects(self, request: web.Request) -> web.Response:
        subject = await self._access.subject(request.headers.get("Authorization"))
        query = _query(request)
        there = {workload.namespace for workload in self._operator.registry}
        seen, unasked = await self._access.seen(subject, there & {query["namespace"]} if query["namespace"] else there)
        if not seen and (there or not await self._access.sees(subject, "")):
            raise Refused(403)
        rows = await self._current()
        shown = [one for one in rows if one["namespace"] in seen]
        body = {
            **self._now(),
            "counts": summary(shown),
            "namespacesNotAsked": unasked,
            **listing(shown, namespaces=seen, words=query["words"]),
        }
        return await _json(body)

    async def _object(self, request: web.Request) -> web.Response:
        subject = await self._access.subject(request.headers.get("Authorization"))
        _query(request)
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if max(len(namespace), len(name)) > MOST_CHARACTERS:
            raise web.HTTPBadRequest
        if not await self._access.sees(subject, namespace):
            raise Refused(403)
        workload = self._operator.registry.get((namespace, name))
        if workload is None:
            raise web.HTTPNotFound
        now = self._clock()
        return await _json({**self._now(), **page(workload, self._memory, now=now)})

    def _now(self) -> Json:
        return {
            "now": self._clock(),
            "lastTickAt": self._operator.loop.last_tick_at,
            "wrong": self._operator.live() or self._operator.ready(),
            "leads": self._operator.may_write(),
            "refreshSeconds": self._refresh_seconds,
        }

    async def _current(self) -> list[Json]:
        """Return the rows of all objects, made once a tick, whoever asks.

        The next tick goes by with those of the last; where there are none, with those of its own first half.
        """
        async with self._making:
            loop, keys = self._operator.loop, tuple(one.key for one in self._operator.registry)
            kept = self._rows
            if kept.keys == keys and kept.tick == loop.last_tick_at and (kept.whole or loop.ticking):
                return kept.made
            tick, began_whole = loop.last_tick_at, not loop.ticking
            made = await asyncio.to_thread(self._made, tuple(self._operator.registry))
            whole = began_whole and not loop.ticking and tick == loop.last_tick_at
            self._rows = Rows(keys, tick, whole, made)
            return made

    def _made(self, workloads: tuple[Workload, ...]) -> list[Json]:
        """Return a row for each; a fault costs the row of its object."""
        made: list[Json] = []
        for workload in workloads:
            with contained(workload, "console", self._operator.metrics):
                made.append(row(workload))
        return made


def _query(request: web.Request) -> dict[str, str]:
    """Return what the request asks for; what is unknown, given twice or too long is refused."""
    given = request.query
    if (
        set(given) - PARAMETERS
        or len(given) != len(set(given))
        or any(len(v) > MOST_CHARACTERS for v in given.values())
    ):
        raise web.HTTPBadRequest
    return {name: given.get(name, "") for name in PARAMETERS}


async def _json(body: Json) -> web.Response:
    text = await asyncio.to_thread(json.dumps, body, allow_nan=False, separators=(",", ":"))
    response = web.Response(text=text, content_type="application/json")
    response.enable_compression()
    return response
