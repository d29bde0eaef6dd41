"""`kubectl bayescaler doctor` beside the running operator: what is broken is found by its cure, what is well is not."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from bayescaler.cli import doctor, main

from .installed import HOME, install, renew
from .terminal import OURS, Terminal
from .worlds import DAY, HOUR, MINUTE, NOON, World, autoscaler, deployment

BAS = "bayescaler.dev/v1alpha1", "BayesianAutoscaler"
CRD = "apiextensions.k8s.io/v1", "CustomResourceDefinition", "bayesianautoscalers.bayescaler.dev"
SHOP = {"service": "checkout", "job": "shop"}


def wave(at):
    return 200.0 + 100.0 * np.sin(2.0 * np.pi * at / DAY)


class Doctor(Terminal):
    """The command, and what it finds."""

    async def examines(self, *argv):
        """Return the findings as data, by the exit code that belongs to them."""
        code = await self("doctor", *argv, "-ojson")
        assert self.err == ""
        told = json.loads(self.out)
        assert code == (0 if told["healthy"] else 1)
        return told["findings"]

    async def finds(self, *argv):
        """Return what is not sound."""
        return [one for one in await self.examines(*argv) if one["level"] != "ok"]


@pytest.fixture
async def examined(capsys, monkeypatch):
    """An installation, and a workload of two and a half days that does well."""
    async with World() as world:
        world.feed(wave, labels=SHOP, days=2.5)
        await world.begin(deployment(), autoscaler(maxReplicas=20))
        await world.run(2 * MINUTE)
        monkeypatch.setattr(doctor, "clock", world.clock.now)
        install(world)
        yield Doctor(world, capsys)


def edit(world, **spec):
    world.server.patch(*BAS, "web", {"spec": spec})


def query(world, text, **load):
    edit(world, load={"prometheus": {"query": text}, **load})


async def test_of_what_is_well_everything_is_sound(examined):
    found = await examined.examines("web")
    assert {one["level"] for one in found} == {"ok"}
    topics = {one["topic"] for one in found}
    assert topics == {"access", "cluster", "operator", "clock", "object", "target", "conflict", "prometheus", "query",
                      "history", "forecast"}  # fmt: skip


async def test_without_a_name_it_looks_at_the_installation_alone(examined):
    topics = {one["topic"] for one in await examined.examines()}
    assert topics == {"access", "cluster", "operator", "clock"}


async def test_the_table_tells_the_cure_below_each_finding_and_counts_what_is_sound(examined):
    assert await examined("doctor", "deploy/web") == 0
    assert examined.out == "15 sound\n"
    query(examined.world, "sum(http_requests_total)")
    assert await examined("doctor", "web", program=main) == 1
    first, cure, *_, last = examined.out.splitlines()
    assert first.startswith("error   query      http_requests_total: http_requests_total is a counter")
    assert cure.strip() == "-> sum(rate(http_requests_total[1m])) with load.kind Rate"
    assert last.startswith("1 error, ")
    assert "\x1b" not in examined.out
    await examined("doctor", "web", "--all")
    assert "ok      clock      API server: its clock and ours agree" in examined.out


async def test_the_same_as_yaml(examined):
    assert await examined("doctor", "-oyaml") == 0
    told = yaml.safe_load(examined.out)
    assert (told["healthy"], told["worst"]) == (True, "ok")


def shorter_scrapes(world):
    query(world, "sum(rate(http_requests_total[20s]))", step="15s")


def wrong_value(world):
    query(world, 'sum(rate(http_requests_total{service="checkuot"}[1m]))')


def gauge_under_rate(world):
    now = world.clock.now()
    times = np.arange(now - 2.5 * DAY, now + HOUR, MINUTE)
    world.prometheus.store.add_gauge("queue_length", {}, times, 50.0 + 20.0 * np.sin(times / 200.0))
    query(world, "sum(rate(queue_length[1m]))")


def gauge_by_metadata(world):
    world.feed(wave, name="connections", days=2.5)
    world.prometheus.types["connections"] = "gauge"
    query(world, "sum(rate(connections[1m]))")


def counter_by_metadata(world):
    world.feed(wave, name="work", days=2.5)
    world.prometheus.types["work"] = "counter"
    query(world, "sum(work)")


def per_pod(world):
    world.feed(100.0, labels=SHOP | {"pod": "b"}, days=2.5)
    query(world, "rate(http_requests_total[1m])")


def silent_nights(world):
    def office(at):
        return np.where((at % DAY < 7 * HOUR) | (at % DAY >= 20 * HOUR), np.nan, wave(at))

    world.feed(office, name="office_total", days=5.0)
    query(world, "sum(rate(office_total[1m]))")
    edit(world, forecast={"history": "5d"})


def hpa(name="web"):
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    about = {"name": name, "namespace": "default"}
    spec = {"scaleTargetRef": ref, "minReplicas": 1, "maxReplicas": 5}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": about, "spec": spec}


def quota(world):
    about = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": "default"}}
    world.server.create(about | {"spec": {"hard": {"pods": "10"}}})
    status = {"status": {"hard": {"pods": "10"}, "used": {"pods": "6"}}}
    world.server.patch("v1", "ResourceQuota", "team", status, subresource="status")


def gitops(world):
    marks = {"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}
    world.server.patch("apps/v1", "Deployment", "web", marks)


def no_requests(world):
    pod = {"containers": [{"name": "web", "image": "web"}, {"name": "proxy", "image": "proxy"}]}
    world.server.patch("apps/v1", "Deployment", "web", {"spec": {"template": {"spec": pod}}})


def rival(world):
    other = autoscaler("rival")
    other["spec"]["scaleTargetRef"]["name"] = "web"
    world.server.create(other)


BROKEN = {
    "a counter without rate": (
        lambda w: query(w, "sum(http_requests_total)"), "query", "is a counter", "sum(rate(http_requests_total[1m]))"),
    "a gauge where a counter was meant": (gauge_under_rate, "query", "goes down, as a gauge", "load.kind Gauge"),
    "a gauge, as metadata says": (gauge_by_metadata, "query", "connections is a gauge", "load.kind Gauge"),
    "a counter, as metadata says": (counter_by_metadata, "query", "work is a counter", "sum(rate(work[1m]))"),
    "a range shorter than two scrapes": (shorter_scrapes, "query", "shorter than two scrapes (30s)", "write [1m]"),
    "a wrong value of a label": (wrong_value, "query", "no series match it", "did you mean checkout?"),
    "a wrong label": (
        lambda w: query(w, 'sum(rate(http_requests_total{servce="checkout"}[1m]))'), "query", "no series match",
        "no label servce: did you mean service?"),
    "a wrong metric": (
        lambda w: query(w, "sum(rate(http_request_total[1m]))"), "query", "no series match",
        "did you mean http_requests_total?"),
    "series of each pod": (per_pod, "query", "gives 2 series where one is needed", "wrap it in sum()"),
    "a query that is none": (
        lambda w: query(w, "sum(rate(http_requests_total[1m])"), "query", "is refused (400)", "try it in its UI"),
    "absent at night": (silent_nights, "history", "no load at regular hours, 20:00 to 07:00 UTC", "or vector(0)"),
    "too little history for the seasons": (
        lambda w: edit(w, forecast={"history": "14d", "seasons": ["24h", "168h"]}), "history",
        "goes back 2d12h, less than two seasons of 7d", "retention"),
    "a maximum that load was often above": (
        lambda w: edit(w, maxReplicas=5), "history", "above the 250 that 5 replicas serve", "raise maxReplicas to 6"),
    "an address that the operator may not ask": (
        lambda w: edit(w, load={"prometheus": {"serverAddress": "http://elsewhere:9090"}}), "prometheus",
        "not on the operator's allow-list", "prometheus.allow"),
    "containers without requests": (
        no_requests, "target", "containers web, proxy without a CPU request", "set resources"),
    "a quota without room": (quota, "target", "pods: 6 of 10 used, so 4 more pods fit", "raise the quota to"),
    "an HPA on the target": (
        lambda w: w.server.create(hpa()), "conflict", "HorizontalPodAutoscaler web", "mode: Floor"),
    "another object on the target": (rival, "conflict", "BayesianAutoscaler rival sizes it too", "delete"),
    "a manifest that comes back": (gitops, "conflict", "Argo CD applies it", "ignoreDifferences"),
    "a pause that was forgotten": (lambda w: edit(w, paused=True), "object", "Paused is True", "paused: false"),
}  # fmt: skip


@pytest.mark.parametrize("story", BROKEN)
async def test_what_is_broken_is_found_by_its_cure(examined, story):
    breaks, topic, what, cure = BROKEN[story]
    breaks(examined.world)
    await examined.world.run(MINUTE)
    found = await examined.finds("web")
    telling = [one for one in found if one["topic"] == topic and what in one["what"]]
    assert telling, found
    assert cure in telling[0]["cure"]
    assert all(one["cure"] for one in found)


async def test_an_object_without_its_target_is_told_so(examined):
    examined.world.server.delete("apps/v1", "Deployment", "web")
    (finding,) = [one for one in await examined.finds("web") if one["topic"] == "target"]
    assert (finding["level"], finding["where"], finding["what"]) == (
        "error",
        "Deployment default/web",
        "it is not there",
    )


async def test_a_cluster_without_the_crd_is_told_how_it_gets_it_and_what_else_there_is(examined):
    examined.world.server.delete(*CRD)
    found = {one["topic"]: one for one in await examined.finds("web")}
    assert (found["cluster"]["level"], found["cluster"]["what"]) == ("error", "the CRD is not installed")
    assert "is the CRD installed?" in found["object"]["what"]


async def test_an_object_that_is_not_there_is_a_finding(examined):
    (finding,) = await examined.finds("nobody")
    assert (finding["level"], finding["where"]) == ("error", "default/nobody")


async def test_a_lease_that_nobody_renews_is_an_error_by_the_servers_clock(examined):
    install(examined.world, name="late", renewed_ago=120.0)
    found = {one["where"]: one for one in await examined.finds()}
    assert "nobody leads" in found[f"Lease {HOME}/late"]["what"]
    assert "several operators" in found[f"{HOME}/bayescaler, {HOME}/late"]["what"]


async def test_a_namespace_that_no_operator_watches_is_told(examined):
    examined.world.server.delete("apps/v1", "Deployment", "bayescaler", namespace=HOME)
    install(examined.world, "--namespace=shop", name="other")
    found = [one for one in await examined.finds("web") if one["topic"] == "operator"]
    assert [one["what"] for one in found] == ["no operator watches it; they watch shop"]


async def test_a_clock_that_is_off_is_told_of_both_servers(examined, monkeypatch):
    monkeypatch.setattr(doctor, "clock", lambda: examined.world.clock.now() - 20.0)
    found = [one for one in await examined.finds("web") if one["topic"] == "clock"]
    assert len(found) == 2
    assert all("20s ahead of ours" in one["what"] and "NTP" in one["cure"] for one in found)


async def test_a_prometheus_that_cannot_be_reached_from_here_is_no_verdict_on_the_operators_way(examined):
    await examined.world.prometheus.stop()
    (finding,) = [one for one in await examined.finds("web") if one["topic"] == "prometheus"]
    assert finding["level"] == "warning"
    assert "says nothing of the operator" in finding["what"]
    assert "port-forward" in finding["cure"]
    given = [
        one for one in await examined.finds("web", "--prometheus=http://127.0.0.1:1") if one["topic"] == "prometheus"
    ]
    assert [one["level"] for one in given] == ["error"]
    await examined.world.prometheus.start()


async def test_an_address_of_somebody_elses_object_is_not_asked_unless_the_operator_may(examined):
    async with World(start=NOON) as elsewhere:
        examined.world.edit(load={"prometheus": {"serverAddress": elsewhere.prometheus.url}})
        await examined.finds("web")
        assert not elsewhere.prometheus.received
        await examined.finds("web", f"--prometheus={elsewhere.prometheus.url}")
        assert elsewhere.prometheus.received


async def test_what_the_reader_may_not_do_is_named_rule_by_rule_and_the_rest_is_looked_at(examined):
    examined.becomes({**OURS, "verbs": ["get", "list"]})
    found = await examined.finds("web", f"--prometheus={examined.world.prometheus.url}")
    access = {one["what"].split(":")[0]: one for one in found if one["topic"] == "access"}
    hpas = access["you may not list horizontalpodautoscalers.autoscaling"]
    assert hpas["cure"] == (
        "have a Role bound to you with {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list]}"
    )
    assert "you may not get customresourcedefinitions.apiextensions.k8s.io" in access
    assert {one["topic"] for one in found} == {"access"}
    assert "history" in {
        one["topic"] for one in await examined.examines("web", f"--prometheus={examined.world.prometheus.url}")
    }


async def test_credentials_are_sent_to_no_address_that_neither_reader_nor_operator_names(examined):
    world = examined.world
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "auth", "namespace": "default"}}
    world.server.create(secret | {"stringData": {"token": "canary-7f3a"}})
    world.edit(load={"prometheus": {"authRef": {"name": "auth"}, "serverAddress": world.prometheus.url}})
    world.server.delete("apps/v1", "Deployment", "bayescaler", namespace=HOME)
    await world.run(MINUTE)
    world.prometheus.received.clear()
    await examined.finds("web")
    assert not [one for one in world.prometheus.received if "canary" in str(one.headers)]
    await examined.finds("web", f"--prometheus={world.prometheus.url}")
    assert [one for one in world.prometheus.received if one.headers.get("Authorization") == "Bearer canary-7f3a"]
    assert "canary" not in examined.out


async def test_a_credential_folder_takes_the_place_of_the_secret(examined, tmp_path):
    (tmp_path / "token").write_text("mine-7f3a")
    await examined.finds("web", f"--auth={tmp_path}")
    assert "Bearer mine-7f3a" in {one.headers.get("Authorization") for one in examined.world.prometheus.received}
    (tmp_path / "surprise").write_text("x")
    assert await examined("doctor", "web", f"--auth={tmp_path}") == 2
    assert "unknown keys surprise" in examined.err


async def test_without_an_api_server_it_is_one_line_and_exit_code_two(examined):
    config = yaml.safe_load(examined.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    examined.kubeconfig = examined.kubeconfig.with_name("away")
    examined.kubeconfig.write_text(yaml.safe_dump(config))
    assert await examined("doctor") == 2
    (line,) = examined.err.splitlines()
    assert "GET /version" in line


async def test_an_object_called_as_a_command_is_named_with_its_kind(examined):
    (finding,) = await examined.finds("bas/forecast")
    assert "there is no BayesianAutoscaler forecast" in finding["what"]


PAGE = Path(__file__).resolve().parents[3] / "docs/doctor.md"


async def test_the_page_shows_what_comes_out(examined):
    world = examined.world
    query(world, 'sum(rate(http_requests_total{service="checkuot"}[1m]))')
    quota(world)
    await world.settle()
    await world.run(5 * MINUTE)
    renew(world)
    assert await examined("doctor", "web") == 1
    shown = re.search(r"<!-- story: doctor -->\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert examined.out == shown
