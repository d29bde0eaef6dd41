"""What people look after it with: doctor and the switches under the real kubectl, the console under real tokens."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import yaml
from harness.adapter import MetricsAdapter
from harness.controlplane import ControlPlane
from harness.load import Load
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.plugin import Plugin
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.reader import blocks
from harness.release import OperatorProcess, Release, leading
from playwright.sync_api import sync_playwright

MISSPELT = QUERY.replace("checkout", "checkuot")
BACKLOG = "sum(rate(queue_length[1m]))"
NAMESPACE = "operated"
NAMES = ("backlog", "busy", "checkout", "misspelt")
SETTLED_SECONDS = 60.0
ANSWER_SECONDS = 10.0


@pytest.fixture(scope="module")
def operator(
    release: Release,
    prometheus: PrometheusServer,
    load: Load,
    adapter: MetricsAdapter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    """An operator with its console, in a cluster with metrics, where Prometheus has a gauge too."""
    queue = Feed("queue_length", load, {"queue": "orders"}, "gauge")
    prometheus.add(queue)
    asked = "count_over_time(queue_length[1m]) > 3"
    wait_until(lambda: prometheus.query(asked), "the queue is scraped", deadline_seconds=SETTLED_SECONDS)
    watched = replace(release, values={**release.values, "console": {"enabled": True}})
    watched.upgrade()
    with leading(watched, tmp_path_factory.mktemp("operator"), "--console=127.0.0.1:0") as operator:
        yield operator
    queue.silent = True
    release.upgrade()


@pytest.fixture(scope="module")
def operated(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[str]:
    """A namespace with an object that does well, one at its maximum of three, and two whose query is wrong."""
    with cluster.namespace(NAMESPACE):
        cluster.apply(
            *(deployment(name, namespace=NAMESPACE) for name in NAMES),
            bayesian_autoscaler("checkout", QUERY, 50, namespace=NAMESPACE, maximum=20),
            bayesian_autoscaler("busy", QUERY, 0.5, namespace=NAMESPACE, maximum=3),
            bayesian_autoscaler("misspelt", MISSPELT, 50, namespace=NAMESPACE),
            bayesian_autoscaler("backlog", BACKLOG, 50, namespace=NAMESPACE),
        )
        for name in ("checkout", "busy"):
            cluster.kubectl("wait", "--for=condition=Ready", f"bas/{name}", "-n", NAMESPACE, "--timeout=60s")
        wait_until(
            lambda: cluster.get("bas", "busy", namespace=NAMESPACE)["status"]["currentReplicas"] == 3,
            "busy is at its maximum, and says so",
            deadline_seconds=SETTLED_SECONDS,
        )
        yield NAMESPACE


def replicas(cluster: ControlPlane, name: str) -> int:
    return int(cluster.get("deployment", name, namespace=NAMESPACE)["spec"]["replicas"])


def test_doctor_finds_nothing_where_all_is_well(operated: str, plugin: Plugin) -> None:
    def sound() -> bool:
        # That the load's level has changed, say, is a remark and no fault.
        assert [one for one in plugin.findings("checkout", "-n", operated) if one["level"] != "info"] == []
        return True

    wait_until(sound, "everything is sound", deadline_seconds=SETTLED_SECONDS)


@pytest.mark.parametrize(
    ("name", "what", "cure", "mended"),
    [
        ("misspelt", "no series match it", "did you mean checkout?", {"prometheus": {"query": QUERY}}),
        (
            "backlog",
            "queue_length is a gauge",
            "query sum(queue_length) with load.kind Gauge",
            {"kind": "Gauge", "prometheus": {"query": "sum(queue_length)"}},
        ),
    ],
)
def test_doctor_finds_a_query_that_gives_no_load_and_its_cure_mends_it(
    cluster: ControlPlane, operated: str, plugin: Plugin, name: str, what: str, cure: str, mended: dict[str, Any]
) -> None:
    def of_query() -> list[dict[str, Any]]:
        return [one for one in plugin.findings(name, "-n", operated) if one["topic"] == "query"]

    (found,) = (one for one in of_query() if what in one["what"])
    assert found["level"] == "error"
    assert cure in found["cure"]
    patch = json.dumps({"spec": {"load": mended}})
    cluster.kubectl("patch", "bas", name, "-n", operated, "--type=merge", f"--patch={patch}")
    assert found["what"] not in [one["what"] for one in of_query()]


def test_doctor_names_each_right_that_its_reader_lacks_as_the_rule_that_grants_it(
    cluster: ControlPlane, operated: str, plugin: Plugin
) -> None:
    cluster.kubectl("create", "serviceaccount", "oncall", "-n", operated)
    grant(cluster, operated, {"apiGroups": ["bayescaler.dev"], "resources": ["bayesianautoscalers"], "verbs": ["get"]})
    oncall = cluster.kubeconfig_for(operated, "oncall")

    def lacked() -> list[dict[str, Any]]:
        return [one for one in plugin.findings("checkout", kubeconfig=oncall) if one["topic"] == "access"]

    found = lacked()
    assert "you may not list horizontalpodautoscalers.autoscaling" in "\n".join(one["what"] for one in found)
    for one in found:
        rule = re.fullmatch(r"have a (?:Cluster)?Role bound to you with (\{.*\})", one["cure"])
        assert rule is not None, one["cure"]
        grant(cluster, None if one["where"] == "the whole cluster" else operated, yaml.safe_load(rule[1]))
    wait_until(lambda: lacked() == [], "the API server grants them")


def grant(cluster: ControlPlane, namespace: str | None, rule: dict[str, Any]) -> None:
    """Give the account `oncall` a rule in a namespace, or in all."""
    about = {"generateName": "oncall-", **({"namespace": namespace} if namespace else {})}
    scope, api = "" if namespace else "Cluster", "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{api}/v1", "kind": f"{scope}Role", "metadata": about, "rules": [rule]}
    made = cluster.kubectl("create", "-f", "-", "-o", "name", stdin=yaml.safe_dump(role)).strip().partition("/")[2]
    binding = {
        "apiVersion": f"{api}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": about,
        "roleRef": {"apiGroup": api, "kind": f"{scope}Role", "name": made},
        "subjects": [{"kind": "ServiceAccount", "name": "oncall", "namespace": NAMESPACE}],
    }
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(binding))


def test_top_shows_every_object_as_its_status_has_it(cluster: ControlPlane, operated: str, plugin: Plugin) -> None:
    def rows() -> dict[str, dict[str, str]]:
        heads, *lines = (line.split() for line in plugin.told("top", "-n", operated, "--once").splitlines())
        found = [dict(zip(heads, line, strict=False)) for line in lines]  # what comes last may be empty
        return {row["NAME"]: row for row in found}

    assert set(rows()) == set(NAMES)

    def busy() -> bool:
        row = rows()["busy"]
        assert (row["MODE"], row["NOW"], row["WANTED"], row["MAX"]) == ("Auto", "3", "3", "3")
        return True

    wait_until(busy, "its status tells of what runs now", deadline_seconds=SETTLED_SECONDS)


def test_the_plugin_tells_decisions_of_now_and_then(
    cluster: ControlPlane, operator: OperatorProcess, operated: str, plugin: Plugin
) -> None:
    out = plugin.told("explain", "deploy/busy", "-n", operated)
    assert re.match(rf"{operated}/busy: 3 replicas, fixed by MaxReplicas \(\d+ asked for\)\n", out)
    assert "MaxReplicas: raise maxReplicas" in out

    told = json.loads(plugin.told("explain", "busy", f"--namespace={operated}", "-ojson", "--why-not=2"))
    status = cluster.get("bas", "busy", namespace=operated)["status"]
    assert told["decision"]["steps"][-1]["limiter"] == "MaxReplicas"
    assert told["whyNot"]["violationProbability"] > 0.5
    assert len(status["forecast"]["quantiles"]) == 9
    assert len(json.dumps(status)) < 3000

    log = str(operator.component.log)
    newest = operator.decisions(f"{operated}/busy")[-1].decision
    logged = json.loads(plugin.told("explain", "busy", "-n", operated, "--log", log, "-ojson"))
    assert logged["decision"]["id"].split(".")[:2] == newest["id"].split(".")[:2]


@pytest.mark.parametrize(
    ("name", "options", "code", "says"),
    [
        ("busy", ("--log={log}", "--at=2020-01-01T00:00:00Z"), 1, "has no decision of"),
        # The pods of this control plane run no images, and have no log.
        ("busy", ("--at=-1s",), 2, "kubectl logs -n NAMESPACE"),
        ("nobody", (), 1, "there is no BayesianAutoscaler nobody in namespace {namespace}"),
    ],
    ids=["before the log", "no log", "no object"],
)
def test_what_it_cannot_tell_it_says(
    operator: OperatorProcess, operated: str, plugin: Plugin, name: str, options: tuple[str, ...], code: int, says: str
) -> None:
    given = [one.format(log=operator.component.log) for one in options]
    said = plugin.kubectl("bayescaler", "explain", name, "-n", operated, *given)
    assert said.code == code
    assert says.format(namespace=operated) in said.err


def test_kubectl_finds_its_help_and_completes_it(plugin: Plugin) -> None:
    assert plugin.told("explain", "--help").startswith("Usage: kubectl bayescaler explain")
    completed = plugin.kubectl("__complete", "bayescaler", "exp").out
    assert "explain\t" in completed
    assert completed.rstrip().endswith(":4")


@pytest.mark.parametrize(("verb", "undone"), [("pause", "resume"), ("observe", "auto")])
def test_a_switch_stops_all_scaling_until_the_command_that_it_told_undoes_it(
    cluster: ControlPlane, operator: OperatorProcess, operated: str, plugin: Plugin, verb: str, undone: str
) -> None:
    told = plugin.told(verb, "deploy/busy", "-n", operated)
    undo = re.search(r"undo: +kubectl bayescaler (.*)", told)
    assert undo is not None, told
    assert undo[1] == f"{undone} busy -n {operated}"

    def heard() -> bool:
        bas = cluster.get("bas", "busy", namespace=operated)
        return bool(bas["status"]["observedGeneration"] == bas["metadata"]["generation"])

    wait_until(heard, "the operator has heard", deadline_seconds=SETTLED_SECONDS)
    cluster.kubectl("scale", "deployment/busy", "-n", operated, "--replicas=1")
    operator.wait_ticks(3)
    assert replicas(cluster, "busy") == 1
    plugin.told(*undo[1].split())
    wait_until(lambda: replicas(cluster, "busy") == 3, "it is scaled again", deadline_seconds=SETTLED_SECONDS)


@pytest.fixture(scope="module")
def token(cluster: ControlPlane, operated: str) -> str:
    """A token of an account that may get objects in one namespace, by the Role that the console's page gives."""
    (role,) = blocks("docs/console.md", "Who sees what", "yaml")
    manifest = yaml.safe_load(role.text)
    manifest["metadata"]["namespace"] = operated
    cluster.apply(manifest)
    cluster.kubectl("create", "serviceaccount", "viewer", "-n", operated)
    bound = (f"--role={manifest['metadata']['name']}", f"--serviceaccount={operated}:viewer")
    cluster.kubectl("create", "rolebinding", "viewer", *bound, "-n", operated)
    return cluster.token(operated, "viewer")


