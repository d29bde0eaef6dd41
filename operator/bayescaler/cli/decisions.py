"""Decisions out of a log of the operator: lines of JSON, as `kubectl logs` gives them, whole, torn or among others."""

import json
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bayescaler.policy.record import epoch

KEPT_BEFORE = 3
CURE = "the operator has to run with --log-format json and --log-level info, as the chart's defaults are"


@dataclass(slots=True)
class DecisionLog:
    """What a log says of one object, up to an instant: the newest decision, and a few before it.

    `label` is namespace/name. Lines are fed one by one, in any order and from several pods; nothing else is kept.
    """

    label: str
    until: float
    lines: int = 0
    records: int = 0
    first: float | None = None
    last: float | None = None
    next_at: float | None = None
    _kept: list[tuple[float, int, Mapping[str, Any]]] = field(default_factory=list)

    def feed(self, line: str) -> None:
        """Take a line; what stands before the JSON (a pod's name, a time) is passed over, and so is what is none."""
        self.lines += 1
        told = _json(line)
        if told is None:
            return
        at = epoch(told.get("timestamp"))
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)
        decision = told.get("decision")
        if not isinstance(decision, Mapping):
            return
        self.records += 1
        decided = epoch(decision.get("at"))
        final = decision.get("final")
        if told.get("object") != self.label or decided is None or not isinstance(final, int) or final < 0:
            return
        if decided > self.until:
            self.next_at = decided if self.next_at is None else min(self.next_at, decided)
            return
        record = {"object": told["object"], "message": told.get("message", ""), **decision}
        if all(record != kept for _, _, kept in self._kept):
            insort(self._kept, (decided, self.lines, record), key=lambda entry: entry[:2])
            del self._kept[: -1 - KEPT_BEFORE]

    @property
    def newest(self) -> Mapping[str, Any] | None:
        """The newest decision at or before the instant."""
        return self._kept[-1][2] if self._kept else None

    @property
    def before(self) -> list[Mapping[str, Any]]:
        """What came just before it, newest first."""
        return [record for _, _, record in reversed(self._kept[:-1])]


def _json(line: str) -> dict[str, Any] | None:
    start = line.find("{")
    if start < 0:
        return None
    try:
        told = json.loads(line[start:])
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
