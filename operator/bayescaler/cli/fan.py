"""The picture of a forecast: the fan of its quantiles over the load, and beside it how honest they were."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from bayescaler.sources.trace import Trace
from bayescast import LEVELS, scores
from bayescast.scorecard import Report

OURS, MISS, LOAD, INTERVAL, EXCLUDED = "#1b7f79", "#d1495b", "#2b2d42", "#8fb8b5", "#e9e4d8"
BANDS = ((0.5, 0.8, "#1b7f79"), (0.8, 0.95, "#5fa8a3"), (0.95, 0.99, "#a3cdca"), (0.99, 0.999, "#dcecea"))
SHOWN_LEVEL = 0.95
LEAST_MISS = 3e-4  # where a coverage of 100 % is drawn on the logarithmic axis
Floats = NDArray[np.float64]


def draw(
    path: Path,
    load: Trace,
    issued: Floats,
    report: Report,
    *,
    title: str,
    shown_seconds: float,
    time_zone: str,
    excluded: Sequence[tuple[float, float]] = (),
) -> None:
    """Write the picture (PNG, or what the suffix of `path` says).

    issued: (n, 9) quantiles at LEVELS after each bucket of `load`. Shown are the last `shown_seconds`. excluded: ranges
    of time (epoch seconds) to shade.
    """
    style = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(15, 8), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(2.4, 1))
        _fan(figure.add_subplot(grid[:, 0]), load, issued, report.lead, shown_seconds, time_zone, excluded)
        _by_level(figure.add_subplot(grid[0, 1]), report)
        _by_hour(figure.add_subplot(grid[1, 1]), report, time_zone)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        figure.savefig(path, dpi=110, format=path.suffix.lstrip(".") or "png")


def _fan(
    axes: Axes,
    load: Trace,
    issued: Floats,
    lead: int,
    shown_seconds: float,
    time_zone: str,
    excluded: Sequence[tuple[float, float]],
) -> None:
    shown = load.times >= load.times[-1] - shown_seconds
    at = np.array([datetime.fromtimestamp(t, UTC) for t in load.times[shown] + load.step_seconds])
    maxima, quantiles = scores.window_max(load.values, lead)[shown], issued[shown]
    for low, high, colour in reversed(BANDS):
        edges = quantiles[:, LEVELS.index(low)], quantiles[:, LEVELS.index(high)]
        axes.fill_between(at, *edges, color=colour, lw=0, label=f"quantiles {low:g} to {high:g}")
    axes.plot(at, load.values[shown], color=LOAD, lw=0.5, alpha=0.35, label="load")
    axes.plot(at, maxima, color=LOAD, lw=1.1, label="highest load that came")
    missed = maxima > quantiles[:, LEVELS.index(SHOWN_LEVEL)]
    axes.plot(at[missed], maxima[missed], ".", color=MISS, ms=4, label=f"above quantile {SHOWN_LEVEL:g}")
    _shade(axes, [ends for ends in excluded if ends[1] > load.times[shown][0]])
    highest = np.nan_to_num(np.concatenate([load.values[shown], quantiles[:, LEVELS.index(0.99)]])).max()
    axes.set_ylim(0, 1.05 * float(highest) or 1.0)
    axes.set_xlim(at[0], at[-1])
    axes.set_ylabel({"count": "events a bucket", "rate": "per second", "gauge": "load"}[load.unit])
    axes.set_xlabel(f"issued at ({time_zone}); the window is the next {lead * load.step_seconds / 60:g} minutes")
    clock = ZoneInfo(time_zone)
    locator = AutoDateLocator(tz=clock)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=clock))
    handles, labels = axes.get_legend_handles_labels()
    order = [*range(len(BANDS) - 1, -1, -1), *range(len(BANDS), len(handles))]  # bands from the median up
    axes.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        frameon=False,
        ncols=4,
    )


def _shade(axes: Axes, ranges: Sequence[tuple[float, float]]) -> None:
    for i, ends in enumerate(ranges):
        start, end = (date2num(datetime.fromtimestamp(at, UTC)) for at in ends)
        axes.axvspan(start, end, color=EXCLUDED, lw=0, zorder=0, label=None if i else "excluded")


def _by_level(axes: Axes, report: Report) -> None:
    """Misses due against misses that came, both on a logarithmic axis: at .999 as well as at .5."""
    due = np.array([1.0 - level for level in LEVELS])
    found = [report.coverage[level] for level in LEVELS]
    missed, least, most = (
        np.clip([1.0 - value for value in values], LEAST_MISS, 1.0)
        for values in ([s.share for s in found], [s.high for s in found], [s.low for s in found])
    )
    axes.plot([LEAST_MISS, 1], [LEAST_MISS, 1], color=LOAD, lw=0.8, ls="--")
    axes.vlines(due, least, most, color=INTERVAL, lw=5, alpha=0.8, label="95 % interval")
    axes.plot(due, missed, "o", color=OURS, ms=5, label="found")
    for set_scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        set_scale("log")
        axis.set_major_locator(FixedLocator([0.5, 0.2, 0.1, 0.05, 0.01, 0.001]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda miss, _: f"{1 - miss:g}"))
    axes.set_xlim(0.8, 0.0006)
    axes.set_ylim(0.8, LEAST_MISS)
    axes.set_xlabel("level asked for")
    axes.set_ylabel("share of windows within")
    axes.set_title(f"coverage by level: {report.windows} windows, {report.disjoint_windows} disjoint", fontsize=10)
    axes.legend(loc="upper left", frameon=False)


def _by_hour(axes: Axes, report: Report, time_zone: str) -> None:
    hours = np.array(list(report.coverage_by_hour))
    found = [shares[SHOWN_LEVEL] for shares in report.coverage_by_hour.values()]
    share, low, high = (
        100 * np.array(values) for values in ([s.share for s in found], [s.low for s in found], [s.high for s in found])
    )
    axes.axhline(100 * SHOWN_LEVEL, color=LOAD, lw=0.8, ls="--")
    axes.vlines(hours, low, high, color=INTERVAL, lw=5, alpha=0.8, label="95 % interval")
    axes.plot(hours, share, "o", color=OURS, ms=5, label="found")
    lowest = np.nanmin(np.concatenate([share, low, [90.0]]))
    axes.set_ylim(lowest - 1, 100.5)
    axes.set_xlim(-0.7, 23.7)
    axes.set_xticks(range(0, 24, 3))
    axes.set_xlabel(f"hour at which the window begins ({time_zone})")
    axes.set_ylabel("% of windows within")
    axes.set_title(f"coverage of the {SHOWN_LEVEL:g} quantile by hour", fontsize=10)
