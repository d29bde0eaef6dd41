"""A fleet's answers in the terminal and as files: the ranked table, its sum, what was left out and why."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from bayescaler.replay.fleet import MEANING, Row, Total, ranked, total
from bayescaler.replay.judgement import Prices
from bayescaler.replay.report import Category
from bayescast.scorecard import plain

from .files import console_of, whole_files
from .trial import LeftOut


def show(rows: Sequence[Row], left_out: Sequence[LeftOut], prices: Prices) -> None:
    """Print all of it."""
    console = console_of()
    if rows:
        console.print(_table(rows, prices))
        console.print()
        for verdict, count in total(rows).verdicts.items():
            if count:
                console.print(f"{_short(verdict)} ({count:,}): {MEANING[verdict]}", markup=False)
    if left_out:
        console.print(f"\nLeft out: {len(left_out)}")
        for one in left_out:
            console.print(f"  {one.name}: {one.why}", markup=False)


def write(
    rows: Sequence[Row], left_out: Sequence[LeftOut], prices: Prices, *, table: Path | None, as_json: Path | None
) -> None:
    """Write the files that were asked for, or none."""
    order = ranked(rows, prices)
    with whole_files(table, as_json) as (sheet, data):
        if sheet is not None:
            with sheet.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows([_text(value) for value in flat(row).values()] for row in order)
        if data is not None:
            found = {
                "prices": asdict(prices),
                "total": asdict(total(rows)) if rows else None,
                "workloads": [flat(row) for row in order],
                "left_out": [asdict(one) for one in left_out],
            }
            data.write_text(json.dumps(plain(found), allow_nan=False, indent=1) + "\n", encoding="utf-8")


COLUMNS = (
    "name", "kind", "present", "days", "short", "present_short", "pod_hours", "present_pod_hours", "saved_pod_hours",
    "saved_low", "saved_high", "cost", "present_cost", "tuned_pod_hours", "safest_pod_hours", "ratio", "ratio_low",
    "ratio_high", "changes", "present_changes", "reversals", "present_reversals", "unserved", "present_unserved",
    "verdict",
)  # fmt: skip


def flat(row: Row) -> dict[str, Any]:
    """Return a row by column; shares as fractions, NaN where there is no answer."""
    ours, present = row.ours, row.present
    values = (
        row.name, row.kind, row.present_name, row.seconds / 86400, ours.short, present.short, ours.pod_hours,
        present.pod_hours, row.saved_pod_hours, row.saved.low, row.saved.high, ours.cost, present.cost,
        row.tuned_pod_hours, row.safest_pod_hours, row.ratio, row.ratio_interval.low, row.ratio_interval.high,
        ours.changes, present.changes, ours.reversals, present.reversals, ours.unserved, present.unserved,
        str(row.verdict),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _table(rows: Sequence[Row], prices: Prices) -> Table:
    priced = prices.overload_hour > 0.0 or prices.replica_hour != 1.0
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), show_footer=True)
    all_of = total(rows)
    sums = dict(zip(_headers(priced=priced), _sums(all_of, priced=priced), strict=True))
    for place, (name, footer) in enumerate(sums.items()):
        words = place in {1, 2, len(sums) - 1}  # they may take two lines, numbers may not
        table.add_column(name, footer, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for place, row in enumerate(ranked(rows, prices), 1):
        table.add_row(*_cells(place, row, priced=priced))
    return table


def _headers(*, priced: bool) -> list[str]:
    cost = ["cost saved"] if priced else []
    return ["", "workload", "has", "short", "its", "replica-h", "saved", *cost, "ratio", "95 %", "verdict"]


def _cells(place: int, row: Row, *, priced: bool) -> list[str]:
    return [
        str(place),
        row.name.replace("[", "\\["),
        row.present_name,
        f"{row.ours.short:.2%}",
        f"{row.present.short:.2%}",
        f"{row.ours.pod_hours:,.0f}",
        f"{row.saved_pod_hours:+,.0f}",
        *([f"{row.saved_cost:+,.0f}"] if priced else []),
        "" if math.isnan(row.ratio) else f"{row.ratio:.2f}",
        "" if math.isnan(row.ratio_interval.low) else f"{row.ratio_interval.low:.2f}-{row.ratio_interval.high:.2f}",
        _short(row.verdict),
    ]


def _short(verdict: Category) -> str:
    """Return a verdict in a word or two: `worth it`, `alike`, `untold`, ..."""
    return verdict.name.lower().replace("_", " ")


def _sums(found: Total, *, priced: bool) -> list[str]:
    return [
        "",
        f"{sum(found.verdicts.values()):,} workloads",
        "",
        f"{found.short:.2%}",
        f"{found.present_short:.2%}",
        f"{found.pod_hours:,.0f}",
        f"{found.present_pod_hours - found.pod_hours:+,.0f}",
        *([f"{found.present_cost - found.cost:+,.0f}"] if priced else []),
        "" if math.isnan(found.ratio) else f"{found.ratio:.2f}",
        "",
        "",
    ]


def _text(value: Any) -> Any:
    """Return a value as a cell: nothing where there is no answer."""
    return "" if isinstance(value, float) and math.isnan(value) else value
