"""Kinds of option values: durations as everywhere else in the product, addresses to listen on; options as typed."""

from collections.abc import Iterable
from math import isfinite, nan
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
    """`host:port`, port 0 for any free one; an address of IPv6 in brackets."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no host:port, for example 0.0.0.0:8080", param, ctx)
        host = host.removeprefix("[").removesuffix("]")
        return host or "0.0.0.0", int(port)  # noqa: S104 - probes and metrics are read from other pods


def typed(names: Iterable[str]) -> list[str]:
    """Return, as they are spelled, the options of the present command among these parameters that the user gave."""
    context = click.get_current_context()
    defaults = click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP
    given = {name for name in names if context.get_parameter_source(name) not in defaults}
    return [max(option.opts, key=len) for option in context.command.params if option.name in given]


class Price(click.ParamType[float]):
    """A finite number that is not below 0."""

    name = "price"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it."""
        try:
            price = float(value)
        except ValueError:
            price = nan
        if not (isfinite(price) and price >= 0.0):
            self.fail(f"{value!r} is no price: give a number, 0 or more", param, ctx)
        return price


DURATION, LISTEN, PRICE = Duration(), Listen(), Price()
