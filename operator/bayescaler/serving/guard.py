"""What is around every application that is served: no body is read, a refusal is its status and nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from .access import Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RETRY_SECONDS = 5


def guarded(headers: Mapping[str, str]) -> Middleware:
    """Return the middleware that does this, and puts `headers` on every answer."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.can_read_body:
                raise web.HTTPRequestEntityTooLarge(0, 0)
            response = await handler(request)
        except Refused as refused:
            response = _refusal(refused.status)
        except web.HTTPException as error:
            response = _refusal(error.status, error.headers.get("Allow"))
        response.headers.update(headers)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guard


def _refusal(status: int, allow: str | None = None) -> web.Response:
    headers: dict[str, Any] = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if allow:
        headers["Allow"] = allow
    if status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return web.Response(status=status, headers=headers)
