"""A decision told to a person: what came, what is expected, how the number became what it is, what would change it.

Pure: a `Record` in, lines out. Status, log and tests share it; how it looks is the command line's business.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from .change import changes
from .conditions import as_it_should_be, cure_of
from .explain import amount, chance, percent, replicas, span
from .kernels.books import GUESS_SECONDS
from .meanings import PHASES
from .reasons import Limiter, Phase
from .record import Judged, Record
from .steered import Cap

OLD_SECONDS = 600.0
YOUNG = 5.0  # times the weight of the first guess: what is known by then outweighs it
TOLD_ABOVE = {"ScalingLimited", "FallbackActive"}  # limiter and rung say what to do, under "To change"


class Tone(StrEnum):
    """How a line is meant, for colours."""

    PLAIN = "plain"
    GOOD = "good"
    NOTICE = "notice"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Section:
    """Lines about one thing."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A decision in a headline, a line of when, and sections."""

    headline: Line
    when: str
    sections: tuple[Section, ...]


_CAPS = {
    Cap.AFFORDABLE: "no dearer, as to spare all that is short may cost ten times the replicas that the load needs, "
    "not more: allow more time short, or let pods start sooner",
    Cap.DEAREST: "no dearer, as not even the dearest price held that: maxReplicas, or the time pods take to start, "
    "leaves more of the time short",
}


def tell(record: Record, *, now: float, asked_at: float | None = None) -> Story:
    """Return the story of a decision, `now` or as it stood at the instant `asked_at`."""
    sections = (
        Section("Load", _load(record)),
        Section("Expected", _expected(record)),
        Section("Aim", _aim(record)),
        Section("Prices", _prices(record)),
        Section("Capacity", _capacity(record)),
        Section("Steps", _steps(record)),
        Section("Risk", _risk(record)),
        Section("Trust", _trust(record)),
        Section("Canary", (Line(record.canary),) if record.canary else ()),
        Section("To change", tuple(Line(text) for text in changes(record))),
        Section("Conditions", _conditions(record)),
        Section("Note", tuple(Line(note, Tone.NOTICE) for note in (*record.notes, *_age(record, now, asked_at)))),
    )
    told = tuple(section for section in sections if section.lines)
    return Story(_headline(record), _when(record, now, asked_at), told)


def stamp(at: float | None) -> str:
    """Return an instant as RFC 3339 in UTC, to the second."""
    return "an unknown time" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_line(record: Record) -> str:
    """Return a decision in a line: when, from how many to how many, by which rule, at what load."""
    was = "" if record.current is None else f"{record.current} -> "
    load = "no load" if record.load is None else f"load {amount(record.load, record.unit)}"
    phase = f", {record.phase}" if record.phase else ""
    return f"{stamp(record.at)}  {was}{replicas(record.final)}, {record.limiter}, {load}{phase}"


def _headline(record: Record) -> Line:
    text = f"{record.object}: {replicas(record.final)}"
    if record.limiter == Limiter.FORECAST:
        text += (
            ", as the forecast asks" if record.load is not None else ", as the last forecast asks, without live load"
        )
    elif record.limiter:
        text += f", fixed by {record.limiter}"
    if record.raw is not None and record.raw != record.final and record.limiter not in {"", Limiter.FORECAST}:
        text += f" ({record.raw} asked for)"
    if (held := record.held_back) is not None:
        return Line(f"{text}; {held.why.partition('; ')[0]}", Tone.NOTICE)
    good = record.limiter == Limiter.FORECAST and record.load is not None
    return Line(text, Tone.GOOD if good else Tone.NOTICE)


def _when(record: Record, now: float, asked_at: float | None) -> str:
    text = f"decided {stamp(record.at)}"
    if record.at is not None:
        reference = "ago" if asked_at is None else f"before {stamp(asked_at)}"
        text += f", {span((now if asked_at is None else asked_at) - record.at)} {reference}"
    if record.current is not None:
        text += f"; {replicas(record.current)} then"
    if record.rules.mode:
        text += f"; mode {record.rules.mode}"
    return f"{text}; decision {record.id}" if record.id else text


