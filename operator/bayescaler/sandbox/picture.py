"""The picture of a played day: load and what both fleets could serve, replicas of both, and where either fell short."""

from datetime import UTC
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayescaler.sources.files import whole_file

from .demo import Day

OURS, HPA, LOAD, SHORT = "#1b7f79", "#d1495b", "#2b2d42", "#f4a259"


def draw(day: Day, path: Path) -> None:
    """Write the picture (PNG, or what the suffix of `path` says)."""
    at = np.array([round(m.at) for m in day.moments], dtype="datetime64[s]")
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(13, 9), layout="constrained")
        above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 0.7))
        _loads(above, at, day)
        _replicas(middle, at, day)
        _shortfalls(below, at, day)
        locator = AutoDateLocator(tz=UTC)
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
        figure.suptitle(_title(day), x=0.01, ha="left", fontsize=12)
        with whole_file(path) as beside:
            figure.savefig(beside, dpi=110, format=path.suffix.lstrip(".") or "png")


def _loads(axes: Axes, at: NDArray[np.datetime64], day: Day) -> None:
    capacity = day.capacity
    axes.plot(at, [m.load for m in day.moments], color=LOAD, lw=0.9, label="load")
    demand = [np.nan if m.demand is None else m.demand for m in day.moments]
    axes.plot(
        at,
        demand,
        color=OURS,
        lw=0.8,
        alpha=0.55,
        label=f"forecast: {day.quantile:g} quantile of the window's highest load",
    )
    axes.step(
        at,
        [m.ready * capacity for m in day.moments],
        where="post",
        color=OURS,
        lw=1.4,
        label="ready capacity, Bayescaler",
    )
    axes.step(
        at,
        [m.hpa_ready * capacity for m in day.moments],
        where="post",
        color=HPA,
        lw=1.0,
        label="ready capacity, HPA at 70 %",
    )
    axes.set_ylabel("per second")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False, ncols=2)


def _replicas(axes: Axes, at: NDArray[np.datetime64], day: Day) -> None:
    axes.step(at, [m.replicas for m in day.moments], where="post", color=OURS, lw=1.4, label="Bayescaler")
    axes.step(at, [m.hpa_replicas for m in day.moments], where="post", color=HPA, lw=1.0, label="HPA at 70 %")
    axes.set_ylabel("replicas")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False, ncols=2)


def _shortfalls(axes: Axes, at: NDArray[np.datetime64], day: Day) -> None:
    for row, (name, ready, colour) in enumerate(
        (
            ("HPA", [m.hpa_ready for m in day.moments], HPA),
            ("Bayescaler", [m.ready for m in day.moments], OURS),
        )
    ):
        short = [m.load > n * day.capacity for m, n in zip(day.moments, ready, strict=True)]
        axes.fill_between(at, row + 0.1, row + 0.9, where=short, step="post", color=colour, lw=0.6)
        axes.text(-0.005, row + 0.5, name, transform=axes.get_yaxis_transform(), ha="right", va="center")
    axes.set_ylim(0, 2)
    axes.set_yticks([])
    axes.set_xlabel("time in which load exceeded ready capacity (UTC)")


def _title(day: Day) -> str:
    ours, twin = day.outcomes()
    return (
        f"Bayescaler: {ours.violating_share:.2%} of the time short, {ours.pod_hours:.0f} pod-hours     "
        f"HPA at 70 %: {twin.violating_share:.2%} short, {twin.pod_hours:.0f} pod-hours"
    )
