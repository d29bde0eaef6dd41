"""Logs: JSON lines (one decision record a decision) or plain text, on standard error."""

import io
import logging
import sys
from typing import Any

from pydantic_core import to_json
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_FIELDS = "%(timestamp)s %(levelname)s %(name)s %(message)s"
# What kopf hangs on its records for its own handlers; its settings hold locks, which no JSON can.
_KOPFS_OWN = ("settings", "k8s_skip")


class _Json(JsonFormatter):  # type: ignore[misc]  # the library is untyped
    """One JSON object a line; fields given by `extra=` are kept as they are.

    Pydantic's serializer takes a quarter of the time of the standard library's, which remains for what it refuses.
    """

    def add_fields(self, log_record: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_record, record, message_dict)
        log_record["level"] = log_record.pop("levelname", record.levelname).lower()
        log_record["logger"] = log_record.pop("name", record.name)
        log_record["timestamp"] = log_record["timestamp"].isoformat()

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        try:
            return to_json(log_data, inf_nan_mode="null").decode()
        except ValueError:  # what is no JSON, such as half a surrogate pair
            return str(super().jsonify_log_record(log_data))


def configure(*, form: str, level: str) -> None:
    """Send all logs to standard error: form `json` or `text`, level as logging names it."""
    if isinstance(sys.stderr, io.TextIOWrapper):  # JSON is UTF-8, whatever the locale
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(_Json(_FIELDS, timestamp=True, reserved_attrs=(*RESERVED_ATTRS, *_KOPFS_OWN)))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiohttp.access", "urllib3", "numba", "matplotlib", "asyncio", "kopf.objects"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
