"""`bayescaler forecast`: what the forecaster would have said after every bucket of a load, and how good it was."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import Trace, TraceError

from .files import check_picture, check_places, whole_files
from .load import bar, interval_text, load_options, origin
from .model import Levels, model_options
from .options import DURATION

if TYPE_CHECKING:
    from bayescast import Diagnostics, ForecastSpec, Prior
    from bayescast.scorecard import Report
    from bayescast.sensitivity import Move


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A load, the (n, 9) quantiles at LEVELS that were issued along it, and the forecaster's own record.

    excluded: the ranges of time, in epoch seconds, that were taken out of the load.
    """

    load: Trace
    spec: "ForecastSpec"
    issued: NDArray[np.float64]
    diagnostics: "Diagnostics"
    excluded: tuple[tuple[float, float], ...] = ()

    @property
    def lead(self) -> int:
        """The one window length, in buckets."""
        return self.spec.leads[0]

    @property
    def end(self) -> float:
        """End of the newest bucket."""
        return float(self.load.times[-1]) + self.load.step_seconds

    def score(self, *, judged_seconds: float | None, capacity: float | None) -> "Report":
        """Score the newest part; without a length, the second half of what has data."""
        from bayescast.scorecard import score

        load, seen = self.load, np.flatnonzero(~np.isnan(self.load.values))
        half = (self.end - float(load.times[seen[0] if len(seen) else 0])) / 2
        return score(
            load.times,
            load.values,
            self.issued,
            lead=self.lead,
            step_seconds=load.step_seconds,
            time_zone=self.spec.time_zone,
            capacity=capacity,
            since=self.end - (half if judged_seconds is None else judged_seconds),
        )


@click.command()
@load_options
@click.option("--horizon", required=True, type=DURATION, help="Length of the window whose highest load is forecast.")
@click.option("--quantiles", type=Levels(), default="0.5,0.9,0.95,0.99", show_default=True, help="Levels to write.")
@model_options
@click.option(
    "--prior", "group", type=click.Path(dir_okay=False, path_type=Path), help="What to start from: `bayescaler prior`."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="CSV to write: timestamp,q0.5,...")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Picture to draw: fan chart and coverage."
)
@click.option("--shown", type=DURATION, default="2d", show_default=True, help="Newest part that the picture shows.")
@click.option("--report", "reported", is_flag=True, help="Print scores: pinball, coverage with its interval, weights.")
@click.option("--sensitivity", "sensitive", is_flag=True, help="Print how the quantiles move with what was assumed.")
@click.option("--judged", type=DURATION, help="Newest part that is scored; default: the second half.")
@click.option("--capacity", type=click.FloatRange(min=0), help="Load whose exceedance is scored too (Brier).")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the report."
)
def forecast(
    horizon: float,
    quantiles: tuple[str, ...],
    time_zone: str,
    seasons: tuple[float, ...],
    family: str,
    events: tuple[tuple[str, tuple[float, float]], ...],
    group: Path | None,
    out: Path | None,
    plot: Path | None,
    shown: float,
    reported: bool,
    sensitive: bool,
    judged: float | None,
    capacity: float | None,
    output: str,
    **source: Any,
) -> None:
    """Forecast the highest load over the horizon after every bucket, from what had been seen by then.

    The load is that of a trace, or of a query to Prometheus. Give --out, --plot, --report, --sensitivity or --output
    json.
    """
    asked = origin(**source)
    reported = reported or output == "json"
    _check_files(out, plot, reported or sensitive)
    from bayescast import BayescastError

    with bar() as progress:
        try:
            prior = None if group is None else _prior(group)
            load = asked.read(progress)
            progress.add_task(f"forecasting {len(load.times)} buckets", total=None)
            played = replay(
                load, horizon, seasons=seasons, time_zone=time_zone, family=family, events=events, prior=prior
            )
            played = replace(played, excluded=asked.exclude)
            moves = _sensitivity(played, prior) if sensitive else ()
        except (TraceError, SourceError, BayescastError) as error:
            raise click.ClickException(str(error)) from error
        report = played.score(judged_seconds=judged, capacity=capacity) if plot is not None or reported else None
        with whole_files(out, plot) as (csv, picture):
            if csv is not None:
                write_csv(csv, load.times, at_levels(played.issued, [float(q) for q in quantiles]), quantiles)
            if picture is not None and report is not None:
                _draw(picture, played, report, name=str(asked), shown_seconds=shown)
    _tell(played, report if reported else None, moves, quantiles, as_json=output == "json")


def _check_files(out: Path | None, plot: Path | None, reported: bool) -> None:
    """Refuse what cannot be written before any work is done."""
    if out is None and plot is None and not reported:
        raise click.UsageError("there is nothing to do: give --out, --plot, --report, --sensitivity or --output json")
    check_places({"--out": out, "--plot": plot})
    if plot is not None:
        check_picture(plot)


