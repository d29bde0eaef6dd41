"""`kubectl bayescaler top` beside the running operator."""

import json

import pytest
import yaml

from .terminal import OURS, Terminal
from .worlds import MINUTE, World, autoscaler, deployment

SHORT = {"forecast": {"history": "2h", "seasons": []}}


@pytest.fixture
async def terminal(capsys):
    """One workload that is at its maximum under 400/s, and a smaller one of another team."""
    async with World() as world:
        world.feed(400.0, days=0.2)
        world.feed(40.0, name="jobs_total", days=0.2)
        small = autoscaler("small", query="sum(rate(jobs_total[1m]))", **SHORT)
        small["metadata"]["labels"] = {"team": "jobs"}
        await world.begin(deployment(), deployment("small"), autoscaler(maxReplicas=6, **SHORT), small)
        await world.run(2 * MINUTE)
        yield Terminal(world, capsys)


def rows(told):
    head, *lines = told.splitlines()
    return [dict(zip(head.split(), line.split(), strict=False)) for line in lines]


async def test_the_table_says_what_the_statuses_say(terminal):
    small, web = rows(await terminal.told("top"))
    assert (small["NAME"], web["NAME"]) == ("small", "web")
    assert (web["NOW"], web["WANTED"], web["MAX"], web["LIMITER"]) == ("6", "6", "6", "MaxReplicas")
    assert (web["MODE"], web["PHASE"], web["RUNG"], web["LOAD"]) == ("Auto", "Trusted", "Predictive", "400/s")
    assert float(small["LOAD"].removesuffix("/s")) == pytest.approx(40.0, rel=0.02)
    assert "\x1b" not in terminal.out


async def test_it_is_ordered_and_chosen_as_asked(terminal):
    assert [row["NAME"] for row in rows(await terminal.told("top", "--sort-by=load"))] == ["web", "small"]
    assert [row["NAME"] for row in rows(await terminal.told("top", "-l", "team=jobs"))] == ["small"]
    assert len(rows(await terminal.told("top", "-A"))) == 2
    assert (
        await terminal.told("top", "-n", "kube-system")
        == "no BayesianAutoscaler is here: -A looks into all namespaces\n"
    )
    assert "WHY" in await terminal.told("top", "-owide")


async def test_the_same_as_json_and_yaml(terminal):
    as_json, as_yaml = (
        json.loads(await terminal.told("top", "-ojson")),
        yaml.safe_load(await terminal.told("top", "-oyaml")),
    )
    (small, web), items = as_json["items"], as_yaml["items"]
    assert items == [small, web]
    assert (web["currentReplicas"], web["desiredReplicas"], web["maxReplicas"], web["limiter"]) == (
        6,
        6,
        6,
        "MaxReplicas",
    )


async def test_what_is_told_once_cannot_be_watched_and_one_namespace_is_not_all(terminal):
    assert await terminal("top", "-ojson", "--watch") == 2
    assert "leave out --watch" in terminal.err
    assert await terminal("top", "-A", "-n", "default") == 2


async def test_who_may_list_only_a_namespace_sees_it_and_is_told_of_the_others(terminal):
    terminal.becomes({**OURS, "verbs": ["list"]})
    assert len(rows(await terminal.told("top"))) == 2
    assert await terminal("top", "-A") == 2
    assert 'cannot list resource "bayesianautoscalers"' in terminal.err


async def test_a_cluster_without_the_kind_says_so(terminal):
    crd = "apiextensions.k8s.io/v1", "CustomResourceDefinition", "bayesianautoscalers.bayescaler.dev"
    terminal.world.server.delete(*crd)
    assert await terminal("top") == 1
    assert "is the CRD installed?" in terminal.err
