"""A secret is planted wherever a tenant may put one, and a server echoes it wherever it can: it is shown nowhere."""

import base64
import io
import json
import logging
from dataclasses import dataclass

import pytest
from aiohttp import web
from prometheus_client import generate_latest

from bayescaler.sandbox.prometheus.faults import HEALTHY, Fault
from bayescaler.telemetry.logs import configure

from .worlds import MINUTE, World, autoscaler, deployment

CANARY = "c4n4ry-of-the-secret"
SHORT = {"forecast": {"history": "2h", "seasons": []}, "fallback": {"after": "1m"}}
LOGGERS_OF_LIBRARIES = ("aiohttp.access", "urllib3", "asyncio", "kopf", "kopf.objects")


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo(Fault):
    """A server, or a proxy before it, that tells in its answer how it was asked."""

    status: int

    async def respond(self, request, _proceed):
        heard = f"you sent {dict(request.headers)}, which is {clear(request)}"
        empty = {"resultType": "matrix", "result": []}
        if self.status == 200:
            return web.json_response({"status": "success", "data": empty, "warnings": [heard]})
        body = {"status": "error", "errorType": "execution", "error": heard}
        return web.json_response(body, status=self.status, headers={"X-Heard": heard, "WWW-Authenticate": heard})


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoInLabels(Fault):
    """Several series, labelled with how it was asked."""

    async def respond(self, request, _proceed):
        heard = f"{request.headers['Authorization']} {clear(request)}"
        end = float((await request.post()).get("end") or request.query["end"])
        result = [{"metric": {"asked_with": heard, "n": str(n)}, "values": [[end, "1"]]} for n in (1, 2)]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})


def clear(request):
    """The credential as a server knows it."""
    scheme, _, credential = request.headers["Authorization"].partition(" ")
    return base64.b64decode(credential).decode() if scheme == "Basic" else credential


def forms(text):
    """How a secret may look when it is shown."""
    raw = text.encode()
    return {text, base64.b64encode(raw).decode(), base64.b64encode(f"user:{text}".encode()).decode(), text[::-1]}


SECRETS = {
    "a bearer token": {"token": CANARY},
    "a password": {"username": "user", "password": CANARY},
}
ANSWERS = {
    "healthy": HEALTHY,
    **{f"echo in a {status}": Echo(status=status) for status in (200, 400, 401, 404, 422, 503)},
    "echo in labels": EchoInLabels(),
}


@pytest.fixture
def all_logs(monkeypatch):
    """Everything that any library logs, as JSON at level debug."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    before = {name: logging.getLogger(name).level for name in LOGGERS_OF_LIBRARIES}
    monkeypatch.setattr("sys.stderr", stream)
    configure(form="json", level="debug")
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in before.items():
        logging.getLogger(name).setLevel(was)


async def shown(world, logs, folder):
    """All that anybody but the Secret's owner can read."""
    await world.operator.events.drain()
    objects = [
        record.object
        for kind in world.server.kinds
        if kind.kind != "Secret"
        for _, record in world.server.store.items(kind.resource)
    ]
    files = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    metrics = generate_latest(world.operator.metrics.registry).decode()
    return {
        "objects": json.dumps(objects),
        "metrics": metrics,
        "logs": logs.getvalue(),
        "files": files.decode("latin-1"),
    }


@pytest.mark.parametrize("data", SECRETS.values(), ids=SECRETS)
async def test_a_secret_is_shown_nowhere_whatever_the_server_answers(data, all_logs, tmp_path):
    async with World(other_prometheus=True) as world:
        world.feed(510.0, days=0.2, prometheus=world.other)
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        meta = {"name": "prom", "namespace": "default"}
        world.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded})
        await world.running.stop()
        world.running = await world.start_operator(state_dir=str(tmp_path))
        world.operator = world.running.operator
        asked = {"serverAddress": world.other.url, "authRef": {"name": "prom"}}
        await world.begin(deployment(replicas=7), autoscaler(prometheus=asked, **SHORT))
        said = set()
        for fault in ANSWERS.values():
            world.other.fault = fault
            await world.run(3 * MINUTE)
            said |= {condition["message"] for condition in world.status()["conditions"]}
        sent = {request.headers["Authorization"] for request in world.other.received}
        await world.running.stop()
        seen = await shown(world, all_logs, tmp_path)
    assert len(sent) == 1
    assert any(form in next(iter(sent)) for form in forms(CANARY)), "it was sent where it belongs"
    assert any("you sent" in message for message in said), "the echo reached the user, without the secret"
    assert all(seen.values()), "there was something to look through"
    for place, text in seen.items():
        for form in forms(CANARY):
            assert form not in text, f"{place}: {text[max(0, text.index(form) - 200) : text.index(form) + 50]}"
