"""One decision as it was written down: a plain record of a log or of an object's status, read without trust.

A record is JSON. Version 1 has:

version, id, object, generation   which decision of which object
at, message                       when, and the decision in a sentence
rung, phase, phaseWhy             where the number came from, how far the forecast is trusted and what would change it
load, loadAt, demand              what came, what is to be served
current, raw, final, limiter      what ran, what was asked for, what came of it, by which rule
steps                             [{limiter, before, after, why}], from current to final
violationProbability, unit        chance to run short at final; what stands after a load
forecast, calibration, capacity   as in the object's status
risk                              likewise, and in a log {seconds, ladder: [{price, short, replicas}]}
canary                            {message}: where a canary stands, in a sentence
spec                              the part of the spec that the number rests on, as users write it
conditions                        [{type, status, reason, message}], of a log only those that are not as they should be

Records without a version are of an operator that wrote less; what is missing is not made up. Whatever is there may
come from anybody who may write an object or a log: text is made harmless, a number that is none is not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import numpy as np

import bayescast
from bayescast.predictive import LEVELS

from .steered import Cap, Rung, Steered

VERSION = 1
MOST_CHARACTERS = 1024
MOST_STEPS = 32
MOST_FRACTION = 1000.0
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """What one rule made of the number."""

    limiter: str
    before: int
    after: int
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """One condition."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was expected; `predictive` is None where the record does not hold the whole distribution."""

    horizon: str
    lead_time: str
    quantile: float | None
    value: float | None
    median: float | None
    predictive: bayescast.Predictive | None

    def exceedance(self, load: float) -> float | None:
        """Return P(max load within the horizon > load)."""
        return None if self.predictive is None else float(self.predictive.exceedance(load))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the spec said; None where the record does not."""

    mode: str
    paused: bool
    min_replicas: int | None
    max_replicas: int | None
    quantile: float | None
    budget: float | None
    price: float | None
    buffer: float
    up_tolerance: float
    down_tolerance: float
    target_utilization: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The record of the forecasts before this one."""

    windows: int
    nominal: float | None
    coverage: float | None
    skill: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """One decision. Times are epoch seconds, loads in `unit`; None and "" are what nobody wrote down."""

    version: int
    id: str
    object: str
    generation: int | None
    at: float | None
    message: str
    rung: str
    phase: str
    phase_why: str
    load: float | None
    load_at: float | None
    demand: float | None
    current: int | None
    raw: int | None
    final: int
    limiter: str
    moves: tuple[Move, ...]
    risk: float | None
    unit: str
    forecast: Forecast | None
    calibration: Calibration | None
    steered: Steered | None
    canary: str
    capacity: float | None
    capacity_source: str
    rules: Rules
    conditions: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def price(self) -> float | None:
        """What running short is priced at, in replicas: as steered by a budget, or as the costs say; else None."""
        return self.rules.price if self.steered is None else self.steered.price

    @property
    def asked_by(self) -> str:
        """The rule that spoke first, of which `raw` is."""
        return self.moves[0].limiter if self.moves else ""

    @property
    def held_back(self) -> Move | None:
        """The last move if it says that the number, though it stands, is not applied or not reached."""
        last = self.moves[-1] if len(self.moves) > 1 else None
        return last if last is not None and last.before == last.after else None

    @property
    def ruled(self) -> tuple[Move, ...]:
        """The moves that lead from what was asked for to the final number."""
        return tuple(move for move in self.moves[1:] if move.before != move.after)


class BadRecordError(ValueError):
    """What should be a record is none; the text says what is wrong."""


def shown(text: object) -> str:
    """Return text that is safe on a terminal, at most so long: what is not printed is escaped."""
    clipped = str(text)[:MOST_CHARACTERS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in clipped)


def epoch(stamp: object) -> float | None:
    """Return epoch seconds of RFC 3339, None if it is none."""
    if not isinstance(stamp, str):
        return None
    try:
        at = datetime.fromisoformat(stamp)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def read(raw: Json) -> Record:
    """Return what a record says; BadRecordError where it says no number of replicas."""
    final = _whole(raw.get("final"))
    if final is None:
        raise BadRecordError("a decision without a final number of replicas")
    version = _whole(raw.get("version")) or 0
    forecast, spec, capacity = part(raw, "forecast"), part(raw, "spec"), part(raw, "capacity")
    per_replica, source = _capacity(capacity, part(spec, "capacity"))
    return Record(
        version=version,
        id=shown(raw.get("id", "")),
        object=shown(raw.get("object", "?")),
        generation=_whole(raw.get("generation")),
        at=epoch(raw.get("at")),
        message=shown(raw.get("message", "")),
        rung=shown(raw.get("rung", "")),
        phase=shown(raw.get("phase", "")),
        phase_why=shown(raw.get("phaseWhy", "")),
        load=_number(raw.get("load")),
        load_at=epoch(raw.get("loadAt")),
        demand=_number(raw.get("demand")),
        current=_whole(raw.get("current")),
        raw=_whole(raw.get("raw")),
        final=final,
        limiter=shown(raw.get("limiter", "")),
        moves=tuple(moves_of(raw.get("steps"))),
        risk=_number(raw.get("violationProbability")),
        unit=shown(raw.get("unit", ""))[:8],
        forecast=_forecast(forecast) if forecast else None,
        calibration=_calibration(part(raw, "calibration")),
        steered=_steered(part(raw, "risk")),
        canary=shown(part(raw, "canary").get("message", "")),
        capacity=per_replica,
        capacity_source=source,
        rules=_rules(spec, forecast),
        conditions=tuple(conditions_of(raw.get("conditions"))),
        notes=tuple(_notes(raw, version)),
    )


