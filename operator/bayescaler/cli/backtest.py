"""`bayescaler backtest`: what a manifest would have done to a load that was, judged beside what there is."""

import json
import shlex
import sys
from math import ceil, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescaler.control.settings import Settings
from bayescaler.control.translate import Intent
from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import Trace, TraceError, Unit

from . import played
from .files import check_installed, check_picture, check_places, whole_files
from .fleet import fleet_options
from .load import Instant, Interval, Origin, bar, keep_option
from .manifest import manifest_text, read_intent
from .options import DURATION, PRICE
from .played import COMPARED, STARTUP
from .suggest import suggest_options

if TYPE_CHECKING:
    from bayescaler.replay.backtest import Backtest, Case
    from bayescaler.replay.startup import StartUp

NOWHERE = "http://localhost:9090"  # of manifests that name no server, when none is asked
_UNITS: dict[str, Unit] = {"Rate": "rate", "Count": "count", "Gauge": "gauge"}
MOST_CONCURRENCY = 10_000  # beyond it nobody waits by chance
OTHER_STARTUPS = (15.0, 60.0, 180.0, 600.0)  # seconds: what if pods started as quickly or as slowly
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--manifest", type=_FILE, help="The BayesianAutoscaler to try.")
@click.option("--trace", type=_FILE, help="CSV or Parquet: timestamp,value.")
@click.option(
    "--unit",
    type=click.Choice(["count", "rate", "gauge"]),
    help="Of the trace's values: per bucket, per second, or a level. Default: that of spec.load.kind.",
)
@click.option("--prometheus", metavar="URL", help="Replay spec.load's query on this Prometheus instead of a trace.")
@click.option(
    "--auth",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the keys of an authRef Secret as files: token, username, password, ca.crt, ...",
)
@click.option("--from", "since", type=Instant(), help="First bucket: -14d (default), ISO 8601 or epoch.")
@click.option("--to", "until", type=Instant(), help="End of the last bucket; default: now.")
@keep_option
@click.option(
    "--exclude",
    type=Interval(),
    multiple=True,
    help="Time whose load is not to be known, such as a load test: 2026-03-01T10:00Z/PT2H. May be given again.",
)
@click.option(
    "--startup",
    type=STARTUP,
    default="60s",
    show_default=True,
    help="From wanting a pod to a ready one: 60s, uniform(30s,90s) or lognormal(60s,120s), its median and P90.",
)
@click.option("--lag", type=DURATION, default="15s", show_default=True, help="After its end, when a bucket is known.")
@click.option("--interval", type=DURATION, default="15s", show_default=True, help="Time between two decisions.")
@click.option("--min-history", type=DURATION, help="First part that is only learned from; default: half.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the start-up times that are drawn.")
@click.option(
    "--compare", type=COMPARED, default="hpa", show_default=True, help="Baselines to replay beside, by name; or all."
)
@click.option("--replica-hour", type=PRICE, default=1.0, show_default=True, help="Its price.")
@click.option(
    "--overload-hour",
    type=PRICE,
    default=0.0,
    show_default=True,
    help="What an hour costs in which load exceeds what the ready pods serve.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, MOST_CONCURRENCY),
    help="Requests that a pod serves at a time: to judge by waits too, as if nothing were lost. For rates and counts.",
)
@click.option("--decisions", type=_FILE, help="CSV to write: timestamp,load,demand,desired_replicas,limiter.")
@click.option("--json", "as_json", type=_FILE, help="All figures, to write as JSON.")
@click.option("--report", type=_FILE, help="HTML to write: verdict, timeline, frontier, worst moments; one file.")
@click.option("--plot", type=_FILE, help="Picture to draw: load, replicas, frontier.")
@fleet_options
@suggest_options
def backtest(
    manifest: Path,
    startup: "StartUp",
    lag: float,
    interval: float,
    min_history: float | None,
    seed: int,
    compare: tuple[str, ...],
    replica_hour: float,
    overload_hour: float,
    concurrency: int | None,
    decisions: Path | None,
    as_json: Path | None,
    report: Path | None,
    plot: Path | None,
    **source: Any,
) -> None:
    """Replay a load through the code that runs in the cluster, and judge it beside an HPA and others.

    The load is that of a trace, or the manifest's own query on a Prometheus. Everybody knows a bucket of load only
    after its end and a lag; pods take their start-up time and are paid for meanwhile.
    """
    check_places(
        {"--decisions": decisions, "--json": as_json, "--report": report, "--plot": plot},
        given={"--manifest": manifest, "--trace": source["trace"], "--keep": source["keep"]},
    )
    if plot is not None:
        check_picture(plot)
    if report is not None:
        check_installed("jinja2")
    settings = Settings(
        default_server_address=source["prometheus"] or NOWHERE,
        interval_seconds=interval,
        metric_lag_seconds=lag,
        startup_seconds=startup.quantile(0.9),
    )
    name, intent = read_intent(manifest, settings)
    asked = origin_of(intent, **source)
    from bayescaler.replay.backtest import backtest as run
    from bayescaler.replay.judgement import Prices
    from bayescast import BayescastError

    with bar() as progress:
        try:
            load = asked.read(progress)
            case = case_of(
                name, intent, load, settings, startup, min_history=min_history, seed=seed, concurrency=concurrency
            )
            task = progress.add_task("", total=None)
            prices = Prices(replica_hour, overload_hour)
            found = run(case, compare, prices, told=lambda part: progress.update(task, description=part))
        except (TraceError, SourceError, BayescastError, ValueError) as error:
            raise click.ClickException(str(error)) from error
        progress.add_task("writing", total=None)
        with whole_files(decisions, as_json, report, plot) as places:
            _write(found, *places, trace_name=str(asked), manifest=manifest)
    from .verdict import show

    show(found)


