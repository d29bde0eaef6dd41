"""The scores of a forecast as a table in the terminal."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from bayescast import LEVELS, Diagnostics
from bayescast.scorecard import Report, Share

SHOWN_LEVEL = 0.95
LEAST_WEIGHT = 0.01
ENOUGH_MISSES = 5.0  # a share of fewer expected misses says next to nothing


def show(report: Report, diagnostics: Diagnostics, time_zone: str) -> None:
    """Print the table, and in sentences what it rests on."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(report, diagnostics))
    for line in _lines(report, diagnostics, time_zone):
        console.print(line, markup=False)


def _table(report: Report, diagnostics: Diagnostics) -> Table:
    table = Table(header_style="bold", title_justify="left")
    for name in ("level", "pinball", "skill", "coverage", "95 % interval", "misses due", "owed"):
        table.add_column(name, justify="right", no_wrap=True)
    for level in LEVELS:
        due = round((1.0 - level) * report.disjoint_windows, 1)
        table.add_row(
            f"{level:g}",
            f"{report.pinball[level]:.4g}",
            f"{diagnostics.skill[level]:.0%}",
            f"{report.coverage[level].share:.2%}",
            _interval(report.coverage[level]),
            f"{due:.1f}{'' if due >= ENOUGH_MISSES else ' few'}",
            f"{diagnostics.misses_owed[level]:+.1f}",
        )
    return table


def _lines(report: Report, diagnostics: Diagnostics, time_zone: str) -> list[str]:
    if not report.windows:
        return ["nothing was scored: no window of this length lies in the part that is judged"]
    span = f"{_clock(report.start, time_zone)} to {_clock(report.end, time_zone)} ({time_zone})"
    minutes = report.lead * report.step_seconds / 60
    drift = f"drift since before: PSI {report.psi:.3f}, KL {report.kl:.3f}"
    lines = [
        f"scored: {span}, {report.windows} windows of {minutes:g} min, {report.disjoint_windows} of them disjoint",
        f"CRPS {report.crps:.4g}, RMSE of the median {report.rmse:.4g}, {drift}",
    ]
    if report.brier is not None:
        lines.append(f"Brier of load above {report.capacity:g}: {report.brier:.4f}")
    by_level = ", ".join(
        f"{third} {shares[SHOWN_LEVEL].share:.1%}" for third, shares in report.coverage_by_level.items()
    )
    lines.append(f"coverage of the {SHOWN_LEVEL:g} quantile where the forecast is {by_level}")
    hours = {hour: shares[SHOWN_LEVEL] for hour, shares in report.coverage_by_hour.items()}
    worst = min((hour for hour in hours if hours[hour].windows), key=lambda hour: hours[hour].share)
    lines.append(f"worst hour {worst:02d}:00, {hours[worst].share:.1%} ({_interval(hours[worst])})")
    heaviest = sorted(diagnostics.expert_weights.items(), key=lambda held: -held[1])
    lines.append("weight: " + ", ".join(f"{name} {weight:.0%}" for name, weight in heaviest if weight >= LEAST_WEIGHT))
    if diagnostics.change_point_at is not None:
        lines.append(f"newest change point: {_clock(diagnostics.change_point_at, time_zone)}")
    return lines


def _interval(share: Share) -> str:
    return "too few days" if math.isnan(share.low) else f"{share.low:.2%} .. {share.high:.2%}"


def _clock(at: float, time_zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M")
