"""The HTTP side: one handler that authenticates, strikes faults, authorizes, and hands each request to its verb."""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from aiohttp import web

from . import discovery, protobuf, reviews
from .authz import Guard, User
from .errors import Json, StatusError, method_not_allowed, no_such_path, unsupported_media_type
from .faults import Fault, Faults
from .kinds import Kind
from .logs import PODS, Logs
from .openapi import OpenAPI
from .request import Request, parse
from .resources import Registry
from .store import encode
from .verbs import Verbs, decoded, options_of, predicate, rendering
from .watches import WatchStream

MAX_BODY_BYTES = 3 * 1024 * 1024
_BODIES = ("application/json", "application/yaml", "application/octet-stream")
_HEALTHY = ("/healthz", "/livez", "/readyz")


class Routes:
    """Answers requests from one registry; `shutting_down` makes the probes fail."""

    def __init__(self, registry: Registry, guard: Guard, faults: Faults, verbs: Verbs) -> None:
        self._registry = registry
        self._guard = guard
        self._faults = faults
        self._verbs = verbs
        self._openapi = OpenAPI(registry.kinds)
        self.logs = Logs(registry)
        self.observers: list[Callable[[Request], None]] = []

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one request; what is refused is a Status."""
        request = parse(http.method, http.path, http.query, http.headers)
        for observer in self.observers:
            observer(request)
        fault = self._faults.strike(request)
        try:
            if fault is not None:
                await _suffer(fault, http)
            user = self._guard.authenticate(http.headers.get("Authorization", ""))
            self._guard.authorize(user, request)
            response = await self._respond(http, request, user)
        except StatusError as error:
            response = _refused(error)
        if fault is not None and fault.after:
            _drop(http)
        if not response.prepared:
            response.headers["Date"] = formatdate(self._registry.store.clock.now(), usegmt=True)
        return response

    async def _respond(self, http: web.Request, request: Request, user: User) -> web.StreamResponse:
        if not request.is_resource:
            return self._non_resource(request)
        kind = self._registry.kinds.find(request.group, request.version, request.resource)
        if kind.namespaced and not request.namespace and request.verb not in {"list", "watch"}:
            raise method_not_allowed() if not request.name else no_such_path()
        if request.subresource == "token" and request.resource == "serviceaccounts":
            body = await _body(http)
            return _json(encode(reviews.token(self._registry, self._guard, request, body or {})), 201)
        if request.subresource == "log" and request.resource == PODS:
            if request.verb != "get":
                raise method_not_allowed()
            text = self.logs.read(kind, request)
            return web.Response(text=text) if text is not None else web.Response(status=204)
        if request.subresource and request.subresource not in kind.subresources:
            raise no_such_path()
        allowed = ("get", "update", "patch") if request.subresource else kind.verbs
        if request.verb not in allowed or (request.verb in {"update", "patch"} and not request.name):
            raise method_not_allowed()
        if kind in reviews.REVIEW_KINDS:
            answer = reviews.review(self._guard, kind, user, await _body(http) or {})
            return _json(encode(answer), 201)
        if request.verb == "watch":
            return await self._watch(http, kind, request)
        return await self._object(http, kind, request)

    async def _object(self, http: web.Request, kind: Kind, request: Request) -> web.Response:
        if request.verb in {"get", "list"}:
            answer = self._verbs.read(kind, request) if request.verb == "get" else self._verbs.page(kind, request)
            return _json(answer.body)
        options = options_of(request)
        if request.verb == "patch":
            answer = self._verbs.patch(kind, request, http.content_type, await http.read(), options)
        elif request.verb == "delete":
            answer = self._verbs.delete(kind, request, await _body(http))
        elif request.verb == "deletecollection":
            answer = self._verbs.delete_collection(kind, request, await _body(http))
        elif request.verb == "create":
            answer = self._verbs.create(kind, request, await _body(http), options)
        else:
            answer = self._verbs.update(kind, request, await _body(http), options)
        response = _json(answer.body, answer.code)
        for warning in options.warnings:
            escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{escaped}"')
        return response

    async def _watch(self, http: web.Request, kind: Kind, request: Request) -> web.StreamResponse:
        store = self._registry.store
        stream = WatchStream(store, rendering(kind, request, store.clock.now()), request, predicate(kind, request))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(http)
        self._faults.streams.add(stream)
        try:
            async for lines in stream.lines():
                if lines:
                    await response.write(lines)
            if stream.aborted:
                _drop(http)
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._faults.streams.discard(stream)
        return response

    def _non_resource(self, request: Request) -> web.Response:
        path = request.path.rstrip("/")
        if path.startswith(_HEALTHY):
            return web.Response(text="ok")
        if request.method not in {"GET", "HEAD"}:
            raise method_not_allowed()
        if path.startswith("/openapi/v3/"):
            document = self._openapi.document(path.removeprefix("/openapi/v3/"))
            if document is None:
                raise no_such_path()
            return _json(document)
        found = self._discovered(path)
        if found is None:
            raise no_such_path()
        return _json(encode(found))

    def _discovered(self, path: str) -> Json | None:
        fixed: dict[str, Callable[[], Json]] = {
            "/version": lambda: discovery.VERSION,
            "/api": discovery.core_versions,
            "/apis": lambda: discovery.groups(self._registry.kinds),
            "/openapi/v3": self._openapi.index,
            "": lambda: {"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]},
        }
        if path in fixed:
            return fixed[path]()
        parts = path.split("/")[1:]
        if parts[0] == "api" and len(parts) == 2:
            return discovery.resources(self._registry.kinds, "", parts[1])
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group(self._registry.kinds, parts[1])
        if parts[0] == "apis" and len(parts) == 3:
            return discovery.resources(self._registry.kinds, parts[1], parts[2])
        return None


async def _body(http: web.Request) -> Any:
    """The body as JSON says it, whatever it came as; None where there is none."""
    body = await http.read()
    if not body:
        return None
    if http.content_type == protobuf.CONTENT_TYPE:
        return protobuf.decode(body)
    if http.content_type not in _BODIES:
        raise unsupported_media_type(_BODIES)
    return decoded(body)


def _json(body: bytes, code: int = 200) -> web.Response:
    return web.Response(body=body, status=code, content_type="application/json")


def _refused(error: StatusError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return web.Response(body=encode(error.status), status=error.code, content_type="application/json", headers=headers)


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


async def _suffer(fault: Fault, http: web.Request) -> None:
    if fault.latency_seconds:
        await asyncio.sleep(fault.latency_seconds)
    if fault.hold is not None:
        await fault.hold.wait()
    if fault.drop and not fault.after:
        _drop(http)
    if fault.status is not None:
        if fault.plain_text:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            raise _plain_refusal(fault, headers)
        raise StatusError(
            fault.status,
            fault.reason or _REASONS.get(fault.status, ""),
            fault.message or "the sandbox was told to fail this request",
            retry_after=fault.retry_after,
        )


def _plain_refusal(fault: Fault, headers: dict[str, str]) -> web.HTTPException:
    refusal = web.HTTPTooManyRequests if fault.status == 429 else web.HTTPServiceUnavailable
    return refusal(text=fault.message or "Too many requests, please try again later.\n", headers=headers)


def _drop(http: web.Request) -> None:
    """Reset the connection: nothing more is sent on it."""
    if http.transport is not None:
        http.transport.abort()
    raise ConnectionResetError("the sandbox was told to drop this connection")
