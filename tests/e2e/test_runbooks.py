"""Every command and every query of the runbooks, as they stand there, on a cluster and a Prometheus of their own."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART
from harness.controlplane import ControlPlane, Options
from harness.load import Load
from harness.manifests import bayesian_autoscaler, deployment
from harness.metrics_server import MetricsServer
from harness.process import Said, wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.reader import Reader
from harness.release import OperatorProcess, Release, leading
from harness.runbooks import Command, commands, queries

SHOP = "shop"
POD_LOG = "pods.log"
HOME = "bayescaler-system"
PROMETHEUS = "http://prometheus.monitoring:9090"
QUERY = "sum(rate(http_requests_total[1m]))"
OPERATOR = {"interval": "2s", "startup": "20s", "logLevel": "info"}
AUDIT = "bayescaler.audit"
SETTLED_SECONDS = 90.0
SECTIONS = [
    pytest.param(list(typed), id=f"{page}: {section}")
    for (page, section), typed in groupby(commands(), key=lambda one: (one.page, one.section))
]
# What a healthy operator of a minute has no series of.
NOTHING_WRONG = ('load!="Live"', "offset 1d")


@dataclass(frozen=True)
class Installation:
    """The shop, its operator, and somebody at a desk."""

    cluster: ControlPlane
    prometheus: PrometheusServer
    operator: OperatorProcess
    reader: Reader
    pod_log: Path

    def type(self, line: str) -> Said:
        """Type a line, for which there is the operator's log and what metrics-server measured."""
        self.keep_log()
        if line.startswith("kubectl top"):
            self.measured()
        return self.reader.type(line)

    def keep_log(self) -> None:
        """Write the operator's log as a node's container runtime keeps it."""
        records = [one for one in self.operator.records() if "timestamp" in one.fields]
        lines = [f"{one.fields['timestamp']} stderr F {json.dumps(dict(one.fields))}\n" for one in records]
        self.pod_log.write_text("".join(lines))

    def measured(self) -> None:
        """Wait until nodes and the operator's pods, which may be new, are measured."""
        for path in ("nodes", f"namespaces/{HOME}/pods"):
            wait_until(
                lambda path=path: self.cluster.request(f"/apis/metrics.k8s.io/v1beta1/{path}").json().get("items"),
                f"{path} measured",
                deadline_seconds=SETTLED_SECONDS,
            )

    def settle(self) -> None:
        """Wait until every object has been looked at as it is now."""

        def told() -> bool:
            objects = [self.cluster.get("bas", name, namespace=SHOP) for name in ("checkout", "search", "reports")]
            return all(
                one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]
                and one["status"].get("conditions")
                for one in objects
            )

        wait_until(told, "a status of every object", deadline_seconds=SETTLED_SECONDS)

    def begin(self) -> None:
        """Put everything as it was."""
        self.cluster.kubectl("replace", "-f", "-", stdin=yaml.safe_dump_all(autoscalers()))
        self.cluster.kubectl("scale", "deployment/bayescaler", "-n", HOME, "--replicas=2")
        self.cluster.kubectl("rollout", "status", "deployment/bayescaler", "-n", HOME, "--timeout=60s")
        self.settle()


def autoscalers() -> list[dict[str, Any]]:
    short = {"history": "2d"}
    return [
        bayesian_autoscaler("checkout", QUERY, 50, namespace=SHOP, minimum=2, maximum=60, forecast=short),
        bayesian_autoscaler("search", QUERY, 50, namespace=SHOP, mode="Floor", forecast=short),
        bayesian_autoscaler("reports", QUERY, 50, namespace=SHOP, forecast=short),
    ]


def hpa() -> dict[str, Any]:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "search", "namespace": SHOP},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "search"},
            "minReplicas": 2,
            "maxReplicas": 40,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runbooks")


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, folder: Path) -> Iterator[ControlPlane]:
    """A control plane in which nobody else's release is changed; pods log what the operator does."""
    options = Options(pod_logs=folder / POD_LOG)
    with (
        ControlPlane(binaries, folder / "cluster", options) as cluster,
        MetricsServer(binaries, cluster, folder),
    ):
        yield cluster


