"""The console over real HTTP, on an API server that enforces its roles: who sees what, and what is refused."""

import asyncio
import json
import logging
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.exposition import generate_latest
from tests.component.serving.grants import grant

from bayescaler.console.site import HEADERS
from bayescaler.console.views import MOST_ROWS
from bayescaler.sandbox.server.faults import Fault

from .fleets import CANARY, NAMESPACES, NOON, manifest, served

ANYWHERE = "0.0.0.0"  # noqa: S104 - what is refused, or allowed on purpose
OBJECTS = "api/objects"
ONE = "api/objects/shop/api-00"


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no words")


@pytest.fixture
async def console(tmp_path):
    async with served(40, tmp_path) as console:
        yield console


@pytest.fixture
async def ask(console):
    async with aiohttp.ClientSession(console.address) as session:

        async def ask(path="", *, token=None, method="GET", headers=None, **more):
            given = {} if token is None else {"Authorization": f"Bearer {token}"}
            request = session.request(method, path, headers=given | (headers or {}), allow_redirects=False, **more)
            async with request as answer:
                return answer.status, await answer.text(), answer.headers

        yield ask


@pytest.fixture
def admin(console):
    return console.server.admin_token


def names(text):
    return {(one["namespace"], one["name"]) for one in json.loads(text)["objects"]}


@pytest.mark.parametrize("given", [None, "Bearer nonsense", "Bearer", "Basic dTpw", "Bearer a b", "Bearer \u00e9"])
async def test_without_a_valid_token_there_is_nothing_but_401(ask, given):
    for path in (OBJECTS, ONE, "api/objects/nowhere/nothing"):
        status, text, headers = await ask(path, headers={} if given is None else {"Authorization": given})
        assert (status, text, headers["WWW-Authenticate"]) == (401, "", "Bearer")


async def test_who_may_get_objects_nowhere_is_forbidden_everything_whether_it_is_there_or_not(console, ask):
    token = grant(console.server, "stranger")
    for path in (OBJECTS, f"{OBJECTS}?namespace=shop", ONE, "api/objects/shop/nothing", "api/objects/nowhere/x"):
        assert (await ask(path, token=token))[:2] == (403, "")


async def test_other_rights_than_get_on_the_objects_show_nothing(console, ask):
    token = grant(console.server, "lister", "shop", verbs=("list", "watch"))
    assert (await ask(OBJECTS, token=token))[0] == 403


async def test_tenants_see_their_own_namespaces_alone(console, ask):
    token = grant(console.server, "tenant", "shop", "search")
    status, text, _ = await ask(OBJECTS, token=token)
    assert status == 200
    assert {place for place, _ in names(text)} == {"shop", "search"}
    told = json.loads(text)
    assert sum(told["counts"].values()) == told["total"] == 20
    assert "payments" not in text
    assert (await ask(ONE, token=token))[0] == 200
    assert (await ask("api/objects/payments/api-00", token=token))[:2] == (403, "")
    assert (await ask(f"{OBJECTS}?namespace=payments", token=token))[:2] == (403, "")


async def test_who_may_get_them_everywhere_sees_all_and_is_told_what_is_not_there(console, ask):
    token = grant(console.server, "platform", "")
    _, text, _ = await ask(OBJECTS, token=token)
    assert {place for place, _ in names(text)} == set(NAMESPACES)
    assert (await ask("api/objects/shop/nothing", token=token))[0] == 404
    _, text, _ = await ask(f"{OBJECTS}?namespace=shop&words=API", token=token)
    assert names(text) == {("shop", "api-00")}


async def test_a_page_has_the_story_the_chart_and_the_decisions(ask, admin):
    status, text, headers = await ask(ONE, token=admin)
    told = json.loads(text)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert told["story"]["headline"]["text"].startswith("shop/api-00: ")
    assert {"Load", "Expected", "Steps", "Trust"} <= {section["title"] for section in told["story"]["sections"]}
    assert len(told["chart"]["ticks"]) == 2
    assert [len(one["values"]) for one in told["chart"]["forecast"]["ahead"]] == [9, 9]
    assert told["decisions"]


async def test_no_secret_is_shown_counted_or_logged(console, ask, admin, caplog):
    caplog.set_level(logging.DEBUG)
    token = grant(console.server, "tenant", "shop")
    answers = [await ask(path, token=one) for one in (admin, token, "x" + token) for path in (OBJECTS, ONE, "")]
    said = "".join(text + str(headers) for _, text, headers in answers)
    said += generate_latest(console.operator.metrics.registry).decode()
    said += "".join(str(vars(record)) for record in caplog.records)
    for secret in (CANARY, admin, token):
        assert secret not in said


