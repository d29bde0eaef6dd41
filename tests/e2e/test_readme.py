"""The README with nothing but a cluster: from `helm install` to an explained decision and dashboards with live data."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from harness import monitoring
from harness.binaries import Binaries
from harness.chart import CHART
from harness.controlplane import ControlPlane
from harness.grafana import NOTHING_WRONG, have_data, shown
from harness.load import Load
from harness.manifests import deployment
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.reader import Block, Reader, blocks
from harness.release import OperatorProcess, Release

STACK = "release=kube-prometheus-stack"
NAMESPACE = "bayescaler-system"
MANIFESTS = CHART.parents[1] / "deploy" / "install.yaml"
# Mode Observe writes nothing, and the README's object has no objective.risk.
NOTHING_WRITTEN = {"Writes", "Budget spent"}
STORY = re.compile(
    r"^shop/checkout: (?P<replicas>\d+) replicas, .*"
    r"^Load +(?P<load>[\d.]+)/s in the bucket that ended (?P<ended>\S+)$.*"
    r"^Expected +up to (?P<expected>[\d.]+)/s within \S+ at 95 %.*"
    r"^Risk +(less than )?[\d.]+ % to run short",
    re.MULTILINE | re.DOTALL,
)
LOOKING_AFTER = (
    ("docs/doctor.md", "Is it well?"),
    ("docs/kubectl-plugin.md", "Stop it, and let it go on"),
    ("docs/kubectl-plugin.md", "All objects at a glance"),
)
DECIDED_SECONDS = 60.0
SETTLED_SECONDS = 220.0


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with somebody's workload and the kinds of the Prometheus operator, and nothing of ours."""
    with ControlPlane(binaries, tmp_path_factory.mktemp("readme")) as cluster:
        cluster.create_namespace("shop")
        cluster.apply(*monitoring.kinds(), deployment("checkout", namespace="shop", replicas=2))
        yield cluster


