"""A real Prometheus on loopback: its past backfilled from a load's history, its present scraped live."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import requests
import yaml
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from harness.binaries import Binaries
from harness.load import Load
from harness.process import Component, HarnessError, Running, free_ports, tail, wait_until

LOOPBACK = "127.0.0.1"
TARGET_LABELS = {"job": "e2e", "instance": "load"}
# promtool parses the whole text once a block: long blocks make 14 days take seconds, not minutes.
BLOCK_DURATION = "384h"
RETENTION = "90d"
QUERY_SECONDS = 10.0
OPERATORS = "operators.json"
# Whom a server with `locked` lets in; it wants the password's bcrypt hash, and nothing here can make one.
USER, PASSWORD = "scaler", "forecast-reader"
PASSWORD_HASH = "$2b$04$brr8oJ0YN1.Y9arBsWLiFezVSngtsXtOmzs.JNZRkdMyL5E3PPW5."


@dataclass
class Feed:
    """One time series of a load: a counter of requests (its name ends in `_total`) or a gauge of the load.

    While `silent` the exporter leaves it out: Prometheus marks it stale, and queries find nothing.
    """

    name: str
    load: Load
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["counter", "gauge"] = "counter"
    silent: bool = False

    def __post_init__(self) -> None:
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only they, end in _total")

    def values(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the series' value at each time; NaN where it has no sample."""
        if self.kind == "gauge":
            return self.load.rate(times)
        return np.where(np.isnan(self.load.rate(times)), np.nan, self.load.total(times))


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    value: float
    time: float


