"""Tables of numbers, as wide as they need to be, the same on a terminal and in a file."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from rich import box
from rich.console import Console
from rich.table import Table

from .process import machine

_console = Console(width=150, highlight=False)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table: the first column is words, the others numbers that are formatted already."""
    table = Table(title=f"{title} ({machine()})", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    _console.print(table)


def note(text: str) -> None:
    """Print one remark below a table."""
    _console.print(f"  {text}")


def spread(samples: ArrayLike, form: str = ".3g") -> tuple[str, str, str]:
    """Median, 99th percentile and largest of samples, formatted."""
    values = np.asarray(samples, dtype=np.float64)
    if not values.size:
        return ("-", "-", "-")
    median, high, most = float(np.median(values)), float(np.quantile(values, 0.99)), float(values.max())
    return format(median, form), format(high, form), format(most, form)