async def test_every_answer_carries_the_policy(ask):
    for path in ("", "console.css", "console.js", OBJECTS, "nothing"):
        headers = (await ask(path))[2]
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_the_page_is_fetched_once_until_it_changes(ask):
    status, _, headers = await ask("console.js")
    assert status == 200
    status, text, _ = await ask("console.js", headers={"If-None-Match": headers["ETag"]})
    assert (status, text) == (304, "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", OBJECTS, 405),
        ("DELETE", ONE, 405),
        ("GET", f"{OBJECTS}?limit=5", 400),
        ("GET", f"{OBJECTS}?words=a&words=b", 400),
        ("GET", f"{OBJECTS}?words={'x' * 300}", 400),
        ("GET", f"{ONE}?words=x&more=1", 400),
        ("GET", f"{OBJECTS}/shop/{'x' * 300}", 400),
        ("GET", f"{OBJECTS}/shop", 404),
        ("GET", f"{OBJECTS}?{'x' * 9000}", 400),
    ],
)
async def test_what_cannot_be_asked_is_refused_and_counted(console, ask, admin, method, path, status):
    before = console.requests(status)
    answered, text, _ = await ask(path, token=admin, method=method)
    assert answered == status
    assert len(text) < 400
    assert console.requests(status) == before + 1


async def test_a_fault_in_one_row_takes_that_row_alone_and_is_counted(console, ask, admin):
    first = next(iter(console.fleet))
    first.phase = Unspeakable()
    status, text, _ = await ask(OBJECTS, token=admin)
    assert status == 200
    assert names(text) == {(one.namespace, one.name) for one in console.fleet if one is not first}
    assert console.operator.metrics.failures.labels("console")._value.get() == 1


async def test_a_list_is_of_one_tick_while_the_next_is_under_way(console, ask, admin):
    async def wanted():
        return json.loads((await ask(f"{OBJECTS}?words=api-00&namespace=shop", token=admin))[1])["objects"][0]["wanted"]

    workload, loop = console.operator.registry.get(("shop", "api-00")), console.operator.loop
    whole = await wanted()
    loop.ticking, workload.decision = True, replace(workload.decision, final=whole + 1)
    assert await wanted() == whole
    loop.ticking, loop.last_tick_at = False, loop.last_tick_at + 15.0
    assert await wanted() == whole + 1

    loop.ticking, workload.decision = True, replace(workload.decision, final=whole + 2)
    console.operator.registry.observe("DELETED", manifest("shop", "web-00", 39))
    assert await wanted() == whole + 2, "there is no list of the last tick without it"
    loop.ticking, workload.decision = False, replace(workload.decision, final=whole + 3)
    assert await wanted() == whole + 3, "what was made of half a tick is not kept"

    loop.ticking, loop.last_tick_at = True, loop.last_tick_at + 15.0
    workload.decision = replace(workload.decision, final=whole + 4)
    assert await wanted() == whole + 4, "nor what was made before the last tick"


@pytest.mark.parametrize("ended", [None, NOON], ids=["the first tick", "a later one"])
async def test_a_tick_under_way_has_the_rows_made_once_whoever_asks(console, ask, admin, ended):
    console.operator.loop.ticking, console.operator.loop.last_tick_at = True, ended
    next(iter(console.fleet)).phase = Unspeakable()
    for _ in range(3):
        assert len(names((await ask(OBJECTS, token=admin))[1])) == 39
    assert console.operator.metrics.failures.labels("console")._value.get() == 1


async def test_a_body_is_refused_before_it_is_read(console, ask, admin):
    assert (await ask(OBJECTS, token=admin, data=b"x" * 10_000))[0] == 413
    assert console.requests(413) == 1


async def test_where_the_api_server_cannot_be_asked_nothing_is_shown(console, ask, admin):
    console.server.faults.add(Fault(lambda request: request.resource == "tokenreviews", status=500))
    status, text, headers = await ask(OBJECTS, token=admin)
    assert (status, text, headers["Retry-After"]) == (503, "", "5")
    console.server.faults.clear()
    assert (await ask(OBJECTS, token=admin))[0] == 200


async def test_an_hour_of_looking_costs_the_api_server_few_reviews(console, ask):
    token, asked = grant(console.server, "tenant", "shop"), []
    console.server.routes.observers.append(lambda request: asked.append(request.resource))
    await asyncio.gather(*(ask(OBJECTS, token=token) for _ in range(25)))
    assert sorted(asked) == ["subjectaccessreviews"] * (1 + len(NAMESPACES)) + ["tokenreviews"]


async def test_a_thousand_objects_are_one_bounded_answer(tmp_path):
    async with served(1000, tmp_path) as console, aiohttp.ClientSession(console.address) as session:
        headers = {"Authorization": f"Bearer {console.server.admin_token}"}
        async with session.get(OBJECTS, headers=headers) as answer:
            body = await answer.read()
            told = json.loads(body)
            assert answer.headers["Content-Encoding"] in {"gzip", "deflate"}
        assert (told["total"], len(told["objects"])) == (1000, 1000)
        assert len(body) < 600_000
        states = [one["state"] for one in told["objects"]]
        assert states == sorted(states, key=["bad", "notice", "good"].index)
        assert set(states) == {"bad", "notice", "good"}
    assert MOST_ROWS >= 1000


def test_no_inline_script_or_style_is_allowed():
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
