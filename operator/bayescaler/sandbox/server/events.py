"""Events: one store seen as core/v1 and as events.k8s.io/v1, and the rules of the newer API."""

import re
from typing import Any

from .errors import FieldError, Json, bad_request

_NEW_TO_CORE = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_CORE_TO_NEW = {core: new for new, core in _NEW_TO_CORE.items()}
_MICRO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")
_REQUIRED = ("eventTime", "reportingController", "reportingInstance", "action", "reason")
_LENGTHS = {"reason": 128, "action": 128, "reportingInstance": 128, "note": 1024}
_MUTABLE = frozenset({"apiVersion", "kind", "metadata", "series"})


def to_stored(obj: Json) -> Json:
    """The core/v1 form, in which events are stored."""
    renamed = {_NEW_TO_CORE.get(key, key): value for key, value in obj.items()}
    return {"source": {}, "reportingInstance": "", "reportingComponent": "", "type": "", **renamed, "apiVersion": "v1"}


def to_new(obj: Json) -> Json:
    """The events.k8s.io/v1 form."""
    return {_CORE_TO_NEW.get(key, key): value for key, value in obj.items()} | {"apiVersion": "events.k8s.io/v1"}


def require_micro_time(kind: str, value: Any) -> None:
    """400 unless `value` is absent or an RFC 3339 time with exactly six decimals."""
    if value is not None and not (isinstance(value, str) and _MICRO.match(value)):
        raise bad_request(
            f'{kind} in version "v1" cannot be handled as a {kind}: parsing time "{value}" as '
            f'"2006-01-02T15:04:05.000000Z07:00": cannot parse "{str(value)[19:]}" as ".000000"'
        )


def check(new: Json, old: Json | None) -> list[FieldError]:
    """The faults of an event of events.k8s.io/v1, given in that form; on an update only `series` may differ."""
    require_micro_time("Event", new.get("eventTime"))
    if old is not None:
        return [
            FieldError(key, "FieldValueInvalid", f"Invalid value: {_shown(new.get(key))}: field is immutable")
            for key in sorted(new.keys() | old.keys())
            if key not in _MUTABLE and new.get(key) != old.get(key)
        ] + _series_errors(new)
    errors = [FieldError(key, "FieldValueRequired", "Required value") for key in _REQUIRED if not new.get(key)]
    errors += [
        FieldError(
            _NEW_TO_CORE.get(key, key), "FieldValueInvalid", f'Invalid value: "": can have at most {limit} characters'
        )
        for key, limit in _LENGTHS.items()
        if len(str(new.get(key) or "")) > limit
    ]
    if new.get("type") not in {"Normal", "Warning"}:
        errors.append(
            FieldError("type", "FieldValueInvalid", f'Invalid value: "": has invalid value: {new.get("type", "")}')
        )
    return errors + _series_errors(new)


def _series_errors(new: Json) -> list[FieldError]:
    series = new.get("series")
    if not series:
        return []
    require_micro_time("Event", series.get("lastObservedTime"))
    errors = []
    if int(series.get("count", 0)) < 2:
        errors.append(FieldError("series.count", "FieldValueInvalid", 'Invalid value: "": should be at least 2'))
    if not series.get("lastObservedTime"):
        errors.append(FieldError("series.lastObservedTime", "FieldValueRequired", "Required value"))
    return errors


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
