"""`bayescaler backtest --all`: every workload of a folder or of a cluster, and what each would gain or lose."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bayescaler.control.settings import Settings

from .files import check_places
from .options import typed

if TYPE_CHECKING:
    from bayescaler.replay.fleet import Row

    from .journal import Journal
    from .trial import Job, LeftOut, Options
    from .workloads import Found

Command = TypeVar("Command", bound=Callable[..., Any])

CLUSTER = ""  # the folder that --all without one is
OF_ALL = ("table", "resume", "dask", "workers", "utilization", "namespace", "kubeconfig", "kube_context")
SHARED = (
    "unit", "prometheus", "auth", "since", "until", "exclude", "startup", "lag", "interval", "min_history", "seed",
    "replica_hour", "overload_hour", "as_json",
)  # fmt: skip
SECONDS_OF_HISTORY = 14 * 86400.0
NOWHERE = "http://localhost:9090"  # of manifests that name no server, when none is asked
_FILE = click.Path(dir_okay=False, path_type=Path)


def fleet_options(command: Command) -> Command:
    """Add `--all` and what goes with it; without `--all` the command itself is called, as if they were not there."""

    @wraps(command)
    def either(**given: Any) -> None:
        own = {name: given.pop(name) for name in ("everything", *OF_ALL)}
        if own["everything"] is None:
            for option in typed(OF_ALL):
                raise click.UsageError(f"{option} goes with --all")
            if given["manifest"] is None:
                raise click.UsageError("give --manifest, or --all for a folder or a cluster")
            command(**given)
            return
        for option in typed(set(given) - set(SHARED)):
            raise click.UsageError(f"{option} is of one workload, and does not go with --all")
        backtest_all(**own, **{name: given[name] for name in SHARED})

    options: Any = either
    for option in reversed(_OPTIONS):
        options = option(options)
    return options  # type: ignore[no-any-return]  # click's decorators keep what they are given


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--all",
        "everything",
        is_flag=False,
        flag_value=CLUSTER,
        metavar="[DIR]",
        help="Every workload of a folder of manifests, each with its trace of the same name beside it; or, "
        "without DIR, of the cluster, with --prometheus. HorizontalPodAutoscalers and ScaledObjects count.",
    ),
    click.option("--csv", "table", type=_FILE, help="With --all: the table, to write as CSV."),
    click.option(
        "--resume",
        type=_FILE,
        help="With --all: file that keeps what is done; the same command goes on where it ended.",
    ),
    click.option("--workers", type=click.IntRange(min=1), help="With --all: processes; default: one a core."),
    click.option("--dask", metavar="ADDRESS", help="With --all: scheduler of a dask cluster that does the work."),
    click.option(
        "--target-utilization",
        "utilization",
        type=click.FloatRange(0, 1, min_open=True),
        default=0.7,
        show_default=True,
        help="With --all: what share of what a pod serves an HPA's or ScaledObject's target is, where that is no "
        "utilization but a number.",
    ),
    click.option("-n", "--namespace", multiple=True, help="With --all: of the cluster; repeat it. Default: all."),
    click.option("--kubeconfig", type=click.Path(dir_okay=False), help="With --all: default as kubectl's."),
    click.option("--context", "kube_context", help="With --all: context of the kubeconfig."),
)


def backtest_all(
    everything: str,
    table: Path | None,
    resume: Path | None,
    dask: str | None,
    workers: int | None,
    as_json: Path | None,
    namespace: tuple[str, ...],
    kubeconfig: str | None,
    kube_context: str | None,
    **asked: Any,
) -> None:
    """Replay all workloads there are, beside what each has; print and write what came of it."""
    check_places({"--csv": table, "--json": as_json, "--resume": resume})
    found = _found(everything, asked, kubeconfig, kube_context, namespace)
    from .journal import journal
    from .standing import show, write
    from .workers import cores, on_cores, on_dask

    with journal(resume, now=time.time()) as kept:
        options = options_of(now=kept.now, **asked)

        def work(jobs: Iterable["Job"]) -> Iterator[tuple["Job", "Row | LeftOut"]]:
            return on_cores(jobs, workers or cores()) if dask is None else on_dask(jobs, dask)

        try:
            rows, left_out = _all(found, options, kept, work)
        except KeyboardInterrupt:
            cure = "; the same command goes on from there" if resume else ": with --resume FILE they would be kept"
            click.echo(f"bayescaler: {len(kept.done)} workloads were done{cure}", err=True)
            raise
    write(rows, left_out, options.prices, table=table, as_json=as_json)
    show(rows, left_out, options.prices)
    if not rows:
        raise click.ClickException("there is no workload that could be replayed")


def options_of(
    *,
    now: float,
    startup: Any,
    lag: float,
    interval: float,
    replica_hour: float,
    overload_hour: float,
    since: Callable[[float], float] | None,
    until: Callable[[float], float] | None,
    prometheus: str | None,
    **same: Any,
) -> "Options":
    """Return what holds for all workloads, every time of it fixed at `now` (epoch seconds)."""
    from bayescaler.replay.judgement import Prices

    from .trial import Options

    settings = Settings(
        default_server_address=prometheus or NOWHERE,
        interval_seconds=interval,
        metric_lag_seconds=lag,
        startup_seconds=startup.quantile(0.9),
    )
    return Options(
        settings=settings,
        start_up=startup,
        prices=Prices(replica_hour, overload_hour),
        prometheus=prometheus,
        since=since(now) if since else now - SECONDS_OF_HISTORY,
        until=until(now) if until else now,
        **same,
    )


def _found(
    folder: str, asked: dict[str, Any], kubeconfig: str | None, context: str | None, namespaces: tuple[str, ...]
) -> "list[Found]":
    """Look for workloads; click.UsageError names options that do not fit together."""
    from .workloads import in_cluster, in_folder

    if folder == CLUSTER:
        if asked["prometheus"] is None:
            raise click.UsageError("--all of a cluster needs --prometheus; of a folder, name it: --all DIR")
        if asked["unit"] is not None:
            raise click.UsageError("--unit goes with --all DIR: of a query, spec.load.kind tells it")
        return in_cluster(kubeconfig, context, namespaces)
    options = {"prometheus": "prometheus", "auth": "auth", "since": "from", "until": "to"}
    for name, option in options.items():
        if asked[name] is not None:
            raise click.UsageError(f"--{option} goes with --all of a cluster, not with --all DIR")
    if kubeconfig or context or namespaces:
        raise click.UsageError("--kubeconfig, --context and --namespace go with --all of a cluster, not with --all DIR")
    if not Path(folder).is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="--all")
    return in_folder(Path(folder))


def _all(
    found: "list[Found]",
    options: "Options",
    kept: "Journal",
    work: Callable[[Iterable["Job"]], Iterator[tuple["Job", "Row | LeftOut"]]],
) -> "tuple[list[Row], list[LeftOut]]":
    """Replay what is not done yet, and return all answers."""
    from .trial import Job, LeftOut, Workload

    left_out = [one for one in found if isinstance(one, LeftOut)]
    workloads = [one for one in found if isinstance(one, Workload)]
    rows: list[Row] = []
    with _bar() as progress:
        task = progress.add_task("replaying", total=len(workloads))

        def undone() -> Iterator[Job]:
            for workload in workloads:
                try:
                    job = Job.of(workload, options)
                except OSError as error:
                    left_out.append(LeftOut(workload.name, f"{workload.trace} cannot be read: {error.strerror}"))
                    progress.advance(task)
                    continue
                if job.digest in kept.done:
                    rows.append(kept.done[job.digest])
                    progress.advance(task)
                else:
                    yield job

        for job, answer in work(undone()):
            if isinstance(answer, LeftOut):
                left_out.append(answer)
            else:
                kept.add(job.digest, answer)
                rows.append(answer)
            progress.advance(task)
    return rows, left_out


def _bar() -> Progress:
    """Return a bar on standard error that says how long it will take, and is silent off a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
