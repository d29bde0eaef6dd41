"""Logs as a collector gets them."""

import io
import json
import logging
import sys
from datetime import UTC, datetime

import pytest

from bayescaler.telemetry.logs import configure


@pytest.fixture
def log_to(monkeypatch):
    """Configure logging for the test: returns the stream that stands for standard error."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level

    def start(form="json", level="info"):
        monkeypatch.setattr(sys, "stderr", stream)
        configure(form=form, level=level)
        return stream

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_a_line_whatever_is_in_it(log_to):
    stream = log_to()
    log = logging.getLogger("bayescaler.test")
    log.info("two\nlines and ünïcode")
    log.warning("of %s", "an object", extra={"object": "shop/web", "decision": {"steps": [{"before": 1}]}})
    log.error("object failed", exc_info=ValueError("inner\ncause"))
    first, second, third = lines(stream)
    assert (first["message"], first["level"], first["logger"]) == ("two\nlines and ünïcode", "info", "bayescaler.test")
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is UTC
    assert (second["message"], second["object"]) == ("of an object", "shop/web")
    assert second["decision"]["steps"] == [{"before": 1}]
    assert "ValueError: inner\ncause" in third["exc_info"]


def test_a_value_that_json_does_not_know_does_not_lose_the_line(log_to):
    stream = log_to()
    logging.getLogger("bayescaler.test").info("odd", extra={"what": object(), "when": {1, 2}})
    assert lines(stream)[0]["message"] == "odd"


def test_what_is_no_text_does_not_lose_the_line(log_to):
    stream = log_to()
    logging.getLogger("bayescaler.test").info("odd", extra={"name_given": "half a pair: \ud800"})
    assert lines(stream)[0]["name_given"] == "half a pair: \ud800"


def test_levels_are_kept_and_chatter_is_not(log_to):
    stream = log_to(level="warning")
    logging.getLogger("bayescaler.test").info("quiet")
    logging.getLogger("bayescaler.test").error("loud")
    assert [line["message"] for line in lines(stream)] == ["loud"]
    stream = log_to(level="debug")
    for chatty in ("aiohttp.access", "urllib3", "urllib3.connectionpool", "numba.core", "asyncio"):
        logging.getLogger(chatty).debug("chatter")
    assert "chatter" not in stream.getvalue()


def test_text_is_for_people(log_to):
    stream = log_to("text")
    logging.getLogger("bayescaler.test").info("hello")
    assert stream.getvalue().endswith("INFO    bayescaler.test: hello\n")


def test_configured_twice_each_line_comes_once(log_to):
    log_to()
    stream = log_to()
    logging.getLogger("bayescaler.test").info("once")
    assert len(lines(stream)) == 1
