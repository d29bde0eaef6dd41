"""What the report tells in sentences and lists: the worst moments, the assumptions, the break-evens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, nan
from zoneinfo import ZoneInfo

from bayescaler.policy import Decision
from bayescaler.policy.explain import amount, percent, replicas, span
from bayescaler.replay.backtest import Backtest
from bayescaler.replay.moments import Moment

from .figures import change, named, number, share
from .opposite import BreakEven, Pays, WhatIf, crossings
from .verdict import safest


@dataclass(frozen=True, slots=True)
class Record:
    """A decision: why it is shown, what it said, what went into it and each rule's say."""

    title: str
    message: str
    facts: Sequence[tuple[str, str]]
    steps: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """One of the worst moments, and the decisions it hung on."""

    title: str
    summary: str
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A start-up time, and what the comparison at equal time short then is."""

    startup: str
    short: str
    ours: str
    theirs: str
    ratio: str
    sure: str


def clock(seconds: float, zone: str, *, exact: bool = True) -> str:
    """Return a local time: Tue 14 Nov 2023 19:22:15, or to the minute."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime(f"%a %d %b %Y %H:%M{':%S' if exact else ''}")


def period(found: Backtest) -> str:
    """Return the judged time."""
    scenario, zone = found.case.scenario, found.case.spec.time_zone
    first = scenario.start + scenario.learned * scenario.step_seconds
    last = scenario.start + len(scenario.loads) * scenario.step_seconds
    return f"{clock(first, zone, exact=False)} to {clock(last, zone, exact=False)} ({zone})"


def moments(found: Backtest) -> list[Told]:
    """Return the worst moments with the decision that had to prevent each and the one at its start."""
    asked = [place for moment in found.moments for place in (moment.decided, moment.answered)]
    made = found.decided.decisions(asked)
    return [_moment(found, moment, made[2 * i], made[2 * i + 1], i + 1) for i, moment in enumerate(found.moments)]


def assumptions(found: Backtest) -> list[tuple[str, str]]:
    """Return what the replay took to be so."""
    case, scenario, zone = found.case, found.case.scenario, found.case.spec.time_zone
    step, unit = scenario.step_seconds, case.policy.unit
    learned = scenario.learned * step
    varied = scenario.start_up.quantile(0.1) != scenario.start_up.quantile(0.9)
    drawn = f", drawn with seed {scenario.seed}" if varied else ""
    limits = f"{scenario.min_replicas} to {scenario.max_replicas}"
    seasons = ", ".join(span(season) for season in case.spec.seasons) or "none"
    window = f"the largest load of the next {span(case.spec.leads[0] * step)}, {case.policy.aim}"
    prices = found.prices
    return [
        ("Learned from", f"{span(learned)} before the judged time, itself not judged" if learned else "nothing"),
        ("Judged", period(found)),
        ("Load", f"mean of each bucket of {span(step)}, even within it; spikes shorter than that are not in the data"),
        ("Known", f"{span(scenario.lag_seconds)} after a bucket ends, the same for every policy"),
        ("Decisions", f"every {span(scenario.interval_seconds)}, replicas {limits}"),
        ("Capacity", f"{amount(scenario.capacity, unit)} for a ready pod, every pod alike, at any time"),
        ("Start-up", f"{scenario.start_up.name}{drawn}; a pod is paid from when it is asked for and serves once ready"),
        ("Service", "load above what ready pods serve is lost at once: no queue, no retries, no effect on later load"),
        ("Forecast", f"{window}; seasons {seasons}; clock of {zone}"),
        ("Prices", f"{number(prices.replica_hour)} a replica-hour, {number(prices.overload_hour)} an hour short"),
        ("Intervals", "95 %, from 2,000 draws of whole local days, the same days for every policy"),
    ]