@pytest.fixture(scope="module")
def prometheus(binaries: Binaries, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """One that this story alone configures."""
    feed = Feed("http_requests_total", load, {"namespace": "shop", "service": "checkout"})
    with PrometheusServer(binaries, tmp_path_factory.mktemp("prometheus"), [feed]) as prometheus:
        prometheus.wait_live()
        yield prometheus


@pytest.fixture
def reader(cluster: ControlPlane, binaries: Binaries, prometheus: PrometheusServer, tmp_path: Path) -> Iterator[Reader]:
    """Somebody who has another Prometheus than the pages, and changes nothing else; in the end nothing is installed."""
    instead = dict.fromkeys(("http://prometheus.monitoring:9090", "http://localhost:9090"), prometheus.url)
    yield Reader(cluster, binaries, tmp_path, instead=instead)
    cluster.helm("uninstall", "bayescaler", f"--namespace={NAMESPACE}", "--ignore-not-found", "--wait")
    cluster.kubectl("delete", "-f", str(MANIFESTS), "--ignore-not-found", "--timeout=60s")


def decided(reader: Reader, get: str) -> dict[str, str]:
    """Wait until `kubectl get bas` tells of one object, and leaves no cell empty."""

    def row() -> dict[str, str]:
        heads, cells = (line.split() for line in reader.run(get).splitlines())
        assert len(cells) == len(heads), cells
        return dict(zip(heads, cells, strict=True))

    return wait_until(row, "it has decided", deadline_seconds=DECIDED_SECONDS, every_seconds=0.5)


def test_the_readme_leads_to_an_explained_decision_and_to_dashboards_with_live_data(
    cluster: ControlPlane,
    prometheus: PrometheusServer,
    reader: Reader,
    tmp_path: Path,
    tell: Callable[[str], None],
) -> None:
    installing, manifest, sizing, watching = blocks("README.md", "Install it")
    for command in installing.commands:
        reader.run(command)

    # Pods of this control plane run no images: their command line runs here, with their account.
    with OperatorProcess(Release(cluster, {}), tmp_path / "operator") as operator:
        apply, get, explain = sizing.commands
        reader.save("checkout.yaml", manifest.text)
        reader.run(apply)
        row = decided(reader, get)
        assert (row["NAME"], row["MODE"], row["READY"], row["CURRENT"]) == ("checkout", "Observe", "True", "2")
        tell(story := reader.run(explain))
        explained_by_what_prometheus_has(story, prometheus, manifest)

        for command in watching.commands:
            reader.run(command)
        job = monitoring.scrape_job(cluster, NAMESPACE, STACK, operator.url.removeprefix("http://"))
        prometheus.reconfigure([job], monitoring.rule_files(cluster, NAMESPACE, STACK, tmp_path))
        dashboards = monitoring.dashboards(cluster, NAMESPACE, tmp_path)
        assert len(dashboards) == 3
        chosen = {"namespace": "shop", "autoscaler": "checkout"}
        queries = [asked for dashboard in dashboards.values() for asked in dashboard.asked(chosen)]
        wait_until(
            lambda: have_data(prometheus, queries, may_be_empty=NOTHING_WRONG | NOTHING_WRITTEN),
            "every panel has data",
            deadline_seconds=SETTLED_SECONDS,
            every_seconds=2.0,
        )
        tell("\n".join(shown(prometheus, queries)))
        assert cluster.get("deployment", "checkout", namespace="shop")["spec"]["replicas"] == 2, "mode Observe"
        assert operator.refusals() == []
        assert operator.faults() == []


def explained_by_what_prometheus_has(story: str, prometheus: PrometheusServer, manifest: Block) -> None:
    """The load that it tells is the one that was; the replicas are those that the load expected needs."""
    spec = yaml.safe_load(manifest.text)["spec"]
    found = STORY.search(story)
    assert found is not None, story
    asked = max(math.ceil(float(found["expected"]) / spec["capacity"]["perReplica"]), spec["minReplicas"])
    assert int(found["replicas"]) == asked
    at = datetime.fromisoformat(found["ended"]).timestamp()
    (there,) = prometheus.query(spec["load"]["prometheus"]["query"], at=at)
    assert float(found["load"]) == pytest.approx(there.value, rel=0.01)


@pytest.mark.parametrize(("helm", "version"), [("helm", "v4."), ("helm3", "v3.")])
def test_the_commands_for_helm_install_upgrade_go_back_and_leave_nothing(
    cluster: ControlPlane, binaries: Binaries, reader: Reader, helm: str, version: str
) -> None:
    reader.has("helm", getattr(binaries, helm))
    assert reader.run("helm version --short").startswith(version)
    install, _, renewing, removing = blocks("docs/install.md", "Helm")
    for command in [*install.commands, *renewing.commands, *removing.commands]:
        reader.run(command)

    chart = "app.kubernetes.io/name=bayescaler"
    kinds = "deployments,services,configmaps,clusterroles,clusterrolebindings,roles,rolebindings,crds"
    assert not cluster.kubectl("get", kinds, "-A", "-l", chart, "-o", "name")


def test_the_commands_for_kubectl_bring_an_operator_that_those_of_its_pages_look_after(
    cluster: ControlPlane, reader: Reader, tmp_path: Path
) -> None:
    (install,) = blocks("docs/install.md", "kubectl")
    for command in install.commands:
        reader.run(command)

    _, manifest, sizing, _ = blocks("README.md", "Install it")
    apply, get, _ = sizing.commands
    reader.save("checkout.yaml", manifest.text)
    reader.save("prometheus-auth/token", "asks-for-none")
    with OperatorProcess(Release(cluster, {}), tmp_path / "operator") as operator:
        reader.run(apply)
        row = decided(reader, get)
        assert (row["READY"], float(row["LOAD"]) > 0) == ("True", True)
        cluster.kubectl("label", "bas", "checkout", "-n", "shop", "team=payments")
        for page, heading in LOOKING_AFTER:
            for command in (one for block in blocks(page, heading, "console") for one in block.commands):
                if "--watch" not in command:  # it goes on until it is interrupted
                    assert reader.run(command), command
        assert operator.refusals() == []
