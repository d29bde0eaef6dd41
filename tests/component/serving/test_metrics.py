"""/metrics and the probes over real HTTPS, on an API server that enforces its roles."""

import asyncio
import ssl

import aiohttp
import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.sandbox.server import SandboxServer
from bayescaler.sandbox.server.faults import Fault
from bayescaler.serving.access import Access
from bayescaler.serving.door import Door
from bayescaler.serving.endpoints import endpoints
from bayescaler.serving.kept import IN_FLIGHT, WAITING
from bayescaler.telemetry.exposition import WorkloadSample
from bayescaler.telemetry.metrics import Metrics

from .certificates import self_signed
from .grants import grant, grant_path, operators_token

LOAD = 'bayescaler_load{namespace="shop",name="web"} 3'


class Scraped:
    """The endpoints behind TLS and reviews; `clock` is that of what is kept of reviews."""

    def __init__(self, server, metrics):
        self.server, self.metrics, self.now, self.reviewed = server, metrics, 0.0, []
        self.address = self.session = self.access = None
        server.routes.observers.append(lambda request: self.reviewed.append(request.resource))

    async def ask(self, path="/metrics", *, token=None, method="GET", headers=None, **more):
        given = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.address}{path}"
        async with self.session.request(method, url, headers=given | (headers or {}), **more) as answer:
            return answer.status, await answer.text(), answer.headers

    def counted(self, code):
        return self.metrics.http_requests.labels("endpoints", str(code))._value.get()

    @property
    def scraper(self):
        return grant_path(self.server, "prometheus", "/metrics")


@pytest.fixture
async def scraped(tmp_path):
    certificate, key = self_signed(tmp_path, "bayescaler")
    metrics = Metrics(lambda: [WorkloadSample("shop", "web", load=3.0)])
    door = Door("127.0.0.1", 0, certificate, key, option="--listen")
    trusted = ssl.create_default_context(cafile=certificate)
    trusted.check_hostname = False
    async with SandboxServer(authorize=True) as server:
        kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig", token=operators_token(server))
        scraped = Scraped(server, metrics)
        async with (
            await KubeClient.connect(kubeconfig) as client,
            Access(client, clock=lambda: scraped.now) as access,
            endpoints(
                metrics.exposition, live=lambda: None, ready=lambda: "not yet", door=door,
                requests=metrics.http_requests, access=access,
            ) as address,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session,
        ):  # fmt: skip
            scraped.address, scraped.session, scraped.access = address, session, access
            yield scraped


async def test_a_scraper_that_may_get_the_path_reads_them_over_tls(scraped):
    status, text, _ = await scraped.ask(token=scraped.scraper)
    assert (str(scraped.address)[:8], status) == ("https://", 200)
    assert LOAD in text


@pytest.mark.parametrize("given", [None, "Bearer nonsense", "Basic dTpw", "Bearer a b"])
async def test_without_a_valid_token_there_is_nothing_but_401(scraped, given):
    status, text, headers = await scraped.ask(headers={} if given is None else {"Authorization": given})
    assert (status, text, headers["WWW-Authenticate"]) == (401, "", "Bearer")
    assert scraped.counted(401) == 1


async def test_whoever_may_not_get_the_path_is_told_nothing_but_403(scraped):
    scraped.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    for token in (grant(scraped.server, "tenant", "shop"), grant_path(scraped.server, "healthy", "/healthz")):
        assert (await scraped.ask(token=token))[:2] == (403, "")
    assert scraped.counted(403) == 2


async def test_a_kubelet_needs_no_token_for_its_probes(scraped):
    assert (await scraped.ask("/healthz"))[:2] == (200, "ok\n")
    assert (await scraped.ask("/readyz"))[:2] == (503, "not yet\n")
    assert scraped.reviewed == []


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/metrics", {}, 405),
        ("GET", "/metrics", {"data": b"x" * 10_000}, 413),
        ("GET", f"/metrics?{'x' * 9000}", {}, 400),
        ("GET", "/metrics", {"headers": {"X-Long": "x" * 9000}}, 400),
        ("GET", "/secrets", {}, 404),
    ],
)
async def test_what_is_no_scrape_is_refused_and_counted(scraped, method, path, more, status):
    answered, text, _ = await scraped.ask(path, token=scraped.scraper, method=method, **more)
    assert answered == status
    assert LOAD not in text
    assert scraped.counted(status) == 1


async def test_where_the_api_server_cannot_be_asked_nothing_is_shown(scraped):
    token = scraped.scraper
    scraped.server.faults.add(Fault(lambda request: request.resource == "subjectaccessreviews", status=500))
    assert (await scraped.ask(token=token))[:2] == (503, "")
    scraped.server.faults.clear()
    assert (await scraped.ask(token=token))[0] == 200


async def test_an_answer_of_the_api_server_serves_for_half_a_minute(scraped):
    token = scraped.scraper
    for scraped.now in (0.0, 15.0, 29.0):
        assert (await scraped.ask(token=token))[0] == 200
    assert sorted(scraped.reviewed) == ["subjectaccessreviews", "tokenreviews"]
    scraped.now = 30.0
    assert (await scraped.ask(token=token))[0] == 200
    assert len(scraped.reviewed) == 4


async def test_a_strangers_token_costs_one_review_however_often_it_is_tried_and_may_become_valid(scraped):
    answers = await asyncio.gather(*(scraped.ask(token="stranger") for _ in range(20)))
    assert {status for status, _, _ in answers} == {401}
    for scraped.now in (5.0, 9.9):
        assert (await scraped.ask(token="stranger"))[0] == 401
    assert scraped.reviewed == ["tokenreviews"]
    scraped.now = 10.0
    assert (await scraped.ask(token="stranger"))[0] == 401
    assert scraped.reviewed == ["tokenreviews"] * 2


async def test_many_strangers_at_once_take_few_seats_at_the_api_server_and_none_from_who_is_known(scraped, caplog):
    known = f"Bearer {scraped.scraper}"
    subject = await scraped.access.subject(known)
    held = Fault(lambda request: request.resource == "tokenreviews", times=None, hold=asyncio.Event())
    scraped.server.faults.add(held)
    strangers = [asyncio.ensure_future(scraped.access.subject(f"Bearer s{number}")) for number in range(300)]
    assert await scraped.access.subject(known) == subject
    assert await scraped.access.scrapes(subject), "reviewed while they wait"
    assert held.hits <= IN_FLIGHT
    held.hold.set()
    refused = await asyncio.gather(*strangers, return_exceptions=True)
    statuses = [one.status for one in refused]
    assert statuses.count(503) == 300 - IN_FLIGHT - WAITING
    assert statuses.count(401) == IN_FLIGHT + WAITING
    assert caplog.messages.count("a request could not be reviewed") == 1, "nor do they fill the log"
    await scraped.access.subject(known)
    assert scraped.reviewed.count("tokenreviews") == 1 + IN_FLIGHT + WAITING
