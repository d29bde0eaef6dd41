"""What can be said of a forecast's model on the command line."""

from collections.abc import Callable
from typing import Any

import click

from bayescaler.api import seconds

from .load import Interval

FAMILIES = ("Auto", "PoissonGamma", "Gaussian")


class Levels(click.ParamType[tuple[str, ...]]):
    """`0.5,0.9,0.99`: probabilities, kept as they were written, since they name the columns."""

    name = "q,q,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the levels as text."""
        if isinstance(value, tuple):
            return value
        levels = tuple(part.strip() for part in str(value).split(","))
        for level in levels:
            try:
                fine = 0.0 < float(level) < 1.0
            except ValueError:
                fine = False
            if not fine:
                self.fail(f"{level!r} is no probability between 0 and 1; give for example 0.5,0.9,0.99", param, ctx)
        return levels


class Seasons(click.ParamType[tuple[float, ...]]):
    """`24h,168h` or `none`: periods in seconds."""

    name = "duration,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the periods."""
        if isinstance(value, tuple):
            return value
        try:
            return () if str(value).strip() == "none" else tuple(seconds(part.strip()) for part in value.split(","))
        except ValueError as error:
            self.fail(f"{error}; give for example 24h,168h, or none", param, ctx)


class Occasion(click.ParamType[tuple[str, tuple[float, float]]]):
    """`NAME=START/END`: when a kind of known event takes place."""

    name = "name=start/end"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[float, float]]:
        """Return its name, and start and end in epoch seconds."""
        if isinstance(value, tuple):
            return value
        name, equals, span = str(value).partition("=")
        if not (name.strip() and equals):
            self.fail(f"{value!r} has no name: give for example sale=2026-11-27T00:00Z/P1D", param, ctx)
        return name.strip(), Interval().convert(span, param, ctx)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what shapes the model: its clock, seasons, family and known events."""
    for option in reversed(
        (
            click.option("--time-zone", default="UTC", show_default=True, help="Local clock of the seasons."),
            click.option(
                "--seasons",
                type=Seasons(),
                default="24h,168h",
                show_default=True,
                help="Periods the load repeats in, or none.",
            ),
            click.option(
                "--family",
                type=click.Choice(FAMILIES, case_sensitive=False),
                default="Auto",
                show_default=True,
                help="Likelihood.",
            ),
            click.option(
                "--event",
                "events",
                type=Occasion(),
                multiple=True,
                help="When a kind of known event takes place, as NAME=START/END: "
                "sale=2026-11-27T00:00Z/P1D. May be given again.",
            ),
        )
    ):
        command = option(command)
    return command
