"""A fixed number of replicas, whatever comes."""

from dataclasses import dataclass

import numpy as np

from bayescaler.replay.scenario import Integers, Scenario


@dataclass(frozen=True, slots=True)
class Static:
    """`spec.replicas` of a Deployment without an autoscaler."""

    count: int

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the same replicas at each decision, shape (n,)."""
        return np.full(len(scenario.instants), self.count, dtype=np.int64)
