"""The operator under test: its chart installed by helm, and its process with the account that the chart made."""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from harness.audit import service_account
from harness.chart import CHART
from harness.controlplane import ControlPlane
from harness.process import Component, Running, free_ports, tail, wait_until

EXECUTABLE = Path(sys.executable).with_name("bayescaler")
LOOPBACK = "127.0.0.1"
PROBE_SECONDS = 5.0
METRIC_LAG = "2s"  # the harness scrapes every second
FIRST_START_SECONDS = 180.0  # on a new machine the kernels are compiled first

HELM_SECONDS = 60

Json = dict[str, Any]


def restricted(namespace: str) -> Json:
    """Give the manifest of a namespace that takes no pod beyond the restricted profile."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}


@dataclass(frozen=True)
class Release:
    """The chart as installed: one release of one namespace, and what an operator needs of it."""

    cluster: ControlPlane
    values: Mapping[str, Any]
    name: str = "bayescaler"
    namespace: str = "bayescaler-system"

    def install(self, chart: Path = CHART) -> str:
        """Install the chart; once its pods are ready and kubectl finds its kind, give what helm said."""
        self.cluster.apply(restricted(self.namespace))
        said = self._deploy("install", chart)
        wait_until(lambda: self.cluster.kubectl("explain", "bas"), "the new kind is served")
        return said

    def upgrade(self, chart: Path = CHART) -> str:
        """Upgrade to a chart and wait until its pods are ready."""
        return self._deploy("upgrade", chart)

    def rollback(self, revision: int) -> str:
        """Go back to a revision and wait until its pods are ready."""
        return self._helm("rollback", str(revision), "--wait")

    def uninstall(self) -> str:
        """Uninstall the release and wait until its objects are gone."""
        return self._helm("uninstall", "--wait", "--cascade=foreground")

    def _deploy(self, verb: str, chart: Path) -> str:
        return self._helm(verb, str(chart), "--values=-", "--wait", stdin=yaml.safe_dump(dict(self.values)))

    def _helm(self, verb: str, *arguments: str, stdin: str = "") -> str:
        where = (f"--namespace={self.namespace}", f"--timeout={HELM_SECONDS}s")
        return self.cluster.helm(verb, self.name, *arguments, *where, stdin=stdin)

    @cached_property
    def _container(self) -> Json:
        deployment = self.cluster.get("deployment", self.name, namespace=self.namespace)
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        found: Json = container
        return found

    @property
    def arguments(self) -> list[str]:
        """The command line that the chart's pods have."""
        arguments: list[str] = self._container["args"]
        return arguments

    @property
    def options(self) -> dict[str, str]:
        """The options of the operator that its pods have as variables."""
        return {
            one["name"]: one["value"] for one in self._container["env"] if one["name"].startswith("BAYESCALER_RUN_")
        }

    @property
    def lease(self) -> Json:
        """The Lease of this release's operators."""
        return self.cluster.get("lease", self.name, namespace=self.namespace)


@dataclass(frozen=True)
class LogRecord:
    """One line of the operator's JSON log."""

    fields: Mapping[str, Any]

    @property
    def at(self) -> float:
        """When it was written, epoch seconds."""
        return datetime.fromisoformat(self.fields["timestamp"]).timestamp()

    @property
    def message(self) -> str:
        """What it says."""
        return str(self.fields["message"])

    @property
    def decision(self) -> Json:
        """The decision record it carries, empty for other lines."""
        decision: Json = self.fields.get("decision", {})
        return decision


class OperatorProcess(Running):
    """`with OperatorProcess(release, folder) as operator:` runs the chart's command line with the chart's token.

    `arguments` come after the chart's own, and so win over them.
    """

    def __init__(
        self, release: Release, folder: Path, arguments: Sequence[str] = (), *, name: str = "operator"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._release = release
        self._made_at = time.time()
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        kubeconfig = release.cluster.kubeconfig_for(release.namespace, release.name)
        self.component = Component(
            name=name,
            command=[
                EXECUTABLE,
                *release.arguments,
                f"--listen={LOOPBACK}:{port}",
                f"--kubeconfig={kubeconfig}",
                f"--metric-lag={METRIC_LAG}",
                *arguments,
            ],
            log=folder / f"{name}.log",
            environment=release.options,
            ready=lambda: requests.get(f"{self.url}/readyz", timeout=PROBE_SECONDS).ok,
            deadline_seconds=FIRST_START_SECONDS,
        )

    def begin(self, undo: ExitStack) -> None:
        """Start it and wait until it is ready."""
        undo.callback(self.component.stop)
        self.component.start()

    @property
    def leads(self) -> bool:
        """Whether it says that it holds the Lease."""
        return self.metric("bayescaler_leader") == 1.0

    @property
    def holds_lease(self) -> bool:
        """Whether the Lease names its process."""
        return str(self._release.lease["spec"]["holderIdentity"]).endswith(f"_{self.component.pid}")

    def probe(self, path: str) -> requests.Response:
        """Ask one of /healthz, /readyz and /metrics."""
        return requests.get(f"{self.url}{path}", timeout=PROBE_SECONDS)

    def metric(self, name: str, /, **labels: str) -> float | None:
        """Give the value of the series with these labels, summed over the others; None where there is none."""
        families = text_string_to_metric_families(self.probe("/metrics").text)
        values = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else None

    def wait_ticks(self, count: int) -> None:
        """Wait until it has decided so many times more."""

        def ticks() -> float:
            return self.metric("bayescaler_tick_seconds_count", stage="total") or 0.0

        until = ticks() + count
        wait_until(lambda: ticks() >= until, f"{count} more ticks")

    def refusals(self) -> Sequence[str]:
        """Each request since this operator was made that no role allows, as `VERB path`."""
        release = self._release
        account = service_account(release.namespace, release.name)
        return release.cluster.audit.refusals(account, since=self._made_at)

    def records(self) -> Iterator[LogRecord]:
        """Every line of its log; one that is no JSON shows as a record of its text."""
        for line in self.component.log.read_text().splitlines():
            try:
                yield LogRecord(json.loads(line))
            except ValueError:
                yield LogRecord({"message": line, "level": "no JSON"})

    def decisions(self, label: str) -> list[LogRecord]:
        """Give the decision records of the object `namespace/name`, oldest first."""
        return [one for one in self.records() if one.decision and one.fields["object"] == label]

    def faults(self) -> list[str]:
        """Give what should not be in any log: tracebacks, errors, lines that are no JSON.

        That kopf tries a request again is none, though it calls it an error.
        """
        return [
            str(one.fields)
            for one in self.records()
            if (one.fields.get("level") in {"error", "critical", "no JSON"} and "will retry" not in one.message)
            or re.search(r"Traceback|never awaited", str(one.fields))
        ]

    def log_tails(self) -> str:
        """Give the end of its log."""
        return f"--- {self.component.name} ({self.component.log})\n{tail(self.component.log)}"


@contextmanager
def leading(release: Release, folder: Path, *arguments: str) -> Iterator[OperatorProcess]:
    """The operator as a process that leads, and in whose log there is no fault in the end."""
    with OperatorProcess(release, folder, arguments) as operator:
        wait_until(lambda: operator.leads, "the operator leads")
        yield operator
    assert not operator.faults()
