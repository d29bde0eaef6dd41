"""The operator's own endpoints, asked over a real socket."""

import aiohttp
import pytest

from bayescaler.serving.door import CannotServe, Door
from bayescaler.serving.endpoints import endpoints
from bayescaler.telemetry.exposition import WorkloadSample
from bayescaler.telemetry.metrics import Metrics


class State:
    def __init__(self):
        self.live, self.ready = None, None


@pytest.fixture
def state():
    return State()


@pytest.fixture
def packed():
    """How each answer was packed."""
    return []


def served(metrics, state, *, port=0):
    door = Door("127.0.0.1", port, option="--listen", takes_tokens=False)
    probes = {"live": lambda: state.live, "ready": lambda: state.ready}
    return endpoints(metrics.exposition, **probes, door=door, requests=metrics.http_requests)


@pytest.fixture
async def ask(state, packed):
    metrics = Metrics(lambda: [WorkloadSample("shop", "web", load=3.0)])

    async def get(path, **headers):
        async with session.get(f"{address}{path}", headers=headers) as answer:
            packed.append(answer.headers.get("Content-Encoding"))
            return answer.status, await answer.text(), answer.headers.get("Content-Type", "")

    async with served(metrics, state) as address, aiohttp.ClientSession() as session:
        yield get


async def test_all_is_well(ask):
    assert (await ask("/healthz"))[:2] == (200, "ok\n")
    assert (await ask("/readyz"))[:2] == (200, "ok\n")


async def test_a_probe_that_fails_says_why_and_leaves_the_other_alone(ask, state):
    state.live = "no tick has ended for 90 s"
    assert (await ask("/healthz"))[:2] == (503, "no tick has ended for 90 s\n")
    assert (await ask("/readyz"))[0] == 200
    state.live, state.ready = None, "the targets have not been listed yet"
    assert (await ask("/healthz"))[0] == 200
    assert (await ask("/readyz"))[:2] == (503, "the targets have not been listed yet\n")


async def test_metrics_come_in_the_form_that_is_asked_for(ask):
    status, text, kind = await ask("/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'bayescaler_load{namespace="shop",name="web"} 3' in text
    _, text, kind = await ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_metrics_are_packed_for_who_can_unpack_them(ask, packed):
    _, plain, _ = await ask("/metrics", **{"Accept-Encoding": "identity"})
    _, unpacked, _ = await ask("/metrics", **{"Accept-Encoding": "gzip"})
    assert packed == [None, "gzip"]
    assert [line for line in unpacked.splitlines() if "bayescaler_load" in line] == [
        line for line in plain.splitlines() if "bayescaler_load" in line
    ]


@pytest.mark.parametrize("path", ["/", "/metricsz", "/healthz/../../etc/passwd"])
async def test_anything_else_is_not_there(ask, path):
    assert (await ask(path))[0] == 404


async def test_the_port_is_free_again_afterwards(state):
    metrics = Metrics(lambda: ())
    async with served(metrics, state) as first:
        port = first.port
    async with served(metrics, state, port=port) as second:
        assert second.port == port


async def test_a_taken_port_is_an_error_that_names_it(state):
    metrics = Metrics(lambda: ())
    async with served(metrics, state) as first:
        with pytest.raises(CannotServe, match=f"127.0.0.1:{first.port}: .*--listen"):
            await served(metrics, state, port=first.port).__aenter__()