def _age(record: Record, now: float, asked_at: float | None) -> tuple[str, ...]:
    """Say of an old status what its age means; a decision of the log stands until the next."""
    if asked_at is not None or record.at is None or now - record.at < OLD_SECONDS:
        return ()
    rule = "a status is written when something that matters changes, its numbers otherwise now and then"
    return (f"this is {span(now - record.at)} old: {rule}; if it should be newer: is the operator running?",)


def _load(record: Record) -> tuple[Line, ...]:
    if record.load is None:
        return (Line("none that can be used", Tone.BAD),)
    told = amount(record.load, record.unit)
    return (Line(told if record.load_at is None else f"{told} in the bucket that ended {stamp(record.load_at)}"),)


def _expected(record: Record) -> tuple[Line, ...]:
    forecast = record.forecast
    if forecast is None or forecast.value is None:
        return (Line("no forecast", Tone.NOTICE),)
    within = f" within {forecast.horizon}" if forecast.horizon else ""
    at = "" if forecast.quantile is None else f" at {percent(forecast.quantile)}"
    median = "" if forecast.median is None else f", median {amount(forecast.median, record.unit)}"
    lines = [Line(f"up to {amount(forecast.value, record.unit)}{within}{at}{median}")]
    if record.demand is not None and record.rules.buffer:
        buffer = percent(record.rules.buffer)
        lines.append(Line(f"{amount(record.demand, record.unit)} to be served, {buffer} buffer included"))
    if forecast.lead_time:
        lines.append(Line(f"a new pod takes {forecast.lead_time} to be ready"))
    return tuple(lines)


def _aim(record: Record) -> tuple[Line, ...]:
    """Tell an aim that is no quantile: that one stands beside what is expected."""
    steering, budget, price = record.steered, record.rules.budget, record.price
    if steering is not None:
        may = f"{percent(steering.budget)} of the time may be short"
        target = percent(float(f"{steering.target:.3g}"))
        spent = f"{chance(steering.spent)} was short of late, a burn rate of {steering.burn_rate:.2g}"
        return (
            Line(f"{may}; running short is priced at {amount(steering.price)} replicas now to hold that"),
            Line(f"{spent}; the price aims at {target}", Tone.BAD if steering.burn_rate > 1.0 else Tone.PLAIN),
            *((Line(_CAPS[steering.cap], Tone.NOTICE),) if steering.cap is not None else ()),
        )
    if budget is not None:
        return (Line(f"{percent(budget)} of the time may be short; nothing has been steered yet", Tone.NOTICE),)
    if price is not None:
        return (Line(f"what comes cheapest; running short is priced at {amount(price)} replicas"),)
    return ()


def _prices(record: Record) -> tuple[Line, ...]:
    """Tell what other prices would have come to on the load as it was."""
    if record.steered is None or not record.steered.ladder:
        return ()
    ladder, price, known = record.steered.ladder, record.steered.price, record.steered.seconds
    over = "the time" if known is None else span(known)
    wide = max(len(amount(at)) for at in (price, *(rung.price for rung in ladder)))
    told = [
        (rung.price, f"short {chance(rung.short)} of {over} with {amount(rung.replicas)} replicas in the mean")
        for rung in ladder
    ]
    young = known is not None and known < YOUNG * GUESS_SECONDS
    now = f"the price now, in which a guess counts for {span(GUESS_SECONDS)}" if young else "the price now"
    rows = sorted([*told, (price, now)])
    return tuple(Line(f"at {amount(at):>{wide}} replicas: {what}") for at, what in rows)


