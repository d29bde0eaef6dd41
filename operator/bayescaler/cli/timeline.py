"""The picture of a backtest: load against what the pods serve, replicas beside the HPA's, cost against time short."""

from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from bayescaler.replay.backtest import Backtest
from bayescaler.replay.baselines import Hpa

from .fan import LOAD, MISS, OURS

PEER = "#8d7f63"
LEAST_SHORT = 1e-4  # of the time: where none at all is drawn on the logarithmic axis
USUAL_TARGET = 0.7
Floats = NDArray[np.float64]


def draw(path: Path, found: Backtest, *, title: str) -> None:
    """Write the picture of the judged part (PNG, or what the suffix of `path` says)."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(15, 8), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(2.4, 1))
        served = figure.add_subplot(grid[0, 0])
        _served(served, found)
        _replicas(figure.add_subplot(grid[1, 0], sharex=served), found)
        _frontier(figure.add_subplot(grid[:, 1]), found)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        figure.savefig(path, dpi=110, format=path.suffix.lstrip(".") or "png")


def _served(axes: Axes, found: Backtest) -> None:
    """Draw the load and what the ready pods serve of it."""
    scenario = found.case.scenario
    played = scenario.play(found.decided.replicas)
    at = _stamps(scenario.judged_times)
    axes.plot(at, played.load, color=LOAD, lw=0.6, label="load")
    axes.step(at, played.ready * played.capacity, where="post", color=OURS, lw=0.9, label="what the ready pods serve")
    short = played.short > 0.0
    axes.plot(at[short], played.load[short], ".", color=MISS, ms=3, label="short")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel(f"load{found.case.policy.unit}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0)
    _dates(axes, found.case.spec.time_zone)


def _replicas(axes: Axes, found: Backtest) -> None:
    """Draw the replicas of ours and of an HPA at its usual target."""
    scenario = found.case.scenario
    at = _stamps(scenario.judged_times)
    usual = scenario.play(Hpa(USUAL_TARGET * scenario.capacity).replicas(scenario))
    axes.step(at, usual.replicas, where="post", color=PEER, lw=0.8, label=f"HPA at {USUAL_TARGET:.0%}")
    axes.step(at, scenario.play(found.decided.replicas).replicas, where="post", color=OURS, lw=0.9, label="bayescaler")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("replicas")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
    _dates(axes, found.case.spec.time_zone)


def _frontier(axes: Axes, found: Backtest) -> None:
    """Draw replica-hours against the share of time short, for every quantile of ours and every target of the HPA."""
    least = float(found.clairvoyant.cost[0])
    for one, color, label in ((found.hpa, PEER, "HPA, by target"), (found.ours, OURS, "bayescaler, by quantile")):
        order = np.argsort(one.violating)
        axes.plot(
            np.maximum(one.violating[order], LEAST_SHORT), one.cost[order], "o-", color=color, ms=4, lw=1, label=label
        )
    here = found.judgement.outcome
    axes.plot(
        max(here.violating_share, LEAST_SHORT), here.pod_hours, "*", color=OURS, ms=15, label="the manifest as it is"
    )
    axes.axhline(least, color=LOAD, lw=0.8, ls=":", label="who knows the future")
    axes.set_xscale("log")
    top = max(here.pod_hours, float(found.ours.cost.max()), min(float(found.hpa.cost.max()), 3 * least))
    axes.set_ylim(0.95 * least, 1.05 * top)
    axes.set_xlabel("share of the time short")
    axes.set_ylabel("replica-hours")
    axes.xaxis.set_major_formatter(FuncFormatter(_percent))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper right", frameon=False)


def _percent(share: float, _: int) -> str:
    return "none" if share <= LEAST_SHORT else f"{100 * share:g} %"


def _stamps(times: Floats) -> NDArray[np.datetime64]:
    return np.round(1e3 * times).astype("datetime64[ms]")


def _dates(axes: Axes, time_zone: str) -> None:
    locator = AutoDateLocator(tz=ZoneInfo(time_zone))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=ZoneInfo(time_zone)))
