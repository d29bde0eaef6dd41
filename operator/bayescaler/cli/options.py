"""Kinds of option values: durations as everywhere else in the product, addresses to listen on."""

from typing import Any

import click

from bayescaler.api import seconds


class Duration(click.ParamType[float]):
    """`15s`, `5m`, `1d12h` -> seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Listen(click.ParamType[tuple[str, int]]):
    """`host:port`, port 0 for any free one."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no host:port, for example 0.0.0.0:8080", param, ctx)
        return host or "0.0.0.0", int(port)  # noqa: S104 - probes and metrics are read from other pods


DURATION, LISTEN = Duration(), Listen()
