"""`bayescaler forecast`: what the forecaster would have said after every bucket of a trace."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bayescaler.sources.files import whole_file
from bayescaler.sources.trace import Trace, TraceError, read_trace

from .options import DURATION


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


@click.command()
@click.option(
    "--trace", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV or Parquet: timestamp,value."
)
@click.option(
    "--unit", type=click.Choice(["count", "rate", "gauge"]), default="rate", show_default=True, help="Of the values."
)
@click.option("--horizon", required=True, type=DURATION, help="Length of the window whose highest load is forecast.")
@click.option("--quantiles", type=Levels(), default="0.5,0.9,0.95,0.99", show_default=True, help="Levels to write.")
@click.option("--time-zone", default="UTC", show_default=True, help="Local clock of the seasons.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV to write: timestamp,q0.5,..."
)
def forecast(trace: Path, unit: str, horizon: float, quantiles: tuple[str, ...], time_zone: str, out: Path) -> None:
    """Forecast the highest load over the horizon after every bucket of a trace, from what had been seen by then."""
    from bayescast import BayescastError, Forecaster, ForecastSpec, Kind

    try:
        load = read_trace(trace, unit=unit)  # type: ignore[arg-type]  # click has checked the choice
        lead = max(1, round(horizon / load.step_seconds))
        spec = ForecastSpec(step_seconds=load.step_seconds, leads=(lead,), kind=Kind(unit), time_zone=time_zone)
        issued = Forecaster(spec).replay(load.times, load.values)[lead]
    except (TraceError, BayescastError) as error:
        raise click.ClickException(str(error)) from error
    _write(out, load, at_levels(issued, [float(q) for q in quantiles]), quantiles)


def at_levels(issued: NDArray[np.float64], levels: Sequence[float]) -> NDArray[np.float64]:
    """Read any levels off the issued ones: (n, 9) -> (n, len(levels)), linear over the log odds of the level."""
    from bayescast import LEVELS

    known, asked = _log_odds(np.array(LEVELS)), _log_odds(np.array(levels))
    left = np.clip(np.searchsorted(known, asked, side="right") - 1, 0, len(known) - 2)
    share = (asked - known[left]) / (known[left + 1] - known[left])
    return np.maximum(issued[:, left] + (issued[:, left + 1] - issued[:, left]) * share, 0.0)


def _log_odds(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(level / (1.0 - level))


def _write(out: Path, load: Trace, values: NDArray[np.float64], names: Sequence[str]) -> None:
    with whole_file(out) as beside, beside.open("w") as file:
        file.write(",".join(["timestamp", *(f"q{name}" for name in names)]) + "\n")
        for at, row in zip(load.times, values, strict=True):
            stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            cells = ("" if np.isnan(v) else f"{v:.10g}" for v in row)
            file.write(f"{stamp},{','.join(cells)}\n")
