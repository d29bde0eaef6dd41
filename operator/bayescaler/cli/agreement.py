"""An online posterior beside the sampled one in the terminal: findings in plain words, then the table."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayescast.agreement import Agreement, Quantity
from bayescast.convergence import LEAST_ESS, MOST_RHAT

LONGEST, LARGEST = 5, 1e5  # decimals, and the sd, that fit a column
WIDEST = 96  # what the table may take where the terminal is narrower

_READING = (
    ("off", "online minus sampled mean, in sampled sds"),
    ("W1", "1-Wasserstein distance of the two posteriors, in sampled sds: 0 is the same, 1 is an sd apart"),
    ("R-hat", f"at most {MOST_RHAT:g} once chains that started apart have met"),
    ("bulk, tail", f"effective sample size of the middle and of the tails, at least {LEAST_ESS:.0f} each"),
    (
        "error",
        "sd of a window around its prediction: of the last 200 and clipped online, a Student t's over all sampled",
    ),
    ("divergences", "transitions that the sampler had to cut short: 0"),
)


def show(found: Agreement, time_zone: str) -> None:
    """Print what was found, what each model says, every number behind it, and how to read them."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, WIDEST)
    if found.healthy:
        console.print("[bold green]healthy[/]: sampling finds the posterior that is kept online, or as good as that")
    for finding in found.findings:
        console.print(Text.assemble((f"finding in the {finding.part}: ", "bold red"), finding.what))
        console.print(f"  means: {finding.meaning}", markup=False)
        console.print(f"  cure:  {finding.cure}", markup=False)
    console.print(f"\n{_basis(found, time_zone)}", markup=False)
    for part in found.parts:
        console.print(Text.assemble((f"{part.name}: ", "bold"), part.says))
    console.print(_table(found))
    for name, meaning in _READING:
        console.print(Text.assemble((name, "bold"), f": {meaning}"))
    if found.lead > 1:
        console.print(
            f"Windows of {found.lead} buckets overlap and are counted each, online and sampled alike: "
            f"both sds of the regression are too small, by up to {found.lead**0.5:.1f} times.",
            markup=False,
        )


def _basis(found: Agreement, time_zone: str) -> str:
    since = datetime.fromtimestamp(found.start, ZoneInfo(time_zone))
    minutes = found.lead * found.step_seconds / 60
    return (
        f"since {since:%Y-%m-%d %H:%M} ({time_zone}): {found.buckets} buckets, {found.windows} windows of {minutes:g} "
        f"min; family {found.family}; NUTS, {found.chains} chains of {found.samples} draws, seed {found.seed}, "
        f"{found.divergences} divergences"
    )


def _table(found: Agreement) -> Table:
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("online", "sampled", "off", "W1", "R-hat", "bulk", "tail"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in found.parts:
        if part.quantities:
            table.add_row(Text(part.name, "bold"))
        for one in part.quantities:
            table.add_row(one.name, *_cells(one))
    return table


def _cells(one: Quantity) -> list[str]:
    told = one.convergence
    return [
        f"{one.online:.4g}" if one.online_sd is None else _with_sd(one.online, one.online_sd),
        _with_sd(one.mean, one.sd),
        f"{one.difference:+.2f}",
        "" if one.distance is None else f"{one.distance:.2f}",
        f"{told.rhat:.3f}",
        f"{told.ess_bulk:.0f}",
        f"{told.ess_tail:.0f}",
    ]


def _with_sd(mean: float, sd: float) -> str:
    """Give both to the second digit of the sd, where that can be read."""
    digits = max(0, 1 - math.floor(math.log10(sd))) if 0.0 < sd < LARGEST else LONGEST + 1
    if digits > LONGEST:
        return f"{mean:.2e}±{sd:.0e}"
    return f"{mean:.{digits}f}±{sd:.{digits}f}"
