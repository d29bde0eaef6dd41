"""What happened to workloads over time: watched from outside, told as a table, measured in violating time."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import requests
from numpy.typing import NDArray

from harness.controlplane import ControlPlane
from harness.load import Load

EVERY_SECONDS = 0.25


@dataclass(frozen=True)
class Count:
    """Pods of one workload: asked for, and ready."""

    replicas: int
    ready: int


@dataclass(frozen=True)
class Moment:
    """All watched Deployments by name, as they were at `at` (epoch seconds) or a moment later."""

    at: float
    counts: Mapping[str, Count]


class Timeline:
    """`with Timeline(cluster, namespace) as timeline:` looks at the namespace's Deployments all the time.

    While the API server does not answer there are no moments.
    """

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._cluster = cluster
        self._path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"timeline of {namespace}")
        self.moments: list[Moment] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(EVERY_SECONDS):
            at = time.time()
            try:
                answer = self._cluster.request(self._path)
            except requests.RequestException:
                continue
            if answer.ok:
                counts = {
                    one["metadata"]["name"]: Count(
                        one["spec"].get("replicas", 1), one.get("status", {}).get("readyReplicas", 0)
                    )
                    for one in answer.json()["items"]
                }
                self.moments.append(Moment(at, counts))

    def since(self, at: float) -> list[Moment]:
        """Give the moments from `at` on."""
        return [one for one in self.moments if one.at >= at]

    def replicas(self, name: str, *, since: float = 0.0) -> list[int]:
        """Give the replicas asked for of a Deployment, moment by moment."""
        return [one.counts[name].replicas for one in self.since(since) if name in one.counts]

    def first(self, name: str, replicas: int, *, ready: bool = False, since: float = 0.0) -> float:
        """Tell when so many replicas were first asked for, or ready; infinity if never."""
        for one in self.since(since):
            count = one.counts.get(name, Count(0, 0))
            if (count.ready if ready else count.replicas) >= replicas:
                return one.at
        return float("inf")


def violating_seconds(moments: Sequence[Moment], name: str, load: Load, per_replica: float) -> float:
    """Tell for how long the load was above what the ready replicas serve."""
    times = np.array([one.at for one in moments])
    served = np.array([one.counts[name].ready * per_replica for one in moments])
    over: NDArray[np.bool_] = load.rate(times[:-1]) > served[:-1]
    return float(np.sum(np.diff(times)[over]))


def pod_seconds(moments: Sequence[Moment], name: str) -> float:
    """Tell for how long pods were asked for, summed over the pods."""
    times = np.array([one.at for one in moments])
    return float(np.sum(np.diff(times) * np.array([one.counts[name].replicas for one in moments[:-1]])))


def table(moments: Sequence[Moment], load: Load, per_replica: float, columns: Mapping[str, str], *, zero: float) -> str:
    """Tell the story: a row whenever a count changed, and every ten seconds; `columns` gives names to workloads.

    Times are seconds from `zero`; a `!` stands where the load is above what is ready.
    """
    heads = [f"{head:>12}" for title in columns.values() for head in (title, "ready")]
    lines = ["".join([f"{'time':>8}", f"{'load':>8}", f"{'needs':>7}", *heads])]
    shown: tuple[object, ...] = ()
    for one in moments:
        rate = float(load.rate(np.array([one.at]))[0])
        counts = [one.counts[name] for name in columns]
        key = (*counts, (one.at - zero) // 10)
        if key == shown:
            continue
        shown = key
        cells = [f"{one.at - zero:+7.1f}s", f"{rate:8.0f}", f"{int(np.ceil(rate / per_replica)):7}"]
        for count in counts:
            short = "!" if rate > count.ready * per_replica else " "
            cells.append(f"{count.replicas:12}{count.ready:11}{short}")
        lines.append("".join(cells))
    return "\n".join(lines)
