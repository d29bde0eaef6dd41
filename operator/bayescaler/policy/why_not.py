"""Why a decision is not another number: the rule that moved it past, the risk there, from where on it would be right.

Fewer replicas are never argued for while load is missing.
"""

from dataclasses import dataclass
from math import inf

from . import priced
from .change import NEVER_BLIND, blind, to_be_served
from .explain import amount, chance, percent, replicas
from .meanings import LIMITERS
from .objective import pods
from .reasons import Limiter
from .record import Move, Record

LEAST_WIDTH = 1e-3  # of a range of quantiles that is worth naming


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer: the rule that moved the number past it ("" if none did), the chance to run short there, the words.

    `total` is what it comes to under a price, in replicas.
    """

    replicas: int
    rule: str
    risk: float | None
    total: float | None
    lines: tuple[str, ...]


def why_not(record: Record, count: int) -> WhyNot:
    """Return why the decision is not `count` replicas (0 or more)."""
    risk, total = _risk(record, count), priced.total(record, count)
    if count == record.final:
        return WhyNot(count, "", risk, total, (f"it is {count}", *_risk_line(record, count, risk)))
    crossed = _crossed(record, count)
    lines = [_rule_line(record, count, crossed), *_risk_line(record, count, risk), *_right_from(record, count, crossed)]
    return WhyNot(count, "" if crossed is None else crossed.limiter, risk, total, tuple(lines))


def _crossed(record: Record, count: int) -> Move | None:
    """Return the last rule that moved the number from `count`, or the other side of it, past it."""
    found = None
    for move in record.ruled:
        up = record.final > count and move.before <= count < move.after
        down = record.final < count and move.before >= count > move.after
        found = move if up or down else found
    return found


def _rule_line(record: Record, count: int, crossed: Move | None) -> str:
    if crossed is not None:
        known = crossed.limiter in set(Limiter)
        meaning = f" {LIMITERS[Limiter(crossed.limiter)].meaning}" if known else ""
        moved = f"moved it past {count}, from {crossed.before} to {crossed.after}"
        return f"{crossed.limiter} {moved}: {crossed.why}.{meaning}"
    if not record.moves:
        return f"this record does not hold the steps; it says: {record.message or 'nothing'}"
    first = record.moves[0]
    return f"no rule moved it past {count}: what is asked for is {first.after} ({first.limiter}: {first.why})"


def _risk(record: Record, count: int) -> float | None:
    if record.forecast is None or record.capacity is None:
        return None
    return record.forecast.exceedance(count * record.capacity)


def _risk_line(record: Record, count: int, risk: float | None) -> list[str]:
    lines = []
    if record.capacity is not None:
        serves, load = count * record.capacity, record.load
        if load is not None and load > serves:
            lines.append(
                f"at {replicas(count)} load would be short at once: {_a(record, load)} now, {_a(record, serves)} served"
            )
        elif risk is not None:
            accepted = "" if record.rules.quantile is None else f"; {percent(1.0 - record.rules.quantile)} accepted"
            horizon = (record.forecast.horizon if record.forecast else "") or "the horizon"
            lines.append(
                f"at {replicas(count)} ({_a(record, serves)}): {chance(risk)} to run short within {horizon}{accepted}"
            )
    if count > 0 and (weighed := priced.weighed(record, count)):
        lines.append(weighed)
    if risk is None:
        lines.append(f"the chance to run short at {count} cannot be reckoned: the record holds no whole forecast")
    return lines


def _right_from(record: Record, count: int, crossed: Move | None) -> list[str]:
    """Say what would have to be otherwise for `count` to be right."""
    if count < record.final and blind(record):
        return [NEVER_BLIND]
    lines = _bounds(record, count)
    if crossed is not None and crossed.limiter in set(Limiter):
        lines.append(f"{crossed.limiter}: {LIMITERS[Limiter(crossed.limiter)].cure}")
    if record.price is not None and record.asked_by == Limiter.FORECAST:
        return lines if count == record.raw else [*lines, *priced.right_at(record, count)]
    serve, capacity = to_be_served(record), record.capacity
    if serve is not None and capacity is not None and serve > 0.0 and count > 0 and pods(serve / capacity) != count:
        lines += _by_load(record, count, serve, capacity)
    return lines


def _by_load(record: Record, count: int, serve: float, capacity: float) -> list[str]:
    """Say at which load, capacity and quantile `count` would be asked for."""
    low, high, load = (count - 1) * capacity, count * capacity, record.load or 0.0
    at_least = f"more than {_a(record, low)} and " if low > 0.0 else ""
    itself = f", and load itself is no more than that ({_a(record, load)} now)" if load > high else ""
    served = f"{at_least}up to {_a(record, high)} are to be served ({_a(record, serve)} now)"
    lines = [f"{count} would be right once {served}{itself}"]
    least, most = max(serve, load) / count, serve / (count - 1) if count > 1 else inf
    if least < most:
        below = "" if count == 1 else f" and less than {_a(record, most)}"
        lines.append(f"or if a replica served at least {_a(record, least)}{below} ({_a(record, capacity)} now)")
    return lines if load > high else [*lines, *_quantiles(record, low, high)]


def _bounds(record: Record, count: int) -> list[str]:
    least, most = record.rules.min_replicas, record.rules.max_replicas
    if least is not None and count < least:
        return [f"minReplicas is {least}: {count} needs it at {count} or less"]
    if most is not None and count > most:
        return [f"maxReplicas is {most}: {count} needs it at {count} or more"]
    return []


def _quantiles(record: Record, low: float, high: float) -> list[str]:
    """Say which quantile would ask for a number that serves more than `low` and up to `high`."""
    forecast, quantile = record.forecast, record.rules.quantile
    if record.asked_by != Limiter.FORECAST or forecast is None or forecast.predictive is None or quantile is None:
        return []
    margin = 1.0 + record.rules.buffer
    start, end = (float(forecast.predictive.cdf(load / margin)) for load in (low, high))
    if end - start < LEAST_WIDTH or end < 0.5:  # below the median it is no bound worth its name
        return []
    return [f"or at objective.quantile above {max(start, 0.5):.3g} up to {min(end, 0.9999):.4g} ({quantile:g} now)"]


def _a(record: Record, load: float) -> str:
    return amount(load, record.unit)
