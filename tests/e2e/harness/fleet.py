"""Pods brought into states that stay: what an HPA on their own use measures, misses and finds unready."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.process import wait_until

NEVER = StartUp(shortest_seconds=36_000.0, longest_seconds=36_000.0)  # the Deployment's: kwok leaves its pods pending


@dataclass(frozen=True)
class Fleet:
    """Pods that stay as they are under an HPA that only proposes: so many that it measures, misses, finds unready."""

    target: int  # percent
    measured: int
    missing: int = 0
    pending: int = 0
    unready: int = 0  # though they run
    lost: int = 0  # ready once: counted as measured

    @property
    def pods(self) -> int:
        """How many there are of all kinds."""
        return self.measured + self.missing + self.pending + self.unready + self.lost

    def settle(self, cluster: ControlPlane, name: str) -> Mapping[str, Sequence[str]]:
        """Bring the pods of the Deployment `name` into their states; return their names by kind, once that is known."""
        selector = f"app={name}"

        def names() -> list[str]:
            pods = cluster.list("pods", selector=selector)
            return sorted(pod["metadata"]["name"] for pod in pods if "startTime" in pod["status"])

        wait_until(lambda: len(names()) == self.pods, f"{self.pods} pods of {name}")
        left = iter(names())
        kinds = {
            kind: [next(left) for _ in range(getattr(self, kind))]
            for kind in ("pending", "unready", "lost", "missing", "measured")
        }
        for kind, changed in (
            ("unready", _status(ready=False, minutes=0)),
            ("lost", _status(ready=False, minutes=10)),
            ("missing", _status(ready=True, minutes=1)),
            ("measured", _status(ready=True, minutes=1)),
        ):
            if kinds[kind]:
                cluster.kubectl("patch", "pod", *kinds[kind], "--subresource=status", "--type=merge", "-p", changed)

        def known() -> bool:
            # By the controller manager, whose controllers see pods through one cache; the ready ones came last.
            told = cluster.get("deployment", name)["status"].get("readyReplicas", 0)
            return bool(told == self.measured + self.missing)

        wait_until(known, f"the pods of {name} are as they shall be")
        return kinds


def _status(*, ready: bool, minutes: int) -> str:
    """Give the status of a pod that started long ago and has been so since so many minutes later."""
    condition = {
        "type": "Ready",
        "status": str(ready),
        "lastTransitionTime": f"2020-01-01T00:{minutes:02}:00Z",
    }
    return json.dumps({"status": {"phase": "Running", "startTime": "2020-01-01T00:00:00Z", "conditions": [condition]}})
