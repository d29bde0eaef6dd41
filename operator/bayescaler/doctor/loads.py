"""Asking a Prometheus about the load of one object: reach, clock, what the query selects, and its past."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayescaler.api import Spec
from bayescaler.policy.conditions import cure_of
from bayescaler.policy.explain import span
from bayescaler.policy.reasons import Health
from bayescaler.sources.allow import AllowList
from bayescaler.sources.auth import NO_AUTH, Auth
from bayescaler.sources.catalogue import Catalogue, falls, scrape_seconds
from bayescaler.sources.port import LoadQuery, Series, SourceError
from bayescaler.sources.prometheus import PrometheusSource

from .clocks import check_clock
from .finding import Finding, Level, Topic
from .history import Past, check_history, check_room
from .promql import Selector, selectors
from .query import Held, check_query, nearest_label, nearest_metric, nearest_value

RECENT_SECONDS = 3600.0
PIECE_BUCKETS = 1440  # a request: small enough for a bar that moves
SLOW_SECONDS, LATE_SECONDS = 1.0, 5.0  # the operator's tick waits no longer than the second
MOST_SELECTORS = 8
LAG_SECONDS = 15.0
QUERY_FIELD = "spec.load.prometheus.query"
TIMEOUT_SECONDS = 30.0

Moved = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A Prometheus to ask, and with what; `given` says that the reader named it, not the object."""

    address: str
    auth: Auth = NO_AUTH
    given: bool = False


async def check_server(server: Server, *, clock: Callable[[], float]) -> list[Finding]:
    """Judge reach, time of an answer, and clock of a Prometheus."""
    try:
        catalogue = Catalogue(server.address, server.auth, timeout_seconds=TIMEOUT_SECONDS)
        before = clock()
        theirs, took = await asyncio.to_thread(catalogue.clock)
        ours = 0.5 * (before + clock())
        catalogue.close()
    except SourceError as error:
        return [unreachable(server, error)]
    ahead = theirs - ours
    return [_answers(server.address, took), *check_clock(f"Prometheus {server.address}", ahead, 0.5 * took)]


def unreachable(server: Server, error: SourceError) -> Finding:
    """Return the finding of a server that could not be asked; from a desk that says little of the operator's way."""
    cure = cure_of(error.reason)
    if error.silent and not server.given:
        what = f"it cannot be reached from here, which says nothing of the operator: {error}"
        cure = "kubectl port-forward it, and give --prometheus http://localhost:9090"
        return Finding(Level.WARNING, Topic.PROMETHEUS, server.address, what, cure)
    return Finding(Level.ERROR, Topic.PROMETHEUS, server.address, str(error), cure)


def _answers(address: str, took: float) -> Finding:
    told = f"it answers within {took * 1000.0:.0f} ms"
    if took > SLOW_SECONDS:
        return Finding(Level.WARNING, Topic.PROMETHEUS, address, told, "look at its load, and at the network between")
    return Finding(Level.OK, Topic.PROMETHEUS, address, told)


async def check_load(server: Server, spec: Spec, capacity: float | None, *, now: float, moved: Moved) -> list[Finding]:
    """Judge the query of a spec and its past; `capacity` is the low load of a replica, if it is known.

    `moved(what, share)` is told how far it is.
    """
    found = []
    try:
        held = await asyncio.to_thread(_held_of_all, server, spec, now)
        found += check_query(held, spec.load.kind, spec.load.step.seconds)
        past, more = await _past(server, spec, now, moved)
    except SourceError as error:
        return [*found, Finding(Level.ERROR, Topic.QUERY, QUERY_FIELD, str(error), cure_of(error.reason))]
    if not len(past.seen) and any(one.level is Level.ERROR for one in found):
        return found  # why there is no load is told already
    found += more
    found += check_history(past, [one.seconds for one in spec.forecast.seasons], spec.forecast.time_zone)
    if capacity is not None and capacity > 0.0:
        found += check_room(past, spec.max_replicas, capacity)
    return found


