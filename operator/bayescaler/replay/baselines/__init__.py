"""What a decision is compared with: each peer from its documented arithmetic, and the bounds no peer can pass.

A baseline answers `replicas(scenario)`. Its fields are named as upstream names them; replica limits are the scenario's.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bayescaler.replay.scenario import Baseline, Scenario

from .aws import Aws
from .clairvoyant import Clairvoyant, pods_needed
from .crane import Crane
from .hpa import Hpa, ResourceHpa, sweep
from .keda import Keda
from .kpa import Kpa
from .last_week import LastWeek
from .phpa import Phpa
from .static import Static

TARGET = 0.7  # of what a pod serves: the usual target of those that have one


def _peak(scenario: Scenario) -> Static:
    """Enough for the most that was seen while learning, as someone without an autoscaler would choose."""
    learned = pods_needed(scenario)[: max(scenario.first_judged, 1)]
    return Static(int(np.max(learned)))


BASELINES: Mapping[str, Callable[[Scenario], Baseline]] = {
    "hpa": lambda scenario: Hpa(TARGET * scenario.capacity),
    "hpa-cpu": lambda _: ResourceHpa(round(100 * TARGET)),
    "keda": lambda scenario: Keda(TARGET * scenario.capacity),
    "kpa": lambda scenario: Kpa(scenario.capacity, 100 * TARGET),
    "phpa": lambda scenario: Phpa(TARGET * scenario.capacity),
    "aws": lambda scenario: Aws(TARGET * scenario.capacity),
    "crane": lambda scenario: Crane(TARGET * scenario.capacity),
    "last-week": lambda scenario: LastWeek(scenario.capacity),
    "static": _peak,
    "clairvoyant": lambda _: Clairvoyant(),
}


def baseline(name: str, scenario: Scenario) -> Baseline:
    """Return the baseline of this name with its defaults; ValueError names those there are."""
    if name not in BASELINES:
        raise ValueError(f"compare: there is no baseline {name!r}; there are {', '.join(BASELINES)}")
    return BASELINES[name](scenario)


__all__ = [
    "BASELINES",
    "Aws",
    "Baseline",
    "Clairvoyant",
    "Crane",
    "Hpa",
    "Keda",
    "Kpa",
    "LastWeek",
    "Phpa",
    "ResourceHpa",
    "Static",
    "baseline",
    "sweep",
]
