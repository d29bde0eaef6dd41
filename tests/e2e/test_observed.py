"""What people watch: the chart's dashboards and rules on a real Prometheus that scrapes a real operator."""

from collections.abc import Callable, Iterator

import pytest
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.grafana import NOTHING_WRONG, DashboardFile, have_data, shown
from harness.load import Load
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.release import CHART, OperatorProcess, Release, leading

DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
RULES = sorted((CHART / "files" / "rules").glob("*.yaml"))
NAMESPACE = "observed"
SETTLED_SECONDS = 220.0


@pytest.fixture(scope="module")
def watching(binaries: Binaries, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus with the chart's rules."""
    feed = Feed("http_requests_total", load, {"service": "checkout"})
    with PrometheusServer(binaries, tmp_path_factory.mktemp("watching"), [feed], rules=RULES) as prometheus:
        prometheus.wait_live()
        yield prometheus


@pytest.fixture(scope="module")
def operator(
    release: Release, watching: PrometheusServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that leads, scraped."""
    with leading(release, tmp_path_factory.mktemp("operator"), f"--prometheus={watching.url}") as operator:
        watching.scrape(operator.url)
        yield operator


@pytest.fixture(scope="module")
def sized(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[str]:
    """A namespace with one object that has a budget and more load than it may serve, and one with a quantile."""
    with cluster.namespace(NAMESPACE):
        # as many of search as ever needed, and ready before it is sized: one short even for a second burns its budget
        cluster.apply(
            *(deployment(name, namespace=NAMESPACE, replicas=n) for name, n in (("checkout", 1), ("search", 6)))
        )
        for name in ("checkout", "search"):
            cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, "--timeout=120s")
        cluster.apply(
            bayesian_autoscaler(
                "checkout", QUERY, 0.5, namespace=NAMESPACE, maximum=3, objective={"risk": {"overloadBudget": 0.01}}
            ),
            bayesian_autoscaler("search", QUERY, 50, namespace=NAMESPACE),
        )
        for name in ("checkout", "search"):
            cluster.kubectl("wait", "--for=condition=Ready", f"bas/{name}", "-n", NAMESPACE, "--timeout=60s")
        yield NAMESPACE


def test_every_panel_of_every_dashboard_has_data_or_a_reason_for_none(
    watching: PrometheusServer, operator: OperatorProcess, sized: str, tell: Callable[[str], None]
) -> None:
    dashboards = {path.stem: DashboardFile(path) for path in DASHBOARDS}
    one = {"namespace": sized, "autoscaler": "checkout"}
    everything = {"namespace": ".*", "autoscaler": ".*"}
    assert set(dashboards) == {"debug", "executive", "oncall"}

    def offered() -> bool:
        choices = [dashboard.choices(watching, one) for dashboard in dashboards.values()]
        return all(sized in one["namespace"] and one["autoscaler"] == ["checkout", "search"] for one in choices)

    wait_until(offered, "the variables offer both objects", deadline_seconds=60)

    queries = [asked for chosen in (one, everything) for d in dashboards.values() for asked in d.asked(chosen)]
    try:
        wait_until(
            lambda: have_data(watching, queries, may_be_empty=NOTHING_WRONG),
            "every panel has data",
            deadline_seconds=SETTLED_SECONDS,
            every_seconds=2.0,
        )
    finally:
        tell("\n".join([f"{len(queries)} queries", *shown(watching, queries)]))


def test_the_alerts_of_a_healthy_operator_do_not_fire_and_one_that_is_due_does(
    watching: PrometheusServer, operator: OperatorProcess, sized: str
) -> None:
    here = f'namespace="{sized}",name="checkout"'
    at_max = f'ALERTS{{alertname="BayescalerAtMaxViolationLikely",{here}}}'
    wait_until(lambda: watching.query(at_max), "it is found to be at its maximum", deadline_seconds=SETTLED_SECONDS)

    found = watching.query('ALERTS{alertname=~"Bayescaler.*"}')
    installation = {"BayescalerLeaderMissing", "BayescalerNothingDecided", "BayescalerTickSlow", "BayescalerFaults"}
    assert not [one.labels for one in found if one.labels["alertname"] in installation]
    assert not [one.labels for one in found if one.labels.get("name") == "search"]