class PrometheusServer(Running):
    """`with PrometheusServer(binaries, folder, feeds) as prometheus:` gives one that knows every feed's past.

    It evaluates `rules`, and scrapes beside the feeds what `scrape` names.

    `server` is the process: `server.pause()` makes it hang, `server.kill()` makes it refuse, and
    `server.resume()` and `server.start()` bring it back with what it had stored.  Backfilled samples are
    `sample_seconds` apart, up to `live_from`.  A `locked` one wants `USER` and `PASSWORD`.
    """

    def __init__(
        self,
        binaries: Binaries,
        folder: Path,
        feeds: Sequence[Feed],
        *,
        scrape_seconds: float = 1.0,
        sample_seconds: float = 15.0,
        locked: bool = False,
        rules: Sequence[Path] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.feeds = list(feeds)
        self._promtool = binaries.promtool
        self._scrape_seconds, self._sample_seconds = scrape_seconds, sample_seconds
        self._auth = (USER, PASSWORD) if locked else None
        port, self._exporter_port = free_ports(2)
        self.url = f"http://{LOOPBACK}:{port}"
        flags = {
            "config.file": self._write_config((), rules),
            "storage.tsdb.path": folder / "data",
            "storage.tsdb.retention.time": RETENTION,
            "web.listen-address": f"{LOOPBACK}:{port}",
            "log.level": "warn",
        }
        if locked:
            flags["web.config.file"] = folder / "web.yml"
            (folder / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {USER: PASSWORD_HASH}}))
        self.server = Component(
            name="prometheus",
            command=[*binaries.prometheus, *(f"--{flag}={value}" for flag, value in flags.items())],
            log=folder / "prometheus.log",
            ready=lambda: requests.get(f"{self.url}/-/ready", auth=self._auth, timeout=QUERY_SECONDS).ok,
        )

    def log_tails(self) -> str:
        """Give the end of the server's log."""
        return f"--- {self.server.name} ({self.server.log})\n{tail(self.server.log)}"

    def begin(self, undo: ExitStack) -> None:
        """Write the past, and start what scrapes and what is scraped."""
        self.live_from = time.time()
        self._backfill(now=self.live_from)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Exporter(self.feeds))
        http, thread = start_http_server(self._exporter_port, LOOPBACK, registry)
        undo.callback(thread.join)
        undo.callback(http.server_close)
        undo.callback(http.shutdown)
        undo.callback(self.server.stop)
        self.server.start()

    def add(self, feed: Feed) -> None:
        """Scrape one more feed from now on; it has no past."""
        self.feeds.append(feed)

    def scrape(self, *urls: str) -> None:
        """Scrape /metrics of these operators from now on."""
        targets = [{"targets": [url.removeprefix("http://") for url in urls]}]
        (self.folder / OPERATORS).write_text(json.dumps(targets))

    def reconfigure(self, jobs: Sequence[Mapping[str, Any]], rules: Sequence[Path]) -> None:
        """Scrape these jobs too, as its configuration has them, and evaluate these rules from now on."""
        self._write_config(jobs, rules)
        os.kill(self.server.pid, signal.SIGHUP)

    def wait_live(self) -> None:
        """Wait until the first scrape is in; Prometheus takes some 5 s to begin."""
        wait_until(lambda: self.query("up == 1"), "Prometheus scrapes the load")

    def query(self, promql: str, *, at: float | None = None) -> list[Sample]:
        """Ask an instant vector, now or at a time."""
        parameters = {"query": promql} | ({} if at is None else {"time": repr(at)})
        return [
            Sample(one["metric"], float(one["value"][1]), float(one["value"][0]))
            for one in self._ask("query", parameters)
        ]

    def query_range(
        self, promql: str, *, start: float, end: float, step_seconds: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ask a range of at most 11,000 points; give times and values of its one series, both shape (n,)."""
        parameters = {"query": promql, "start": repr(start), "end": repr(end), "step": repr(step_seconds)}
        answer = self._ask("query_range", parameters)
        if len(answer) != 1:
            raise HarnessError(f"{promql}: {len(answer)} series, not one: {[one['metric'] for one in answer]}")
        points = np.array(answer[0]["values"], dtype=np.float64)
        return points[:, 0], points[:, 1]

    def label_values(self, label: str, match: str) -> list[str]:
        """Ask for the values of a label among the series that a selector matches."""
        values: list[str] = self._data(f"label/{label}/values", {"match[]": match})
        return values

    def _ask(self, endpoint: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._data(endpoint, parameters)["result"]
        return result

    def _data(self, endpoint: str, parameters: Mapping[str, str]) -> Any:
        response = requests.get(
            f"{self.url}/api/v1/{endpoint}", params=parameters, auth=self._auth, timeout=QUERY_SECONDS
        )
        body = response.json()
        if body["status"] != "success":
            raise HarnessError(f"{dict(parameters)}: {body['errorType']}: {body['error']}")
        return body["data"]

    def _write_config(self, jobs: Sequence[Mapping[str, Any]], rules: Sequence[Path]) -> Path:
        interval = f"{round(self._scrape_seconds * 1000)}ms"
        target = {
            "targets": [f"{LOOPBACK}:{self._exporter_port}"],
            "labels": {key: value for key, value in TARGET_LABELS.items() if key != "job"},
        }
        config = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {"job_name": TARGET_LABELS["job"], "static_configs": [target]},
                {"job_name": "bayescaler", "file_sd_configs": [{"files": [str(self.folder / OPERATORS)]}]},
                *jobs,
            ],
        }
        path = self.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        return path

    def _backfill(self, now: float) -> None:
        """Write every feed's past as blocks; they end with their last sample, and the head begins there."""
        text = self.folder / "history.om"
        with text.open("w") as file:
            file.writelines(_open_metrics(self.feeds, self._sample_seconds, now))
        subprocess.run(
            [
                *self._promtool,
                "tsdb",
                "create-blocks-from",
                "openmetrics",
                "--quiet",
                f"--max-block-duration={BLOCK_DURATION}",
                str(text),
                str(self.folder / "data"),
            ],
            check=True,
            capture_output=True,
        )
        text.unlink()


def _by_name(feeds: Iterable[Feed]) -> dict[str, list[Feed]]:
    families: dict[str, list[Feed]] = {}
    for feed in feeds:
        families.setdefault(feed.name, []).append(feed)
    return families


def _open_metrics(feeds: Sequence[Feed], sample_seconds: float, now: float) -> Iterator[str]:
    for name, family in _by_name(feeds).items():
        yield f"# TYPE {name.removesuffix('_total')} {family[0].kind}\n"
        for feed in family:
            labels = ",".join(f'{key}="{value}"' for key, value in {**TARGET_LABELS, **feed.labels}.items())
            times = np.arange(feed.load.begins, now, sample_seconds)
            for at, value in zip(times.tolist(), feed.values(times).tolist(), strict=True):
                if value == value:  # noqa: PLR0124 - NaN: a sample that is missing stays missing
                    yield f"{name}{{{labels}}} {value!r} {at:.3f}\n"
    yield "# EOF\n"


class _Exporter(Collector):
    """What Prometheus scrapes: every feed's value at the instant of the scrape."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        now = np.array([time.time()])
        for name, family in _by_name(feed for feed in self._feeds if not feed.silent).items():
            keys = list(family[0].labels)
            family_class = CounterMetricFamily if family[0].kind == "counter" else GaugeMetricFamily
            metric = family_class(name, "The load that the harness plays.", labels=keys)
            for feed in family:
                value = float(feed.values(now)[0])
                if not np.isnan(value):
                    metric.add_metric([feed.labels[key] for key in keys], value)
            yield metric