def origin_of(
    intent: Intent,
    trace: Path | None,
    unit: Unit | None,
    prometheus: str | None,
    auth: Path | None,
    exclude: tuple[tuple[float, float], ...],
    **when: Any,
) -> Origin:
    """Say where the load comes from; click.UsageError names options that do not fit together."""
    kind = _UNITS[str(intent.forecast.kind.value).capitalize()]
    if (trace is None) == (prometheus is None):
        raise click.UsageError("give either --trace or --prometheus")
    given = {name: value for name, value in when.items() if value is not None}
    if trace is not None:
        for option in (*given, *(["auth"] if auth else [])):
            names = {"since": "from", "until": "to"}
            raise click.UsageError(f"--{names.get(option, option)} goes with --prometheus, not with --trace")
        return Origin(unit or kind, trace=trace, exclude=exclude)
    if unit is not None:
        raise click.UsageError("--unit goes with --trace: of a query, spec.load.kind tells it")
    given = {"since": lambda now: now - 14 * 86400.0} | given
    query = intent.query
    return Origin(
        kind, prometheus=prometheus, query=query.query, step=query.step_seconds, auth=auth, exclude=exclude, **given
    )


def case_of(
    name: str,
    intent: Intent,
    load: Trace,
    settings: Settings,
    startup: "StartUp",
    *,
    min_history: float | None = None,
    seed: int = 0,
    concurrency: int | None = None,
) -> "Case":
    """Put a manifest on a load; ValueError says why that cannot be.

    A count is divided by its step to a rate; the forecaster is fed what the manifest's query would give.
    """
    from bayescaler.replay.backtest import Case
    from bayescaler.replay.scenario import Scenario

    step = intent.forecast.step_seconds
    if isnan(intent.policy.capacity):
        raise ValueError(
            "spec.capacity.perReplica is not given, and a replay has no utilisation to learn it from: give what a "
            "replica serves"
        )
    if load.step_seconds != step:
        raise ValueError(
            f"the load's buckets are {load.step_seconds:g} s wide, spec.load.step is {step:g} s: give them one width"
        )
    if (load.unit == "gauge") != (intent.forecast.kind.value == "gauge"):
        raise ValueError(
            f"the load is a {load.unit}, spec.load.kind {intent.forecast.kind.value.capitalize()}: "
            "a gauge is no rate; correct --unit or the manifest"
        )
    scenario = Scenario(
        loads=load.values / step if load.unit == "count" else load.values,
        step_seconds=step,
        capacity=intent.policy.capacity,
        start=float(load.times[0]),
        lag_seconds=settings.metric_lag_seconds,
        interval_seconds=settings.interval_seconds,
        min_replicas=intent.policy.min_replicas,
        max_replicas=intent.policy.max_replicas,
        start_up=startup,
        learned_buckets=None if min_history is None else ceil(min_history / step - 1e-9),
        seed=seed,
    )
    if concurrency is not None and load.unit == "gauge":
        raise ValueError("--concurrency goes with a rate or a count of requests: of a gauge nothing waits")
    return Case(name, intent.policy, intent.forecast, scenario, intent.scale, concurrency)


def _write(
    found: "Backtest",
    decisions: Path | None,
    as_json: Path | None,
    report: Path | None,
    plot: Path | None,
    *,
    trace_name: str,
    manifest: Path,
) -> None:
    """Write what was asked for."""
    if decisions is not None:
        played.write_csv(decisions, found.decided)
    if as_json is not None:
        text = json.dumps(played.plain(found), allow_nan=False, indent=1)
        as_json.write_text(text + "\n", encoding="utf-8")
    if report is not None:
        from bayescaler.replay.report.opposite import what_if
        from bayescaler.replay.report.page import render

        page = render(
            found,
            manifest=manifest_text(manifest),
            trace_name=trace_name,
            command=shlex.join(["bayescaler", *sys.argv[1:]]),
            startups=what_if(found.case, OTHER_STARTUPS),
        )
        report.write_text(page, encoding="utf-8")
    if plot is not None:
        from . import timeline

        timeline.draw(plot, found, title=f"{found.case.name}: {trace_name}")
