"""The port every source of load implements, and what a reading can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy.reasons import Health


class SourceError(Exception):
    """Load could not be had; the message says what, where and the cure; `reason` is CamelCase for status and events.

    `silent` tells a server that gave no answer at all from one that answered with an error.
    """

    reason = "LoadUnavailable"

    def __init__(self, message: str, *, reason: str | None = None, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent
        if reason is not None:
            self.reason = reason


@dataclass(frozen=True, slots=True)
class LoadQuery:
    """What to ask for: one series on a grid of buckets. `key` names the asker ("namespace/name") in messages."""

    key: str
    query: str
    step_seconds: float
    server_address: str
    auth_key: str | None = None  # "namespace/secret": its content is handed over apart, never logged


@dataclass(frozen=True, slots=True)
class Series:
    """Load on a regular grid: `times` are bucket starts (epoch seconds), NaN is a bucket without data.

    `times` covers the whole range asked for, so that absence is visible; `health` speaks of the newest bucket.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    health: Health
    message: str = ""
    warnings: Sequence[str] = ()


class LoadSource(Protocol):
    """Where load comes from."""

    async def read(self, query: LoadQuery, *, start: float, end: float, now: float) -> Series:
        """Return the closed buckets that start in [start, end), or raise SourceError."""

    async def close(self) -> None:
        """Let go of connections."""