def spec_of(
    load: Trace,
    horizon: float,
    *,
    seasons: tuple[float, ...],
    time_zone: str,
    family: str,
    events: tuple[tuple[str, tuple[float, float]], ...] = (),
) -> "ForecastSpec":
    """Say what is forecast; BayescastError if that cannot be."""
    from bayescast import Event, Family, ForecastSpec, Kind

    ranges: dict[str, tuple[tuple[float, float], ...]] = {}
    for name, span in events:
        ranges[name] = (*ranges.get(name, ()), span)

    return ForecastSpec(
        step_seconds=load.step_seconds,
        leads=(max(1, round(horizon / load.step_seconds)),),
        kind=Kind(load.unit),
        family=Family(family),
        seasons=seasons,
        time_zone=time_zone,
        events=tuple(Event(name, spans) for name, spans in ranges.items()),
    )


def replay(load: Trace, horizon: float, *, prior: "Prior | None" = None, **model: Any) -> Replay:
    """Forecast after every bucket of a load, a model as `spec_of` takes it; BayescastError if that cannot be."""
    from bayescast import Forecaster

    spec = spec_of(load, horizon, **model)
    forecaster = Forecaster(spec, prior)
    issued = forecaster.replay(load.times, load.values)[spec.leads[0]]
    return Replay(load, spec, issued, forecaster.diagnostics())


def _prior(path: Path) -> "Prior":
    from . import assumptions

    return assumptions.read_prior(path)


def _sensitivity(played: Replay, prior: "Prior | None") -> tuple["Move", ...]:
    from bayescast.sensitivity import sensitivity

    return sensitivity(played.spec, played.load.times, played.load.values, prior=prior)


def at_levels(issued: NDArray[np.float64], levels: Sequence[float]) -> NDArray[np.float64]:
    """Read any levels off the issued ones: (n, 9) -> (n, len(levels)), linear over the log odds of the level."""
    from bayescast import LEVELS

    known, asked = _log_odds(np.array(LEVELS)), _log_odds(np.array(levels))
    left = np.clip(np.searchsorted(known, asked, side="right") - 1, 0, len(known) - 2)
    share = (asked - known[left]) / (known[left + 1] - known[left])
    return np.maximum(issued[:, left] + (issued[:, left + 1] - issued[:, left]) * share, 0.0)


def _log_odds(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(level / (1.0 - level))


def _draw(path: Path, played: Replay, report: "Report", *, name: str, shown_seconds: float) -> None:
    from . import fan

    title = f"{name}: highest load of the next {played.lead * played.load.step_seconds / 60:g} minutes"
    fan.draw(
        path,
        played.load,
        played.issued,
        report,
        title=title,
        shown_seconds=shown_seconds,
        time_zone=played.spec.time_zone,
        excluded=played.excluded,
    )


def write_csv(path: Path, times: NDArray[np.float64], values: NDArray[np.float64], names: Sequence[str]) -> None:
    """Write `timestamp,q...`, one row a bucket; a quantile not yet issued is empty."""
    with path.open("w") as file:
        file.write(",".join(["timestamp", *(f"q{name}" for name in names)]) + "\n")
        for at, row in zip(times, values, strict=True):
            stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            cells = ("" if np.isnan(v) else f"{v:.10g}" for v in row)
            file.write(f"{stamp},{','.join(cells)}\n")


def _tell(
    played: Replay, report: "Report | None", moves: tuple["Move", ...], names: Sequence[str], *, as_json: bool
) -> None:
    """Print what was asked for, in JSON with the report in any case."""
    if report is not None and as_json:
        told = _plain(played, report, names) | ({"sensitivity": [asdict(move) for move in moves]} if moves else {})
        click.echo(json.dumps(told, allow_nan=False))
        return
    if report is not None:
        from .scoreboard import show

        show(report, played.diagnostics, played.spec.time_zone)
    if moves:
        from . import assumptions

        assumptions.show(moves, played.diagnostics.buckets_seen)


def _plain(played: Replay, report: "Report", names: Sequence[str]) -> dict[str, Any]:
    """Return all of it but the rows of the CSV, as JSON can hold it."""
    from bayescast.scorecard import plain

    spec, load = played.spec, played.load
    newest = at_levels(played.issued[-1:], [float(name) for name in names])[0].tolist()
    rendered: dict[str, Any] = plain(
        {
            "forecast": {
                "unit": load.unit,
                "family": played.diagnostics.family.value,
                "step_seconds": load.step_seconds,
                "lead": played.lead,
                "seasons": spec.seasons,
                "time_zone": spec.time_zone,
                "buckets": len(load.times),
                "missing": int(np.isnan(load.values).sum()),
                "events": spec.event_names,
                "excluded": tuple(map(interval_text, played.excluded)),
                "issued_at": played.end,
                "quantiles": dict(zip(names, newest, strict=True)),
            },
            "report": asdict(report),
            "diagnostics": asdict(played.diagnostics),
        }
    )
    return rendered
