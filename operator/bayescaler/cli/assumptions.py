"""What a forecast assumes before any data: the prior read from its file, and how much it matters as a table."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from bayescast import InvalidPrior, Prior
from bayescast.sensitivity import LIMITS, SHOWN_LEVELS, Move


def read_prior(path: Path) -> Prior:
    """Return the prior in a file; click.ClickException names what is wrong with it."""
    try:
        return Prior.from_json(path.read_text())
    except (OSError, UnicodeDecodeError, InvalidPrior) as error:
        what = f"cannot be read: {error.strerror or error}" if isinstance(error, OSError) else str(error)
        raise click.ClickException(f"{path}: {what}") from error


def show(moves: Sequence[Move], buckets: int) -> None:
    """Print one row for each assumption, with the larger of its moves, and how to read it."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("assumption", no_wrap=True)
    for level in SHOWN_LEVELS:
        table.add_column(f"{level:g}:\nday 1", justify="right", no_wrap=True)
        for limit in LIMITS:
            table.add_column(f"\n< {limit:.0%}", justify="right", no_wrap=True)
    for assumption in dict.fromkeys(move.assumption for move in moves):
        own = [move for move in moves if move.assumption == assumption]
        cells = [assumption]
        for level in SHOWN_LEVELS:
            cells.append(f"{max(move.first_day[level] for move in own):.1%}")
            cells += [_latest([move.settled[level][limit] for move in own]) for limit in LIMITS]
        table.add_row(*cells)
    console.print(table)
    console.print(
        "Every constant halved and doubled, the group prior left out; the larger move counts. day 1: mean move of the "
        "quantile over the first day. < 5 %, < 1 %: buckets with load after which the move, averaged over the day that "
        f"follows, stays below; -: not within these {buckets}.",
        markup=False,
    )


def _latest(counts: Sequence[int | None]) -> str:
    known = [count for count in counts if count is not None]
    return f"{max(known)}" if len(known) == len(counts) else "-"
