"""KEDA: a ScaledObject with one Prometheus trigger, and the HPA it makes.

Source: `pkg/scaling/executor/scale_scaledobjects.go`, `pkg/scaling/scale_handler.go`, `pkg/fallback/fallback.go`,
`controllers/keda/hpa.go` and keda.sh/docs, ScaledObject specification and Prometheus scaler. The operator polls every
`pollingInterval` and decides between none and one; from one on the HPA decides, on a query of its own every sync.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from bayescaler.policy import Behavior
from bayescaler.replay.hpa import HpaSpec, rules_of
from bayescaler.replay.kernels.controller import memory_of
from bayescaler.replay.kernels.keda import CURRENT, IF_HIGHER, IF_LOWER, NO_FALLBACK, STATIC, Trigger, run_keda
from bayescaler.replay.scenario import Integers, Scenario


class FallbackBehavior(Enum):
    """`fallback.behavior`."""

    STATIC = STATIC
    CURRENT_REPLICAS = CURRENT
    CURRENT_REPLICAS_IF_HIGHER = IF_HIGHER
    CURRENT_REPLICAS_IF_LOWER = IF_LOWER


@dataclass(frozen=True, slots=True)
class Fallback:
    """`fallback`: after more than `failure_threshold` failed reads in a row, as if so many replicas were wanted."""

    failure_threshold: int
    replicas: int
    behavior: FallbackBehavior = FallbackBehavior.STATIC


@dataclass(frozen=True, slots=True)
class Keda:
    """A ScaledObject; fields as upstream names them, `minReplicaCount` and `maxReplicaCount` are the scenario's.

    An unmeasured bucket is an empty answer: 0 with `ignore_null_values`, KEDA's default, an error without.
    """

    threshold: float
    activation_threshold: float = 0.0
    polling_interval_seconds: float = 30.0
    cooldown_period_seconds: float = 300.0
    ignore_null_values: bool = True
    fallback: Fallback | None = None
    behavior: Behavior | None = None

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas at each decision, shape (n,)."""
        interval, fallback = scenario.interval_seconds, self.fallback
        trigger = Trigger(
            self.threshold,
            self.activation_threshold,
            max(self.polling_interval_seconds / interval, 1.0),
            self.cooldown_period_seconds / interval,
            scenario.min_replicas,
            self.ignore_null_values,
            fallback.behavior.value if fallback else NO_FALLBACK,
            fallback.failure_threshold if fallback else 0,
            fallback.replicas if fallback else 0,
        )
        spec = HpaSpec(self.threshold, max(scenario.min_replicas, 1), scenario.max_replicas, self.behavior)
        out = np.empty(len(scenario.seen), dtype=np.int64)
        # Before the first bucket is known no query has been answered, which is no empty answer.
        first = int(np.argmax(scenario.known > 0)) if scenario.known[-1] > 0 else len(out)
        out[:first] = scenario.first_replicas
        run_keda(
            trigger,
            rules_of(spec, interval),
            scenario.seen[first:],
            scenario.first_replicas,
            memory_of(len(out) - first),
            out[first:],
        )
        return out
