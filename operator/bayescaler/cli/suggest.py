"""`bayescaler backtest --suggest`: the manifest for a stated aim, and what it did where it was not chosen."""

import copy
import json
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml
from rich.table import Table

from bayescaler.api import SpecError, duration_text, parse_spec
from bayescaler.control.settings import Settings
from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import TraceError

from .files import check_places, console_of, whole_files
from .load import bar
from .manifest import read_intent, read_manifest
from .options import typed

if TYPE_CHECKING:
    from bayescaler.replay.judgement import Interval
    from bayescaler.replay.suggest import Aim, Figures, Setting, Suggestion

Command = TypeVar("Command", bound=Callable[..., Any])

SHARED = (
    "manifest", "trace", "keep", "unit", "prometheus", "auth", "since", "until", "exclude", "startup", "lag",
    "interval", "min_history", "seed", "replica_hour", "overload_hour", "as_json",
)  # fmt: skip
COMMENT_WIDTH = 110
NOWHERE = "http://localhost:9090"  # of manifests that name no server, when none is asked


class AimText(click.ParamType["Aim"]):
    """`short<=1%` or `cheapest` -> an aim."""

    name = "aim"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Aim":
        """Return the aim."""
        from bayescaler.replay import suggest

        if isinstance(value, suggest.Aim):
            return value
        try:
            return suggest.aim(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def suggest_options(command: Command) -> Command:
    """Add `--suggest` and `--out`; without `--suggest` the command itself is called, as if they were not there."""

    @wraps(command)
    def either(suggest: "Aim | None", out: Path | None, **given: Any) -> None:
        if suggest is None:
            if out is not None:
                raise click.UsageError("--out goes with --suggest")
            command(**given)
            return
        for option in typed(set(given) - set(SHARED)):
            raise click.UsageError(f"{option} does not go with --suggest: run it on the manifest that is suggested")
        backtest_suggest(suggest, out, **{name: given[name] for name in SHARED})

    options: Any = click.option(
        "--suggest",
        type=AimText(),
        metavar="AIM",
        help='Quantile, buffer, horizon and behavior for an aim: "short<=1%", the fewest replicas with at most so much '
        'of the time short, or "cheapest", with --overload-hour. Chosen on one part of the load, shown on the next.',
    )(either)
    return click.option(  # type: ignore[no-any-return]  # click's decorators keep what they are given
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        help="With --suggest: file to write the manifest to, not stdout.",
    )(options)


def backtest_suggest(
    wanted: "Aim",
    out: Path | None,
    *,
    manifest: Path,
    startup: Any,
    lag: float,
    interval: float,
    min_history: float | None,
    seed: int,
    replica_hour: float,
    overload_hour: float,
    as_json: Path | None,
    **source: Any,
) -> None:
    """Search for the settings, say what was found, and write the manifest."""
    given_files = {"--manifest": manifest, "--trace": source["trace"], "--keep": source.get("keep")}
    check_places({"--out": out, "--json": as_json}, given=given_files)
    settings = Settings(
        default_server_address=source["prometheus"] or NOWHERE,
        interval_seconds=interval,
        metric_lag_seconds=lag,
        startup_seconds=startup.quantile(0.9),
    )
    name, intent = read_intent(manifest, settings)
    given = read_manifest(manifest)
    from bayescaler.replay.judgement import Prices
    from bayescaler.replay.suggest import suggest
    from bayescast import BayescastError

    from .backtest import case_of, origin_of

    asked = origin_of(intent, **source)
    with bar() as progress:
        try:
            load = asked.read(progress)
            case = case_of(name, intent, load, settings, startup, min_history=min_history, seed=seed)
            progress.add_task("searching", total=None)
            found = suggest(case, wanted, Prices(replica_hour, overload_hour))
        except (TraceError, SourceError, BayescastError, ValueError) as error:
            raise click.ClickException(str(error)) from error
    told = sentences(found)
    text = suggested(given, found, told, step_seconds=case.scenario.step_seconds)
    with whole_files(out, as_json) as (place, data):
        if place is not None:
            place.write_text(text, encoding="utf-8")
        if data is not None:
            data.write_text(_json(found), encoding="utf-8")
    # The manifest alone goes to standard output, so that it can be piped.
    console = console_of(stderr=out is None)
    console.print(_table(found))
    for line in told:
        console.print(line, markup=False)
    if out is None:
        click.echo(text, nl=False)


def sentences(found: "Suggestion") -> list[str]:
    """Return what was found in plain words: the choice and why, what it did on the rest, what stands in the way."""
    chosen, given, aim = found.chosen, found.given, found.aim
    tried = f"{found.tried} settings tried on {found.first_seconds / 86400:.3g} days"
    learned = f"after {found.learned_seconds / 86400:.3g} learned from"
    least = "cost least" if aim.short is None else f"needed the fewest replica-hours of those with {aim}"
    if found.reached:
        line = f"Of {tried}, {learned}, {words(found.setting)} {least}: {_figures(chosen.first)}"
    else:
        line = (
            f"None of {tried}, {learned}, reaches {aim}: the best there is, {words(found.setting)}, "
            f"was {_figures(chosen.first)}"
        )
    verdict = "" if aim.short is None else ", within the aim" if found.held else ", beyond the aim"
    rest = f"On the {found.rest_seconds / 86400:.3g} days after them, which the choice has not seen"
    sure = f"95 %: {_interval(chosen.rest.interval)}"
    lines = [
        f"{line}; as the manifest is: {_figures(given.first)}.",
        f"{rest}: {_figures(chosen.rest)}{verdict} ({sure}); as the manifest is: {_figures(given.rest)}.",
    ]
    if chosen.first.at_max > 0:
        reached = f"maxReplicas is reached {chosen.first.at_max:.2%} of the time"
        lines.append(f"{reached}: a higher one may leave less time short.")
    return lines


def words(setting: "Setting") -> str:
    """Return a setting in words."""
    down = f"scaling down after {duration_text(setting.window_seconds)} and beyond a tolerance of {setting.tolerance:g}"
    aim = "the objective as it is" if setting.quantile is None else f"quantile {setting.quantile:g}"
    return f"{aim} with buffer {setting.buffer:g}, {setting.lead} buckets ahead, {down}"


def suggested(given: Mapping[str, Any], found: "Suggestion", told: list[str], *, step_seconds: float) -> str:
    """Return the manifest with what changes, under comments that say why; SpecError would be a fault of ours."""
    changes = changed(found, step_seconds)
    manifest: dict[str, Any] = copy.deepcopy(dict(given))
    for path, value in changes.items():
        *above, field = path.split(".")
        place = manifest
        for part in above:
            below = place.get(part)
            place[part] = place = dict(below) if isinstance(below, Mapping) else {}
        place[field] = value
    if "spec.objective.quantile" in changes:  # it takes their place
        for other in ("risk", "costs"):
            manifest["spec"]["objective"].pop(other, None)
    try:
        parse_spec(manifest)
    except SpecError as error:
        raise click.ClickException(f"what is suggested cannot be applied: {error}") from error
    names = ", ".join(f"{path} {value}" for path, value in changes.items()) or "nothing"
    head = [f"Suggested by `bayescaler backtest --suggest` for the aim {found.aim}.", f"Changed: {names}.", *told]
    body = yaml.safe_dump(manifest, sort_keys=False, width=float("inf"), allow_unicode=True)
    wrapped = (part for line in head for part in textwrap.wrap(line, COMMENT_WIDTH, break_on_hyphens=False))
    return "".join(f"# {line}\n" for line in wrapped) + body


def changed(found: "Suggestion", step_seconds: float) -> dict[str, Any]:
    """Return the fields that are other than they were, by path."""
    new = _fields(found.setting, step_seconds)
    was: Any = found.given.setting
    old = _fields(was, step_seconds)
    return {path: value for path, value in new.items() if value != old[path]}


def _fields(setting: "Setting", step_seconds: float) -> dict[str, Any]:
    down = "spec.behavior.scaleDown"
    return {
        "spec.objective.quantile": setting.quantile,
        "spec.objective.buffer": setting.buffer,
        "spec.forecast.horizon": duration_text(setting.lead * step_seconds),
        f"{down}.stabilizationWindowSeconds": round(setting.window_seconds),
        f"{down}.tolerance": setting.tolerance,
    }


def _table(found: "Suggestion") -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "setting"):
        table.add_column(name, no_wrap=True)
    for name in ("short", "95 %", "replica-h", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = {"suggested": found.chosen, "as it is": found.given, f"HPA at {found.hpa.setting:.0%}": found.hpa}
    parts = (("chosen on", found.first_seconds, "first"), ("shown on", found.rest_seconds, "rest"))
    for part, seconds, field in parts:
        for name, one in rows.items():
            head = f"{part} {seconds / 86400:.3g} days" if one is found.chosen else ""
            table.add_row(head, name, *_cells(getattr(one, field)))
    return table


def _cells(one: "Figures") -> tuple[str, str, str, str]:
    low, high = one.interval.low, one.interval.high
    span = "few days" if math.isnan(low) else f"{100 * low:.2f}-{100 * high:.2f}"
    return f"{one.short:.2%}", span, f"{one.pod_hours:,.0f}", f"{one.cost:,.0f}"


def _figures(one: "Figures") -> str:
    return f"short {one.short:.2%} of the time at {one.pod_hours:,.0f} replica-hours"


def _interval(one: "Interval") -> str:
    return "too few days to say" if math.isnan(one.low) else f"{one.low:.2%} to {one.high:.2%}"


def _json(found: "Suggestion") -> str:
    from bayescast.scorecard import plain

    rendered = asdict(found) | {"aim": str(found.aim), "reached": found.reached, "held": found.held}
    return json.dumps(plain(rendered), allow_nan=False, indent=1) + "\n"