def _capacity(record: Record) -> tuple[Line, ...]:
    if record.capacity is None:
        return ()
    each, all_of_them = (amount(load, record.unit) for load in (record.capacity, record.final * record.capacity))
    return (Line(f"{each} each ({record.capacity_source}): {replicas(record.final)} serve {all_of_them}"),)


def _steps(record: Record) -> tuple[Line, ...]:
    wide = max((len(move.limiter) for move in record.moves), default=0)
    lines = []
    for move in record.moves:
        moved = f"{move.before} -> {move.after}" if move.before != move.after else f"{move.after}"
        tone = Tone.NOTICE if move.limiter == record.limiter and move is not record.moves[0] else Tone.PLAIN
        lines.append(Line(f"{move.limiter:<{wide}}  {moved:<10}  {move.why}".rstrip(), tone))
    return tuple(lines) or ((Line(record.message),) if record.message else ())


def _risk(record: Record) -> tuple[Line, ...]:
    if record.risk is None:
        return ()
    accepted = None if record.rules.quantile is None else 1.0 - record.rules.quantile
    horizon = record.forecast.horizon if record.forecast and record.forecast.horizon else "the horizon"
    if record.final == 0:
        return (Line(f"none runs: what comes within {horizon} waits until one is ready"),)
    text = f"{chance(record.risk)} to run short within {horizon} at {replicas(record.final)}"
    if accepted is None:
        weight = "" if record.price is None else f", which weighs {amount(record.price * record.risk)} replicas"
        return (Line(text + weight),)
    over = record.risk > accepted * (1.0 + 1e-6)
    return (Line(f"{text}; {percent(accepted)} accepted", Tone.BAD if over else Tone.PLAIN),)


def _trust(record: Record) -> tuple[Line, ...]:
    lines, kept = [], record.calibration
    if record.phase:
        good = record.phase == Phase.TRUSTED
        why = f": {record.phase_why}" if record.phase_why and not good else ""
        lines.append(Line(f"{record.phase}{why}", Tone.GOOD if good else Tone.NOTICE))
    told = record.phase == Phase.DEGRADED and record.phase_why
    if kept is not None and kept.coverage is not None and kept.nominal is not None and not told:
        skill = "" if kept.skill is None else f"; skill {kept.skill:.2f} against the last value"
        promised = f"{percent(kept.nominal)} promised"
        lines.append(Line(f"{promised}, {percent(kept.coverage)} kept over {kept.windows} disjoint windows{skill}"))
    if record.phase in {Phase.LEARNING, Phase.DEGRADED}:
        lines.append(Line(PHASES[Phase(record.phase)].cure))
    return tuple(lines)


def _conditions(record: Record) -> tuple[Line, ...]:
    """Tell conditions that are not as they should be; those that say the same, and a cure said before, once."""
    said = {record.message, *(move.why for move in record.moves)}
    alike: dict[tuple[str, str], list[Judged]] = {}
    for condition in record.conditions:
        if not as_it_should_be(condition) and not (condition.message and condition.message == record.phase_why):
            message = "" if condition.message in said else condition.message
            alike.setdefault((condition.reason, message), []).append(condition)
    lines, cures = [], set[str]()
    for (reason, message), judged in alike.items():
        named = f"{_named(judged)} ({reason})"
        lines.append(Line(f"{named}: {message}" if message else named, Tone.BAD))
        cure, told_above = cure_of(reason), {condition.type for condition in judged} <= TOLD_ABOVE
        if cure not in cures and cure not in message and not told_above:
            lines.append(Line(f"  -> {cure}"))
        cures.add(cure)
    return tuple(lines)


def _named(judged: list[Judged]) -> str:
    """Return conditions with their status: "Ready and ScalingActive are False, Conflicted is True"."""
    by_status: dict[str, list[str]] = {}
    for condition in judged:
        by_status.setdefault(condition.status, []).append(condition.type)
    return ", ".join(
        f"{' and '.join(types)} {'is' if len(types) == 1 else 'are'} {status}" for status, types in by_status.items()
    )