def part(raw: Json, key: str) -> Json:
    """Return the object below a key, empty where there is none."""
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        number = float(given)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _whole(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63 else None


def _entries(given: object) -> Iterable[Json]:
    entries = given if isinstance(given, list | tuple) else ()
    return [entry for entry in entries[:MOST_STEPS] if isinstance(entry, Mapping)]


def moves_of(given: object) -> Iterable[Move]:
    """Give the steps of a record or status that are steps."""
    for entry in _entries(given):
        before, after = _whole(entry.get("before")), _whole(entry.get("after"))
        if before is not None and after is not None:
            yield Move(shown(entry.get("limiter", "")), before, after, shown(entry.get("why", "")))


def conditions_of(given: object) -> Iterable[Judged]:
    """Give the conditions of a record or status."""
    for entry in _entries(given):
        yield Judged(*(shown(entry.get(key, "")) for key in ("type", "status", "reason", "message")))


def _forecast(given: Json) -> Forecast:
    return Forecast(
        horizon=shown(given.get("horizon", "")),
        lead_time=shown(given.get("leadTime", "")),
        quantile=_number(given.get("quantile")),
        value=_number(given.get("value")),
        median=_number(given.get("p50")),
        predictive=_predictive(given),
    )


def _predictive(given: Json) -> bayescast.Predictive | None:
    issued = given.get("quantiles")
    values = [_number(value) for value in issued] if isinstance(issued, list) else []
    known = [value for value in values if value is not None and value >= 0.0]
    if len(values) != len(LEVELS) or len(known) != len(values) or sorted(known) != known:
        return None
    family = bayescast.Family.AUTO  # the shape is in the quantiles; nothing here asks for the family
    return bayescast.Predictive(np.array(LEVELS), np.array(known), 1, 1.0, 0.0, family)


def _calibration(given: Json) -> Calibration | None:
    windows = _whole(given.get("windows"))
    if windows is None:
        return None
    nominal, coverage, skill = (_number(given.get(key)) for key in ("nominal", "coverage", "skill"))
    return Calibration(windows, nominal, coverage, skill)


def _steered(given: Json) -> Steered | None:
    budget, spent, target, price = (_number(given.get(key)) for key in ("budget", "spent", "target", "price"))
    if budget is None or budget <= 0.0 or spent is None or target is None or price is None or price <= 0.0:
        return None
    rungs = []
    for entry in _entries(given.get("ladder")):
        rung = [_number(entry.get(key)) for key in ("price", "short", "replicas")]
        rungs += [Rung(*known)] if len(known := [number for number in rung if number is not None]) == len(rung) else []
    cap = next((cap for cap in Cap if cap == given.get("cap")), None)
    return Steered(budget, spent, target, price, _number(given.get("seconds")), tuple(rungs), cap)


def _capacity(known: Json, spec: Json) -> tuple[float | None, str]:
    """Return what a replica was taken to serve and where that is from: learned or assumed, or else of the spec."""
    for number in (known.get("low"), known.get("perReplica")):
        if (capacity := _number(number)) is not None and capacity > 0.0 and known.get("source") != "Fixed":
            return capacity, shown(known.get("message") or known.get("source") or "its origin is not told")
    capacity = _number(spec.get("perReplica"))
    return (capacity if capacity is not None and capacity > 0.0 else None), "spec.capacity.perReplica"


def _rules(spec: Json, forecast: Json) -> Rules:
    objective, behavior = part(spec, "objective"), part(spec, "behavior")
    by_quantile = not {"risk", "costs"} & {key for key in objective if objective[key] is not None}
    default = _number(forecast.get("quantile")) if "objective" in spec else None
    return Rules(
        mode=shown(spec.get("mode", "")),
        paused=spec.get("paused") is True,
        min_replicas=_whole(spec.get("minReplicas")),
        max_replicas=_whole(spec.get("maxReplicas")),
        quantile=(_number(objective.get("quantile")) or default) if by_quantile else None,
        budget=_number(part(objective, "risk").get("overloadBudget")),
        price=_ratio(part(objective, "costs")),
        buffer=_fraction(objective.get("buffer")),
        up_tolerance=_fraction(part(behavior, "scaleUp").get("tolerance")),
        down_tolerance=_fraction(part(behavior, "scaleDown").get("tolerance")),
        target_utilization=_number(part(part(spec, "fallback"), "reactive").get("targetUtilization")),
    )


def _fraction(given: object) -> float:
    return min(max(_number(given) or 0.0, 0.0), MOST_FRACTION)


def _ratio(costs: Json) -> float | None:
    replica, overload = _number(costs.get("replicaHour")), _number(costs.get("overloadHour"))
    return None if replica is None or overload is None or replica <= 0.0 or overload <= 0.0 else overload / replica


def _notes(raw: Json, version: int) -> Iterable[str]:
    if version == 0:
        yield "written by an operator of an older version: what it left out is not shown"
    if version > VERSION:
        newer = f"written by an operator of a newer version ({version}; {VERSION} is known here)"
        yield f"{newer}: what is new is not shown"
    decided, present = _whole(raw.get("generation")), _whole(raw.get("specGeneration"))
    if decided is not None and present is not None and decided != present:
        yield (
            f"the spec was changed since (generation {present}, decided on {decided}): "
            "settings are shown as they are now"
        )
