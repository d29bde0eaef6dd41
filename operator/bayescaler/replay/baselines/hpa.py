"""The Horizontal Pod Autoscaler, autoscaling/v2: on the load, or on what the pods use of their requests.

Source: `pkg/controller/podautoscaler/{horizontal,replica_calculator}.go` and the defaults of
kube-controller-manager. One decision is one sync (`--horizontal-pod-autoscaler-sync-period`, 15 s).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bayescaler.policy import Behavior
from bayescaler.replay.hpa import HpaSpec, rules_of, run
from bayescaler.replay.kernels.controller import memory_of, run_resource
from bayescaler.replay.scenario import Integers, Scenario


@dataclass(frozen=True, slots=True)
class Hpa:
    """An HPA on one External metric, the sum of the load, with `target.averageValue` per pod.

    `behavior` None is an HPA that sets none; `tolerance` and `downscale_stabilization_seconds` are the controller's
    flags, read without `behavior` only.
    """

    average_value: float
    behavior: Behavior | None = None
    tolerance: float = 0.1
    downscale_stabilization_seconds: float = 300.0

    def spec(self, scenario: Scenario) -> HpaSpec:
        """Return the HPA of this scenario's replica limits."""
        return HpaSpec(
            self.average_value,
            scenario.min_replicas,
            scenario.max_replicas,
            self.behavior,
            self.tolerance,
            self.downscale_stabilization_seconds,
        )

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas after each sync, shape (n,)."""
        return run(
            self.spec(scenario),
            scenario.seen,
            start_replicas=scenario.first_replicas,
            sync_seconds=scenario.interval_seconds,
        )


@dataclass(frozen=True, slots=True)
class ResourceHpa:
    """An HPA on the pods' own CPU, with `target.averageUtilization` in percent of the request.

    A pod that serves `capacity` uses its request, and `usage_limit` requests at most: above that the metric stands
    still however large the load is. Pods that start are unready and count as idle on the way up.
    """

    average_utilization: int = 70
    usage_limit: float = 1.0
    behavior: Behavior | None = None
    tolerance: float = 0.1
    downscale_stabilization_seconds: float = 300.0

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas after each sync, shape (n,)."""
        spec = HpaSpec(
            float(self.average_utilization),
            scenario.min_replicas,
            scenario.max_replicas,
            self.behavior,
            self.tolerance,
            self.downscale_stabilization_seconds,
        )
        out = np.empty(len(scenario.seen), dtype=np.int64)
        run_resource(
            rules_of(spec, scenario.interval_seconds),
            scenario.seen,
            scenario.capacity,
            self.usage_limit,
            self.average_utilization,
            scenario.first_replicas,
            *scenario.fleet(),
            memory_of(len(out)),
            out,
        )
        return out


def sweep(hpa: Hpa, scenario: Scenario, average_values: Iterable[float]) -> list[Integers]:
    """Return the replicas of the same HPA at each of these targets."""
    return [replace(hpa, average_value=value).replicas(scenario) for value in average_values]
