"""Fixtures of the end-to-end tests: one control plane, Prometheus and metrics adapter for the whole run.

The tests run only when asked for: by `BAYESCALER_E2E=1`, or by a path in this folder on the command line.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The tests say `from harness...`, and importlib mode puts no folder on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import binaries as executables
from harness.chart import Helm, Manifest
from harness.chart_matrix import MATRIX
from harness.load import Load
from harness.plugin import Plugin
from harness.prometheus import Feed, PrometheusServer
from harness.traces import DAY_SECONDS, load_series

if TYPE_CHECKING:  # they need packages of the e2e group, and a run without these tests reads this file too
    from harness.adapter import MetricsAdapter
    from harness.controlplane import ControlPlane
    from harness.release import OperatorProcess, Release

HERE = Path(__file__).resolve().parent
HISTORY_SECONDS = 14 * DAY_SECONDS
PEAK_RATE = 600.0
TEST_SECONDS = 300
STORY = "story"
# They go first, in this order, so that both workers of a run end together.
LONGEST = (
    "test_runbooks",
    "test_learning",
    "test_readme",
    "test_outages",
    "test_rise",
    "test_saved_state",
    "test_hpa_golden",
    "test_observed",
    "test_operating",
    "test_tutorial",
    "test_floor",
)
# What the chart is installed with: a quick operator; one Secret it may read; two kinds more that it may scale.
VALUES = {
    "operator": {"interval": "2s", "startup": "20s", "logLevel": "info"},
    "rbac": {
        "secrets": {"shop": ["prometheus-auth", "not-there"]},
        "extraScaleTargets": [
            {"group": "games.example", "resource": "fleets"},
            {"group": "apps", "resource": "replicasets"},
        ],
    },
}


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run that did not ask for it."""
    if os.environ.get("BAYESCALER_E2E") == "1":
        return None
    asked = (Path(config.invocation_params.dir, argument.split("::")[0]) for argument in config.args)
    return None if any(path.resolve().is_relative_to(HERE) for path in asked) else True


def pytest_collect_file(parent: pytest.Collector) -> None:
    """Have every executable before the first module is read: no test's timeout is to measure a compiler."""
    if not parent.config.option.collectonly:
        _have_executables(parent.config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, and let the longest go first."""
    unknown = [name for name in LONGEST if not (HERE / f"{name}.py").exists()]
    assert not unknown, f"LONGEST names what is not there: {unknown}"
    items.sort(key=_turn)
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the components' logs under a failed test."""
    report = yield
    if report.failed:
        for name, part in getattr(item, "funcargs", {}).items():
            if hasattr(part, "log_tails"):
                report.sections.append((f"logs of {name}", part.log_tails()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show at the end what the tests had to tell people."""
    calls = [one for told in terminalreporter.stats.values() for one in told if getattr(one, "when", None) == "call"]
    for report in calls:
        for text in (value for name, value in report.user_properties if name == STORY):
            terminalreporter.section(report.location[2].removeprefix("test_").replace("_", " "))
            terminalreporter.write_line(text)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keep a text, a timeline say, for the end of the run; it goes with the test's report, from a worker too."""
    return lambda text: request.node.user_properties.append((STORY, text))


@pytest.fixture(scope="session")
def binaries() -> executables.Binaries:
    return executables.find(build=False)


@pytest.fixture(scope="session")
def cluster(binaries: executables.Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    from harness.controlplane import ControlPlane

    with ControlPlane(binaries, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def helm(binaries: executables.Binaries, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(binaries.helm, tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module", params=MATRIX, ids=str)
def rendered(helm: Helm, request: pytest.FixtureRequest) -> list[Manifest]:
    """The chart with each of many values."""
    return helm.template(MATRIX[request.param])


@pytest.fixture(scope="session")
def load() -> Load:
    """A real trace: fourteen days lie behind, the rest goes on."""
    series = load_series().scaled_to_peak(PEAK_RATE)
    return Load(series, history_seconds=HISTORY_SECONDS, now=time.time())


@pytest.fixture(scope="session")
def prometheus(
    binaries: executables.Binaries, load: Load, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    feed = Feed("http_requests_total", load, {"namespace": "shop", "service": "checkout"})
    with PrometheusServer(binaries, tmp_path_factory.mktemp("prometheus"), [feed]) as prometheus:
        yield prometheus


@pytest.fixture(scope="session")
def adapter(cluster: ControlPlane, prometheus: PrometheusServer) -> Iterator[MetricsAdapter]:
    from harness.adapter import MetricsAdapter

    prometheus.wait_live()
    with MetricsAdapter(cluster, prometheus) as adapter:
        yield adapter


@pytest.fixture
def namespace(cluster: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, named after it."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:50].strip("-")
    with cluster.namespace(name) as made:
        yield made


@pytest.fixture(scope="session")
def release(cluster: ControlPlane, prometheus: PrometheusServer) -> Release:
    """The chart, installed by helm; `shop` is the namespace with a Secret that the operator may read."""
    from harness.release import Release

    cluster.create_namespace("shop")
    release = Release(cluster, {**VALUES, "prometheus": {"address": prometheus.url}})
    release.install()
    return release


@pytest.fixture(scope="module")
def operator(
    release: Release, prometheus: PrometheusServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator on the session's Prometheus, leading."""
    from harness.release import leading

    prometheus.wait_live()
    with leading(release, tmp_path_factory.mktemp("operator")) as operator:
        yield operator


@pytest.fixture(scope="module")
def plugin(binaries: executables.Binaries, cluster: ControlPlane) -> Plugin:
    return Plugin(binaries.kubectl, cluster.kubeconfig)


def _turn(item: pytest.Item) -> int:
    return LONGEST.index(item.path.stem) if item.path.parent == HERE and item.path.stem in LONGEST else len(LONGEST)


@functools.cache
def _have_executables(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    try:
        executables.find(reporter.write_line if reporter else lambda line: None)
    except executables.MissingPartError as error:
        raise pytest.Collector.CollectError(str(error)) from None
