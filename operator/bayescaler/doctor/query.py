"""Does a query give a load? Judged by its text, and by what Prometheus holds of the series that it selects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bayescaler.policy.explain import span

from .finding import Finding, Level, Topic
from .promql import Matcher, Selector

COUNTER_ENDINGS = ("_total", "_count", "_sum", "_bucket")
NEAREST = 3
SMOOTHED_STEPS = 2.0
WINDOW_SHARE = 0.97  # of two scrapes: what the estimate of their distance may be off by
LEAST_WORD = 3


@dataclass(frozen=True, slots=True)
class Held:
    """What Prometheus holds of a selector.

    `series` with a sample of late, `kind` as its metadata says ("" unknown), `scrape_seconds` between two samples,
    `falls` whether a value went down other than to about zero (None: not known), `last_seconds` ago the newest sample
    was taken, where there is none of late but was. Where there never was one, `near` names what there is instead.
    """

    selector: Selector
    series: int
    kind: str = ""
    scrape_seconds: float | None = None
    falls: bool | None = None
    last_seconds: float | None = None
    near: str = ""

    @property
    def counter(self) -> bool:
        """Whether it is a counter, by its metadata, or by its name and that it never fell."""
        ends = self.selector.metric.endswith(COUNTER_ENDINGS)
        if self.kind in {"", "unknown"}:
            return ends and not self.falls
        return self.kind == "counter" or (self.kind in {"histogram", "summary"} and ends)

    @property
    def gauge(self) -> bool:
        """Whether it is none."""
        return self.kind == "gauge" or bool(self.falls and self.kind in {"", "unknown"})


Rule = Callable[[Held, str, float], Iterator[Finding]]


def check_query(held: Sequence[Held], kind: str, step_seconds: float) -> list[Finding]:
    """Judge each selector of a query, for `load.kind` and `load.step`."""
    found = [finding for one in held for rule in RULES for finding in rule(one, kind, step_seconds)]
    if found or not held:
        return found
    return [Finding(Level.OK, Topic.QUERY, one.selector.text, _well(one)) for one in held]


def _well(one: Held) -> str:
    scraped = "" if one.scrape_seconds is None else f", scraped every {span(one.scrape_seconds)}"
    return f"{one.series} series{scraped}"


def _there(one: Held, *_: object) -> Iterator[Finding]:
    if one.series:
        return
    where = one.selector.text
    if one.last_seconds is not None:
        what = f"no series of late, the newest sample is {span(one.last_seconds)} old"
        cure = "see whether its targets are up (Status, Targets in Prometheus' UI), and whether the labels changed"
        yield Finding(Level.ERROR, Topic.QUERY, where, what, cure)
    else:
        yield Finding(Level.ERROR, Topic.QUERY, where, "no series match it", one.near or "try it in Prometheus' UI")


def _rated(one: Held, _: str, step_seconds: float) -> Iterator[Finding]:
    calls, metric = one.selector.calls, one.selector.metric
    if (
        one.series
        and one.counter
        and not one.selector.rated
        and not any("over_time" in c or c == "count" for c in calls)
    ):
        what = f"{metric} is a counter: without rate() its value only grows and is no load"
        cure = f"sum(rate({one.selector.text}[{span(max(step_seconds, 60.0))}])) with load.kind Rate"
        yield Finding(Level.ERROR, Topic.QUERY, one.selector.text, what, cure)
    if one.gauge and one.selector.rated:
        known = "is a gauge" if one.kind == "gauge" else "goes down, as a gauge does"
        level = Level.ERROR if one.kind == "gauge" else Level.WARNING
        what = f"{metric} {known}: {one.selector.rated}() of it takes every fall for a reset"
        cure = f"query sum({one.selector.text}) with load.kind Gauge, or name the counter that was meant"
        yield Finding(level, Topic.QUERY, one.selector.text, what, cure)


def _window(one: Held, _: str, step_seconds: float) -> Iterator[Finding]:
    window, scrape, where = one.selector.range_seconds, one.scrape_seconds, one.selector.text
    if window is None or not one.selector.rated:
        return
    if scrape is not None and window < 2.0 * WINDOW_SHARE * scrape:
        what = f"its range [{span(window)}] is shorter than two scrapes ({span(2.0 * scrape)}): often there is no rate"
        yield Finding(
            Level.ERROR, Topic.QUERY, where, what, f"write [{span(4.0 * scrape)}], and load.step no shorter than it"
        )
    elif window < step_seconds:
        what = f"its range [{span(window)}] sees only a part of each load.step of {span(step_seconds)}"
        yield Finding(Level.WARNING, Topic.QUERY, where, what, f"write [{span(step_seconds)}]")
    elif window > SMOOTHED_STEPS * step_seconds:
        what = f"its range [{span(window)}] smooths over {window / step_seconds:.3g} steps of {span(step_seconds)}"
        cure = f"write [{span(step_seconds)}], or let load.step be {span(window)}: peaks are seen late otherwise"
        yield Finding(Level.INFO, Topic.QUERY, where, what, cure)


def _irate(one: Held, *_: object) -> Iterator[Finding]:
    if one.selector.rated == "irate":
        what = "irate() looks at the last two samples alone: what came between is not seen"
        yield Finding(Level.WARNING, Topic.QUERY, one.selector.text, what, "write rate()")


def _unit(one: Held, kind: str, step_seconds: float) -> Iterator[Finding]:
    rated = one.selector.rated
    fits = {"Rate": {"rate", "irate", ""}, "Count": {"increase", ""}, "Gauge": {""}}[kind]
    if rated in fits:
        return
    says = "a count per bucket" if rated == "increase" else "events per second"
    cure = f"set load.kind {'Count' if rated == 'increase' else 'Rate'}"
    what = f"{rated}() gives {says}, load.kind is {kind}"
    if kind == "Rate":
        what += f": the load is taken for {step_seconds:.0f} times as much" if step_seconds > 1 else ""
        cure = "write rate(), or set load.kind Count"
    yield Finding(Level.ERROR, Topic.QUERY, one.selector.text, what, cure)


def _whole(one: Held, *_: object) -> Iterator[Finding]:
    if one.selector.calls and one.selector.calls[0] == "avg" and one.series > 1:
        what = "avg() gives the load of one series, which does not grow with the load but falls with replicas"
        yield Finding(Level.ERROR, Topic.QUERY, one.selector.text, what, "write sum(): the load of the whole workload")


RULES: tuple[Rule, ...] = (_there, _rated, _window, _irate, _unit, _whole)


def nearest_metric(metric: str, known: Sequence[str]) -> str:
    """Return the cure for a metric that is not there: names like it, of those that share a word with it."""
    words = {word for word in metric.lower().split("_") if len(word) >= LEAST_WORD}
    like = [name for name in known if words & set(name.lower().split("_"))]
    close = get_close_matches(metric, like, NEAREST, 0.5)
    if not known:
        return "Prometheus holds no metric at all: is it the right server?"
    if close:
        return f"there is no metric {metric}: did you mean {_listed(close)}?"
    return f"there is no metric {metric} nor one like it: see whether its targets are scraped by this server"


def nearest_label(matcher: Matcher, labels: Sequence[str]) -> str:
    """Return the cure for a label that the metric does not have."""
    return f"the metric has no label {matcher.label}: {_meant(matcher.label, [n for n in labels if n != '__name__'])}"


def nearest_value(matcher: Matcher, values: Sequence[str]) -> str:
    """Return the cure for a value that the label of the metric does not have."""
    return f'no series has {matcher.label}="{matcher.value}": {_meant(matcher.value, values)}'


def _meant(given: str, known: Sequence[str]) -> str:
    close = get_close_matches(given, known, NEAREST, 0.4)
    return f"did you mean {_listed(close)}?" if close else f"there is {_listed(sorted(known)[: 2 * NEAREST])}"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < NEAREST else f"{', '.join(names[:-1])} or {names[-1]}"
