"""Logs: JSON lines (one decision record a decision) or plain text, on standard error."""

import io
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# What kopf hangs on its records for its own handlers; its settings hold locks, which no JSON can.
_KOPFS_OWN = ("settings", "k8s_skip")
_UNTOLD = frozenset((*RESERVED_ATTRS, *_KOPFS_OWN))


class _Json(JsonFormatter):  # type: ignore[misc]  # the library is untyped
    """One JSON object a line; fields given by `extra=` are kept as they are.

    Pydantic's serializer takes a quarter of the time of the standard library's, which remains for what it refuses.
    """

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "message": record.getMessage(),
        }
        told |= {name: given for name, given in record.__dict__.items() if name not in _UNTOLD and name[0] != "_"}
        told |= {"level": record.levelname.lower(), "logger": record.name}
        if record.exc_info:
            told["exc_info"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack_info"] = self.formatStack(record.stack_info)
        try:
            return to_json(told, inf_nan_mode="null").decode()
        except ValueError:  # what is no JSON, such as half a surrogate pair
            return str(self.jsonify_log_record(told))


def configure(*, form: str, level: str) -> None:
    """Send all logs to standard error: form `json` or `text`, level as logging names it."""
    if isinstance(sys.stderr, io.TextIOWrapper):  # JSON is UTF-8, whatever the locale
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # neither form tells them
    logging._srcfile = None  # noqa: SLF001 - nor where a record was made: logging's documentation turns it off so
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiohttp.access", "urllib3", "numba", "matplotlib", "asyncio", "kopf.objects"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
