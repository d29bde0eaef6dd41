"""What a decision asks of a forecast: the distribution of the highest load over the lead window."""

from collections.abc import Iterable
from typing import Protocol


class Predictive(Protocol):
    """Distribution of max load over the next `lead` buckets of `step_seconds`; `bayescast.Predictive` is one.

    Loads are in the unit of the policy's capacity.
    """

    @property
    def levels(self) -> Iterable[float]:
        """Return the levels the forecast is scored at."""

    @property
    def lead(self) -> int:
        """Return the length of the window in buckets."""

    @property
    def step_seconds(self) -> float:
        """Return the width of a bucket."""

    def quantile(self, q: float, /) -> float:
        """Return the smallest load x with P(max load <= x) >= q."""

    def cdf(self, x: float, /) -> float:
        """Return P(max load <= x)."""

    def exceedance(self, x: float, /) -> float:
        """Return P(max load > x)."""
