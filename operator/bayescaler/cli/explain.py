"""`bayescaler explain`: a decision told to a person, the last one or one of the log; why it is not another number."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bayescaler.api import seconds
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.context import default_namespace
from bayescaler.cluster.errors import ApiError, ClusterError
from bayescaler.cluster.operator_logs import log_lines, operator_pods
from bayescaler.policy.explain import span
from bayescaler.policy.from_status import NotDecidedError, of_status
from bayescaler.policy.record import BadRecordError, read, shown
from bayescaler.policy.story import one_line, stamp, tell
from bayescaler.policy.why_not import why_not

from .decisions import CURE, DecisionLog
from .files import console_of
from .named import NotThere, find
from .place import OBJECT_NAME, place_options
from .told import as_data, as_text, show, written

Json = Mapping[str, Any]
STDIN = "-"
CLOCK = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?$")


class Moment(click.ParamType[Callable[[float], float]]):
    """RFC 3339, `-2h`, or `14:05` of the clock on the wall -> a function from now to epoch seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Callable[[float], float]:
        """Return the function; without a zone it is the time zone of this machine."""
        if callable(value):
            return value  # type: ignore[no-any-return]  # converted before
        text = str(value).strip()
        try:
            if text.startswith("-"):
                ago = seconds(text[1:])
                return lambda now: now - ago
            if CLOCK.match(text):
                at_clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
                return lambda now: _newest(at_clock.hour, at_clock.minute, at_clock.second, now)
            at = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time: give 2026-03-02T14:05:00Z, 14:05 or -2h", param, ctx)
        return lambda _: at


def _newest(hour: int, minute: int, second: int, now: float) -> float:
    """Return when the local clock last showed this time."""
    today = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=second, microsecond=0)  # noqa: DTZ006 - local
    return (today if today.timestamp() <= now else today - timedelta(days=1)).timestamp()


@click.command()
@click.argument("name", metavar="NAME|KIND/NAME", type=OBJECT_NAME)
@click.option("--at", type=Moment(), help="Decision that stood then, of the log: 2026-03-02T14:05:00Z, 14:05 or -2h.")
@click.option("--why-not", "count", type=click.IntRange(min=0), metavar="N", help="Why it is not N replicas.")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Log of the operator to read (- is stdin), as kubectl logs saves it; default with --at: of its pods.",
)
@click.option("--operator-namespace", help="Namespace of the operator's pods, whose logs --at reads; default: all.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@place_options
def explain(
    name: str,
    namespace: str | None,
    at: Callable[[float], float] | None,
    count: int | None,
    log: Path | None,
    operator_namespace: str | None,
    output: str,
    kubeconfig: str | None,
    kube_context: str | None,
) -> None:
    """Tell the last decision of a BayesianAutoscaler: what came, what is expected, why it is this number.

    NAME is the object's; deploy/NAME finds the one that sizes a Deployment. Exit code 1: not found, or not decided yet.
    """
    now = time.time()
    until = None if at is None else at(now)
    if until is not None and until > now:
        raise click.BadParameter(f"{stamp(until)} is still to come", param_hint="--at")
    if until is None and log is not None:
        until = now
    asked = Asked(name, namespace, until, log, operator_namespace, kubeconfig, kube_context)
    try:
        record, before, notes = asyncio.run(asked.answer())
        told = read(record)
    except (NotThere, NotDecidedError) as nothing:
        click.echo(f"bayescaler: {shown(nothing)}", err=True)
        sys.exit(1)
    except (ClusterError, BadRecordError) as error:
        raise click.ClickException(shown(error)) from error
    story = tell(told, now=now, asked_at=until)
    answer = None if count is None else why_not(told, count)
    if output != "text":
        more = {"before": list(before), "log": notes} if until is not None else {}
        click.echo(written(as_data(record, story, answer, **more), output), nl=False)
        return
    lines = (*(one_line(read(one)) for one in before), *notes)
    console = console_of()
    if console.is_terminal:
        show(console, story, answer, lines)
    else:
        click.echo(as_text(story, answer, lines), nl=False)


class Asked:
    """What is to be explained, and where it is found."""

    def __init__(
        self,
        name: str,
        namespace: str | None,
        until: float | None,
        log: Path | None,
        operator_namespace: str | None,
        kubeconfig: str | None,
        context: str | None,
    ) -> None:
        self._name, self._namespace, self._until, self._log = name, namespace, until, log
        self._operator_namespace, self._kubeconfig, self._context = operator_namespace, kubeconfig, context

    async def answer(self) -> tuple[Json, list[Json], list[str]]:
        """Return the record, those just before it, and notes on the log.

        Raises NotThere, NotDecidedError, ClusterError, click.UsageError.
        """
        if self._log is not None and "/" not in self._name:
            return await self._of_log(self._label(), self._file())
        async with await KubeClient.connect(self._kubeconfig, self._context) as client:
            obj = await find(client, self._place(), self._name)
            if self._until is None:
                return of_status(obj), [], []
            label = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
            return await self._of_log(label, self._file() if self._log is not None else self._pods(client))

    async def _of_log(self, label: str, lines: AsyncIterator[str]) -> tuple[Json, list[Json], list[str]]:
        assert self._until is not None  # noqa: S101 - a log is read up to an instant
        log = DecisionLog(label, self._until)
        async for line in lines:
            log.feed(line)
        reach = _reach(log)
        if log.newest is None:
            raise NotThere(f"the log has no decision of {label} at or before {stamp(self._until)}: {reach}")
        return log.newest, log.before, [reach]

    async def _pods(self, client: KubeClient) -> AsyncIterator[str]:
        failures: list[ApiError] = []
        pods = await operator_pods(client, self._operator_namespace)
        async with aclosing(log_lines(client, pods, failures)) as lines:
            async for line in lines:
                yield line
        for failure in failures:
            click.echo(f"bayescaler: warning: {shown(failure)}: its part of the log is missing", err=True)

    async def _file(self) -> AsyncIterator[str]:
        assert self._log is not None  # noqa: S101 - only then is it read
        try:
            with click.open_file(str(self._log), encoding="utf-8", errors="replace") as file:
                for line in file:
                    yield line
        except OSError as error:
            raise click.ClickException(f"{self._log} cannot be read: {error.strerror or error}") from error

    def _place(self) -> str:
        return self._namespace or default_namespace(self._kubeconfig, self._context)

    def _label(self) -> str:
        """Return namespace/name; a log can be read without any cluster, so that none need be configured."""
        try:
            return f"{self._place()}/{self._name}"
        except ClusterError:
            return f"default/{self._name}"


def _reach(log: DecisionLog) -> str:
    """Say how far back a log goes, and what comes next."""
    if log.first is None or log.last is None:
        return f"none of its {log.lines} lines is a JSON record; {CURE}"
    told = f"the log reaches from {stamp(log.first)} to {stamp(log.last)}"
    if log.records == 0:
        return f"{told} and holds no decision at all; {CURE}"
    if log.next_at is not None:
        told += f"; the next decision of it is of {stamp(log.next_at)}, {span(log.next_at - log.until)} after"
    return told
