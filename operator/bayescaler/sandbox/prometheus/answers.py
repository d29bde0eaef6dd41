"""Parameters in and JSON out, in the forms and words of Prometheus' HTTP API (web/api/v1/api.go)."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np

from bayescaler.sandbox.prometheus.promql import duration_ms
from bayescaler.sandbox.prometheus.store import Samples, Times

MAX_POINTS = 11_000

Json = dict[str, object]


class BadDataError(Exception):
    """A parameter that cannot be read; worded as Prometheus does."""


def time_ms(parameters: Mapping[str, str], name: str, default: float | None = None) -> int:
    """A time parameter, epoch seconds or RFC 3339, in ms; BadDataError if it is neither or lacks without a
    default.
    """
    text = parameters.get(name, "")
    if not text and default is not None:
        return round(default * 1000)
    seconds = _seconds_since_epoch(text)
    if seconds is None or not math.isfinite(seconds):
        raise BadDataError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def duration_seconds(parameters: Mapping[str, str], name: str) -> float:
    """A duration parameter, seconds or `1h30m`; BadDataError if it is neither."""
    text = parameters.get(name, "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = duration_ms(text) / 1000
        except ValueError:
            seconds = math.nan
    if not math.isfinite(seconds):
        raise BadDataError(f'invalid parameter "{name}": cannot parse "{text}" to a valid duration')
    return seconds


def grid_ms(parameters: Mapping[str, str]) -> Times:
    """The instants of a range query, `start`, `start` + `step`, ... up to and including `end`."""
    start, end = time_ms(parameters, "start"), time_ms(parameters, "end")
    if end < start:
        raise BadDataError('invalid parameter "end": end timestamp must not be before start time')
    step = round(duration_seconds(parameters, "step") * 1000)
    if step <= 0:
        raise BadDataError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    if (end - start) // step > MAX_POINTS:
        raise BadDataError(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return np.arange(start, end + 1, step, dtype=np.int64)


def vector(result: Sequence[Samples]) -> Json:
    """Series of one sample each."""
    return {
        "resultType": "vector",
        "result": [{"metric": dict(series.labels), "value": _points(series)[0]} for series in result],
    }


def matrix(result: Sequence[Samples]) -> Json:
    """Series of many samples."""
    return {
        "resultType": "matrix",
        "result": [{"metric": dict(series.labels), "values": _points(series)} for series in result],
    }


def scalar(at_ms: int, value: float) -> Json:
    """A number at an instant."""
    return {"resultType": "scalar", "result": [_seconds(at_ms), number(value)]}


def success(data: object, warnings: Sequence[str]) -> str:
    """The envelope of an answer."""
    envelope = {"status": "success", "data": data, **({"warnings": list(warnings)} if warnings else {})}
    return json.dumps(envelope, separators=(",", ":"))


def number(value: float) -> str:
    """A value as Prometheus prints it: shortest digits that read back the same, an exponent only when
    extreme.
    """
    text = repr(float(value))
    if "e" not in text and "n" not in text:  # nor nan, nor inf
        return text.removesuffix(".0")
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(text):f}"
    mantissa, exponent = text.split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"


def _points(series: Samples) -> list[list[object]]:
    moments, values = series.times.tolist(), series.values.tolist()
    return [[_seconds(at), number(value)] for at, value in zip(moments, values, strict=True)]


def _seconds(milliseconds: int) -> int | float:
    return milliseconds / 1000 if milliseconds % 1000 else milliseconds // 1000


def _seconds_since_epoch(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