@pytest.fixture(scope="module")
def watching(binaries: Binaries, load: Load, folder: Path) -> Iterator[PrometheusServer]:
    rules = sorted((CHART / "files" / "rules").glob("*.yaml"))
    feed = Feed("http_requests_total", load, {"service": "checkout"})
    with PrometheusServer(binaries, folder / "prometheus", [feed], rules=rules) as prometheus:
        prometheus.wait_live()
        yield prometheus


@pytest.fixture(scope="module")
def installation(
    binaries: Binaries, cluster: ControlPlane, watching: PrometheusServer, folder: Path
) -> Iterator[Installation]:
    """Installed, and upgraded once, so that there is a way back; the operator has once set replicas."""
    release = Release(cluster, {"operator": OPERATOR, "prometheus": {"address": watching.url}})
    release.install()
    release.upgrade()
    cluster.create_namespace(SHOP)
    workloads = {"checkout": 1, "search": 2, "reports": 2}  # the first has less than its minimum
    cluster.apply(*(deployment(name, namespace=SHOP, replicas=count) for name, count in workloads.items()), hpa())
    cluster.kubectl("set", "env", "deployment/checkout", "-n", SHOP, "RELEASE=2")
    cluster.kubectl("create", "quota", "team", "--hard=pods=500", "-n", SHOP)
    with leading(release, folder / "operator") as operator:
        watching.scrape(operator.url)
        cluster.apply(*autoscalers())
        reader = Reader(
            cluster, binaries, folder / "reader", instead={PROMETHEUS: watching.url, "--at -30m": "--at -1s"}
        )
        installation = Installation(cluster, watching, operator, reader, folder / POD_LOG)
        installation.settle()
        wait_until(
            lambda: any(one.fields.get("logger") == AUDIT for one in operator.records()),
            "a write is told",
            deadline_seconds=SETTLED_SECONDS,
        )
        installation.measured()
        yield installation


@pytest.mark.parametrize("typed", SECTIONS)
def test_what_a_section_has_typed_works_and_leaves_what_the_operator_can_decide_on(
    installation: Installation, typed: list[Command]
) -> None:
    installation.begin()
    for one in typed:
        said = installation.type(one.line)
        finds = " doctor" in one.line and said.code == 1  # it found an error, which is its answer
        assert said.code == 0 or finds, f"{one.line}\n{said.out}{said.err}"
        installation.settle()


def test_the_queries_are_answered(installation: Installation, tell: Callable[[str], None]) -> None:
    installation.begin()
    for page, query in queries():
        found: list[Any] = []
        if any(nothing in query for nothing in NOTHING_WRONG):
            installation.prometheus.query(query)  # it is one, and finds nothing
            continue

        def answered(query: str = query, found: list[Any] = found) -> bool:
            found[:] = installation.prometheus.query(query)
            return bool(found)

        wait_until(answered, f"{page}: {query}", deadline_seconds=SETTLED_SECONDS)
    tell(f"{len(commands())} commands, {len(queries())} queries of {len({one.page for one in commands()})} pages")


def test_time_that_is_left_out_of_the_query_is_a_gap_and_no_zero(installation: Installation) -> None:
    installation.begin()
    now = int(time.time())
    window = f"(vector(time()) > {now - 7200} < {now - 3600})"
    asked = {"query": f"{QUERY} unless {window}"}
    patch = json.dumps({"spec": {"load": {"prometheus": asked}}})
    installation.cluster.kubectl("patch", "bas", "checkout", "-n", SHOP, "--type=merge", "-p", patch)
    installation.settle()
    times, values = installation.prometheus.query_range(
        asked["query"], start=now - 9000, end=now - 1800, step_seconds=60
    )
    assert not ((times > now - 7200) & (times < now - 3600)).any()
    assert len(times) >= 45
    assert values.min() > 0
    wait_until(
        lambda: installation.cluster.get("bas", "checkout", namespace=SHOP)["status"]["lastDecision"].get("load"),
        "it is decided by the load",
        deadline_seconds=SETTLED_SECONDS,
    )