def _held_of_all(server: Server, spec: Spec, now: float) -> list[Held]:
    catalogue = Catalogue(server.address, server.auth, timeout_seconds=TIMEOUT_SECONDS)
    try:
        asked = dict.fromkeys(selectors(spec.load.prometheus.query))
        since = now - spec.forecast.history.seconds
        return [_held(catalogue, one, since, now) for one in list(asked)[:MOST_SELECTORS] if one.metric]
    finally:
        catalogue.close()


def _held(catalogue: Catalogue, selector: Selector, since: float, now: float) -> Held:
    """Read what there is of a selector; of a server that holds none of it, what comes nearest."""
    samples = catalogue.newest(selector.text, RECENT_SECONDS)
    kind = catalogue.kind(selector.metric)
    if samples:
        return Held(selector, len(samples), kind, scrape_seconds(samples), falls(samples))
    if catalogue.labels(selector.text, since=since):
        older = catalogue.newest(selector.text, now - since)
        last = max((float(times[-1]) for times, _ in older if len(times)), default=since)
        return Held(selector, 0, kind, last_seconds=now - last)
    return Held(selector, 0, kind, near=_near(catalogue, selector, since))


def _near(catalogue: Catalogue, selector: Selector, since: float) -> str:
    """Return what differs from what there is: the metric's name, a label, or a label's value."""
    labels = catalogue.labels(selector.metric, since=since)
    if not labels:
        return nearest_metric(selector.metric, catalogue.values("__name__", since=since))
    for matcher in selector.matchers:
        if matcher.label not in labels and matcher.operator == "=" and matcher.value:
            return nearest_label(matcher, labels)
        values = catalogue.values(matcher.label, selector.metric, since=since) if matcher.operator == "=" else []
        if values and matcher.value not in values:
            return nearest_value(matcher, values)
    return "each label has what is asked for, but no one series all of it: leave a matcher out to see which"


async def _past(server: Server, spec: Spec, now: float, moved: Moved) -> tuple[Past, list[Finding]]:
    """Read the history piece by piece, the newest bucket first: it is what the operator reads at every tick."""
    step, query = spec.load.step.seconds, spec.load.prometheus.query
    until = now - LAG_SECONDS
    key = None if server.auth is NO_AUTH else "auth"
    asked = LoadQuery("doctor", query, step, server.address, auth_key=key)
    source = PrometheusSource(
        allow_list=AllowList((server.address,), setting="--prometheus"),
        auth_for=lambda _: server.auth,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    try:
        began = time.perf_counter()
        newest = await source.read(asked, start=until - 4.0 * step, end=until, now=until)
        found = [*_fresh(newest), *_latency(time.perf_counter() - began)]
        pieces: list[Series] = []
        starts = np.arange(until - spec.forecast.history.seconds - step, until, PIECE_BUCKETS * step).tolist()
        for place, start in enumerate(starts):
            moved(f"reading {span(spec.forecast.history.seconds)} of load", place / len(starts))
            end = min(start + PIECE_BUCKETS * step, until)
            pieces.append(await source.read(asked, start=start, end=end, now=until))
    finally:
        await source.close()
    remarks = dict.fromkeys(remark for piece in pieces for remark in piece.warnings)
    for remark in remarks:
        cure = "read it as a remark of the server on the query, or mend what it names"
        found.append(Finding(Level.WARNING, Topic.QUERY, QUERY_FIELD, remark, cure))
    times = np.concatenate([piece.times for piece in pieces])
    values = np.concatenate([piece.values for piece in pieces])
    scale = step if spec.load.kind == "Count" else 1.0
    return Past(times, values / scale, step, spec.forecast.history.seconds), found


def _fresh(newest: Series) -> list[Finding]:
    if newest.health is Health.LIVE:
        return []
    where, what = QUERY_FIELD, f"load is {newest.health.value.lower()} now: {newest.message}"
    return [Finding(Level.ERROR, Topic.QUERY, where, what, cure_of(f"Load{newest.health.value}"))]


def _latency(took: float) -> list[Finding]:
    if took <= SLOW_SECONDS:
        return []
    where = QUERY_FIELD
    level = Level.ERROR if took > LATE_SECONDS else Level.WARNING
    what = f"its newest buckets take {took:.1f} s; a tick waits {LATE_SECONDS:g} s"
    return [Finding(level, Topic.PROMETHEUS, where, what, "record it by a recording rule, and query that")]
