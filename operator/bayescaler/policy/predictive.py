"""What a decision asks of a forecast: the distribution of the highest load over the lead window."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bayescast import Family


class Predictive(Protocol):
    """Distribution of max load over the next `lead` buckets of `step_seconds`; `bayescast.Predictive` is one.

    Loads are in the unit of the policy's capacity.
    """

    @property
    def values(self) -> NDArray[np.float64]:
        """Return the quantiles at bayescast's LEVELS, shape (9,)."""

    @property
    def lead(self) -> int:
        """Return the length of the window in buckets."""

    @property
    def issued_at(self) -> float:
        """Return the end of the newest bucket it knows (epoch seconds)."""

    @property
    def family(self) -> Family:
        """Return the likelihood in use."""

    @property
    def step_seconds(self) -> float:
        """Return the width of a bucket."""

    def quantile(self, q: float, /) -> float:
        """Return the smallest load x with P(max load <= x) >= q."""

    def cdf(self, x: float, /) -> float:
        """Return P(max load <= x)."""

    def exceedance(self, x: float, /) -> float:
        """Return P(max load > x)."""


class Outlook(NamedTuple):
    """What is expected within the lead time, and within the longer window that a scale-in has to be right for."""

    lead: Predictive
    window: Predictive
