"""The Predictive Horizontal Pod Autoscaler (jthomperoo, 0.13): models of its own replica counts, and the HPA.

Source: `internal/controllers/controller.go`, `internal/scalebehavior`, `internal/prediction` and `algorithms/*` of
predictive-horizontal-pod-autoscaler, and its documentation, reference of models. Every sync the HPA's own number joins
a history, each model foretells the next number from it, and the decision type makes one of all.

What is predicted is a replica count, already clipped and late, and Holt-Winters looks one sync ahead only. Numbers are
kept in the order of time; as shipped its history is re-ordered after the first sync, which is not reproduced.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules
from bayescaler.replay.hpa import HpaSpec, rules_of
from bayescaler.replay.kernels.controller import memory_of
from bayescaler.replay.kernels.phpa import MAXIMUM, MEAN, MEDIAN, MINIMUM, Models, run_phpa
from bayescaler.replay.scenario import Integers, Scenario

DAY_SECONDS = 86400.0
# Its defaults differ from the HPA's: periods of a minute.
BEHAVIOR = Behavior(
    scale_up=ScalingRules((ScalingPolicy(PolicyType.PERCENT, 100, 60.0), ScalingPolicy(PolicyType.PODS, 4, 60.0)), 0.0),
    scale_down=ScalingRules((ScalingPolicy(PolicyType.PERCENT, 100, 60.0),), 300.0),
)


class DecisionType(Enum):
    """`decisionType`: how the HPA's number and the predictions become one."""

    MAXIMUM = MAXIMUM
    MINIMUM = MINIMUM
    MEAN = MEAN
    MEDIAN = MEDIAN


@dataclass(frozen=True, slots=True)
class Linear:
    """`linear`: a least-squares line through the last numbers, read `look_ahead_seconds` later."""

    look_ahead_seconds: float = 10.0
    history_size: int = 6


@dataclass(frozen=True, slots=True)
class HoltWinters:
    """`holtWinters`, additive, by fixed factors; `seasonal_periods` counts syncs, None is a day.

    Upstream has no defaults for the factors. Those of its example, .9 each, chase every move of so quiet a number as a
    replica count and cost several times an HPA; these are calmer.
    """

    alpha: float = 0.5
    beta: float = 0.01
    gamma: float = 0.1
    seasonal_periods: int | None = None
    stored_seasons: int = 4


@dataclass(frozen=True, slots=True)
class Phpa:
    """One PredictiveHorizontalPodAutoscaler on the load with `averageValue` per pod."""

    average_value: float
    linear: Linear | None = Linear()
    holt_winters: HoltWinters | None = HoltWinters()
    decision_type: DecisionType = DecisionType.MAXIMUM
    per_sync_period: int = 1
    behavior: Behavior = BEHAVIOR

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas after each sync, shape (n,)."""
        spec = HpaSpec(self.average_value, scenario.min_replicas, scenario.max_replicas, self.behavior)
        models = self.models(scenario.interval_seconds)
        history = np.empty(len(scenario.seen))
        out = np.empty(len(history), dtype=np.int64)
        run_phpa(
            models,
            rules_of(spec, scenario.interval_seconds),
            scenario.seen,
            self.average_value,
            scenario.first_replicas,
            history,
            np.zeros(2),
            np.zeros(models.seasonal_periods),
            memory_of(len(history)),
            out,
        )
        return out

    def models(self, sync_seconds: float) -> Models:
        """Return the models as one sync works with them."""
        line, season = self.linear, self.holt_winters
        periods = 0
        if season is not None:
            periods = season.seasonal_periods or round(DAY_SECONDS / sync_seconds)
        return Models(
            decision_type=self.decision_type.value,
            per_sync_period=self.per_sync_period,
            look_ahead_steps=line.look_ahead_seconds / sync_seconds if line else 0.0,
            history_size=line.history_size if line else 0,
            seasonal_periods=periods,
            stored_seasons=season.stored_seasons if season else 0,
            alpha=season.alpha if season else 0.0,
            beta=season.beta if season else 0.0,
            gamma=season.gamma if season else 0.0,
        )