def price(one: BreakEven, found: Backtest) -> str:
    """Return at which price of an overload hour the verdict against one policy turns."""
    name = named(one.name, found.case.policy)
    if one.pays is Pays.ALWAYS:
        return (
            f"{name}: Bayescaler is the cheaper at any price, as it took no more replica-hours and was short no longer."
        )
    if one.pays is Pays.NEVER:
        return f"{name}: Bayescaler pays at no price, as it took no fewer replica-hours and was short no less."
    if one.pays is Pays.ALIKE:
        return f"{name}: the same on both counts."
    worth = f"{number(one.replica_hours)} replica-hours"
    if found.prices.replica_hour != 1.0:
        worth += f" ({number(one.replica_hours * found.prices.replica_hour)} at your price)"
    sure = one.interval
    between = f" (95 %: {number(sure.low)} to {number(sure.high)})" if isfinite(sure.low) else ""
    return f"{name}: Bayescaler is the cheaper {one.pays} than {worth}{between}."


def margin(found: Backtest) -> str:
    """Return how far the cost is from that of the HPA tuned in hindsight, or of the safest where none comes so low."""
    own = found.own
    if not isfinite(own.ratio):
        factor = safest(found.hpa)[1] / own.ours if own.ours else nan
        return (
            "No HPA target is short as seldom. Bayescaler would take as much as the safest of them, "
            f"which is still short for longer, with {factor:.3f} times the replica-hours it took."
        )
    sure = own.ratio_interval
    factors = f" (95 %: {1 / sure.high:.3f} to {1 / sure.low:.3f})" if isfinite(sure.low) else ""
    return (
        f"Against an HPA tuned in hindsight, at equal time short, the verdict turns where Bayescaler takes "
        f"{1 / own.ratio:.3f} times the replica-hours it took{factors}: {change(1 / own.ratio)} "
        f"{'more' if own.ratio < 1.0 else 'fewer'}."
    )


def replayed(run: WhatIf) -> Replayed:
    """Return one start-up time's row."""
    told, sure = run.comparison, run.comparison.ratio_interval
    return Replayed(
        span(run.startup_seconds),
        share(told.level),
        number(told.ours),
        number(told.theirs) if isfinite(told.theirs) else "no target",
        f"{told.ratio:.3f}" if isfinite(told.ratio) else number(told.ratio),
        f"{sure.low:.3f} to {sure.high:.3f}" if isfinite(sure.low) else "",
    )


def turning(runs: Sequence[WhatIf]) -> str:
    """Return at which start-up time the verdict turns."""
    if not any(isfinite(run.comparison.ratio) for run in runs):
        return "At none of these is an HPA target short as seldom as Bayescaler, so there is no ratio."
    at = crossings(runs)
    if not at:
        return "Between these start-up times the ratio does not pass 1."
    return f"The ratio passes 1 at a start-up of {' and '.join(span(seconds) for seconds in at)}."


def _moment(found: Backtest, moment: Moment, decided: Decision, answered: Decision, rank: int) -> Told:
    scenario, unit, zone = found.case.scenario, found.case.policy.unit, found.case.spec.time_zone
    served, asked = moment.ready * scenario.capacity, moment.peak_load
    lacking = f"{(asked - served) / asked:.0%}".replace("%", " %")
    ahead = span(moment.start - decided.at)
    return Told(
        f"{rank}. {clock(moment.start, zone, exact=False)}: {span(moment.short_seconds)} short",
        f"At the worst {amount(asked, unit)} for {replicas(moment.ready)} ready, which serve {amount(served, unit)}: "
        f"{lacking} not served.",
        [
            _record(f"The decision that had to prevent it, {ahead} before", decided, unit, zone),
            _record("The decision at its start", answered, unit, zone),
        ],
    )


def _record(title: str, decision: Decision, unit: str, zone: str) -> Record:
    def load(value: float | None) -> str:
        return "none" if value is None else amount(value, unit)

    exceedance = decision.exceedance
    return Record(
        title,
        decision.message,
        [
            ("at", clock(decision.at, zone)),
            ("replicas", f"{decision.current} before, {decision.final} wanted"),
            ("limiter", str(decision.limiter)),
            ("load", load(decision.load)),
            ("demand", load(decision.demand)),
            ("exceedance", "unknown" if exceedance is None else percent(float(f"{exceedance:.2g}"))),
            ("phase", str(decision.phase)),
            ("rung", str(decision.rung)),
        ],
        [(str(step.limiter), f"{step.before} to {step.after}", step.why) for step in decision.steps],
    )
