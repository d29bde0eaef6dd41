"""What a Prometheus holds: its names, labels, kinds and newest samples, and its clock. For people, not for the loop."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .allow import AllowList
from .auth import NO_AUTH, Auth
from .port import SourceError
from .session import GuardedSession

Floats = NDArray[np.float64]
MAX_SERIES = 50
MAX_BYTES = 32 << 20


class _AnySession(GuardedSession):
    """The guarded session, for answers of every endpoint."""

    def _data(self, body: bytes) -> Any:
        return self._envelope(body)["data"]


class Catalogue:
    """One server, asked one thing at a time from a thread; every method raises SourceError."""

    def __init__(self, address: str, auth: Auth = NO_AUTH, *, timeout_seconds: float = 10.0) -> None:
        try:
            permit = AllowList((address,), setting="--prometheus").check(address)
        except ValueError as error:
            raise SourceError(str(error), reason="NotAllowed") from None
        self.address = permit.url
        self._session = _AnySession(permit, auth, timeout_seconds=timeout_seconds, max_bytes=MAX_BYTES)

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def clock(self) -> tuple[float, float]:
        """Return the server's time (epoch seconds), and how long it took to say it."""
        began = time.perf_counter()
        data = self._get("query", {"query": "1"})
        try:
            return float(data["result"][0]), time.perf_counter() - began
        except (TypeError, KeyError, IndexError, ValueError):
            raise self._nonsense() from None

    def newest(self, selector: str, seconds: float) -> list[tuple[Floats, Floats]]:
        """Return times and values of the raw samples of the last `seconds`, of at most MAX_SERIES series."""
        asked = {"query": f"{selector}[{round(seconds)}s]", "limit": str(MAX_SERIES)}
        try:
            found = [np.array(one["values"], dtype=np.float64) for one in self._get("query", asked)["result"]]
        except (TypeError, KeyError, ValueError):
            raise self._nonsense() from None
        return [(samples[:, 0], samples[:, 1]) for samples in found if samples.ndim == 2]

    def values(self, label: str, selector: str = "", *, since: float | None = None) -> list[str]:
        """Return the values of a label, of the series that a selector matches, since epoch seconds."""
        matched = {"match[]": selector} if selector else {}
        return self._names(f"label/{label}/values", matched | _since(since))

    def labels(self, selector: str, *, since: float | None = None) -> list[str]:
        """Return the labels of the series that a selector matches."""
        return self._names("labels", {"match[]": selector} | _since(since))

    def kind(self, metric: str) -> str:
        """Return the type of a metric by its metadata: counter, gauge, histogram, ...; "" where there is none."""
        plain = metric
        for ending in ("", "_bucket", "_count", "_sum", "_total"):
            plain = metric.removesuffix(ending) if ending else metric
            if ending and plain == metric:
                continue
            try:
                told = self._get("metadata", {"metric": plain, "limit": "1"})
            except SourceError as error:
                if error.reason in {"BadAnswer", "QueryFailed"}:
                    return ""  # of a server that keeps none, as many that speak this API
                raise
            entries = told.get(plain) if isinstance(told, dict) else None
            if entries:
                return str(entries[0].get("type", "")) if isinstance(entries[0], dict) else ""
        return ""

    def _names(self, path: str, parameters: dict[str, str]) -> list[str]:
        data = self._get(path, parameters)
        if not isinstance(data, list):
            raise self._nonsense()
        return [str(name) for name in data]

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        return self._session.request("GET", f"{self.address}/api/v1/{path}", params=parameters).json()["data"]

    def _nonsense(self) -> SourceError:
        return SourceError(f"{self.address} answers with what cannot be read", reason="BadAnswer")


def scrape_seconds(series: Sequence[tuple[Floats, Floats]]) -> float | None:
    """Return the usual distance of two samples; None where no series has two."""
    distances = [np.diff(times) for times, _ in series if len(times) > 1]
    return float(np.median(np.concatenate(distances))) if distances else None


def falls(series: Sequence[tuple[Floats, Floats]]) -> bool | None:
    """Return whether values go down other than to about zero, where a counter starts anew; None without any pair."""
    pairs = [(values[:-1], values[1:]) for _, values in series if len(values) > 1]
    if not pairs:
        return None
    return any(bool(np.any((after < before) & (after > 0.5 * before))) for before, after in pairs)


def _since(at: float | None) -> dict[str, str]:
    return {} if at is None else {"start": f"{at:.0f}"}