@pytest.fixture
def console(operator: OperatorProcess) -> str:
    """The address of the console, as the log tells it."""
    return next(str(one.fields["address"]) for one in operator.records() if one.message == "serving the console")


def test_the_console_shows_whoever_has_a_token_what_they_may_see_and_nobody_else_anything(
    cluster: ControlPlane, console: str, operated: str, token: str
) -> None:
    def answer(path: str, bearer: str | None) -> requests.Response:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return requests.get(f"{console}api/objects{path}", headers=headers, timeout=ANSWER_SECONDS)

    for nobodys in (None, "nonsense", token[:-8] + "AAAAAAAA"):
        assert answer("", nobodys).status_code == 401
    stranger = cluster.token(operated, "default")
    for path, bearer in (("", stranger), (f"/{operated}/busy", stranger), ("/shop/checkout", token)):
        assert answer(path, bearer).status_code == 403
    seen = answer("", token).json()["objects"]
    assert {(one["namespace"], one["name"]) for one in seen} == {(operated, name) for name in NAMES}
    assert answer(f"/{operated}/nobody", token).status_code == 404


def test_the_console_is_a_page_with_rows_a_chart_and_a_story(console: str, operated: str, token: str) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "no chromium on the PATH: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{console}#token={token}")
        page.wait_for_selector("#objects tbody tr")
        assert page.locator("#objects tbody tr").count() == len(NAMES)
        page.get_by_role("link", name="busy").click()
        page.wait_for_selector("#chart svg")
        assert page.inner_text("#object-title") == f"{operated}/busy"
        assert re.match(rf"{operated}/busy: \d+ replicas", page.inner_text("#story"))
        assert complaints == []
        browser.close()
