"""A scripted API server on a loopback socket: tests say what it answers and see what it was asked."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from bayescaler.cluster.client import KubeClient

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Watch:
    """One watch that the test holds the server's end of."""

    query: dict[str, str]
    response: web.StreamResponse
    request: web.Request
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, kind: str, raw: dict[str, Any]) -> None:
        await self.write(json.dumps({"type": kind, "object": raw}) + "\n")

    async def write(self, text: str) -> None:
        await self.response.write(text.encode())

    def end(self) -> None:
        self.over.set()

    def cut(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()
        self.over.set()


class ScriptedApi:
    """Answers are taken in order per (method, path); the last one stays. A watch has the method WATCH."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._watches: asyncio.Queue[Watch] = asyncio.Queue()
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = deque(answers)

    def of(self, method: str, path: str | None = None) -> list[Asked]:
        return [a for a in self.asked if a.method == method and path in {None, a.path}]

    async def watched(self) -> Watch:
        return await self._watches.get()

    async def arrival(self, count: int) -> None:
        """Return once `count` requests have arrived."""
        while len(self.asked) < count:
            self._arrived.clear()
            await self._arrived.wait()

    def close(self) -> None:
        self._closing.set()

    @staticmethod
    def json(raw: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(raw, status=status, headers=headers)

        return answer

    @classmethod
    def status(
        cls,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        raw = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        return cls.json({**raw, "message": message, "details": details or {}}, code, headers)

    @staticmethod
    def text(body: str, status: int, headers: dict[str, str] | None = None) -> Answer:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(text=body, status=status, headers=headers)

        return answer

    def watch(self) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            watch = Watch(dict(request.query), response, request)
            await self._watches.put(watch)
            await self._until_over(watch.over)
            return response

        return answer

    def hang(self) -> Answer:
        async def answer(_: web.Request) -> web.StreamResponse:
            await self._closing.wait()
            return web.Response(status=503)

        return answer

    def cut(self) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        method = "WATCH" if request.query.get("watch") else request.method
        self.asked.append(Asked(method, request.path, dict(request.query), dict(request.headers), body))
        self._arrived.set()
        answers = self._answers.get((method, request.path))
        if not answers:
            missing = self.status(404, "NotFound", f'nothing at "{request.path}"')
            return await missing(request)
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        return await answer(request)

    async def _until_over(self, over: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(over.wait()), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    scripted = ScriptedApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.handle)
    server = TestServer(app)
    await server.start_server()
    scripted.url = str(server.make_url("/")).rstrip("/")
    yield scripted
    scripted.close()
    await server.close()


def write_kubeconfig(path: Path, server: str, user: dict[str, Any], **cluster: Any) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Callable[..., Path]:
    """Writes a kubeconfig: kubeconfig(server, user, **cluster) -> its path."""

    def write(server: str, user: dict[str, Any], **cluster: Any) -> Path:
        return write_kubeconfig(tmp_path / "kubeconfig", server, user, **cluster)

    return write


@pytest.fixture
async def client(api: ScriptedApi, kubeconfig: Callable[..., Path]) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(kubeconfig(api.url, {"token": "letmein"})) as connected:
        yield connected
