"""What would change a decision: the loads from which it would be another, and what stands in the way.

Without live load nothing lowers a number, and nothing here says how it could be lowered.
"""

from math import ceil, floor

from . import priced
from .explain import amount
from .meanings import LIMITERS, RUNGS
from .objective import pods
from .reasons import Limiter, Rung
from .record import Record

NEVER_BLIND = "fewer: not before load has been read steadily again; nothing is lowered on missing data"
NOT_APPLIED = {Limiter.OBSERVE, Limiter.PAUSED, Limiter.CONFLICT}
SAME = {Rung.REACTIVE: Limiter.REACTIVE, Rung.HOLD: Limiter.HOLD, Rung.FLOOR: Limiter.FALLBACK_FLOOR}


def changes(record: Record) -> tuple[str, ...]:
    """Return what would make the number larger or smaller, and what to do about the rule that fixed it."""
    lines = [*_by_load(record)]
    if record.limiter in set(Limiter) and record.limiter != Limiter.FORECAST:
        lines.append(f"{record.limiter}: {LIMITERS[Limiter(record.limiter)].cure}")
    if record.held_back is not None and record.held_back.limiter in NOT_APPLIED:
        limiter = Limiter(record.held_back.limiter)
        lines.append(f"{limiter}: {LIMITERS[limiter].cure}")
    known = record.rung in set(Rung) and record.rung != Rung.PREDICTIVE
    if known and SAME.get(Rung(record.rung)) != record.limiter:
        lines.append(f"rung {record.rung}: {RUNGS[Rung(record.rung)].cure}")
    return tuple(dict.fromkeys(lines))


def blind(record: Record) -> bool:
    """Whether the number was made without live load, or load had not been steady: nothing is to be lowered then."""
    held = any(move.limiter == Limiter.SCALE_IN_HELD for move in record.moves)
    return record.load is None or held


def to_be_served(record: Record) -> float | None:
    """Return the load that what was asked for is reckoned from: the demand, or, of thresholds, load over target."""
    if record.asked_by == Limiter.FORECAST:
        return record.demand
    target = record.rules.target_utilization
    if record.asked_by == Limiter.REACTIVE and record.load is not None and target:
        return record.load / target
    return None


def _by_load(record: Record) -> list[str]:
    if blind(record):
        return [NEVER_BLIND]
    serve = to_be_served(record)
    if serve is None or record.capacity is None or record.limiter == Limiter.SCALED_TO_ZERO:
        return []
    by_price = record.price is not None and record.asked_by == Limiter.FORECAST
    wanted = pods(serve / record.capacity)
    more = priced.more(record) if by_price else _more(record, serve, record.capacity)
    fewer = priced.fewer(record) if by_price else _fewer(record, serve, record.capacity)
    return [line for line in (_at_most(record, wanted) or more, _at_least(record) or fewer) if line]


def _at_most(record: Record, wanted: int) -> str:
    most = record.rules.max_replicas
    if most is None or record.final < most:
        return ""
    return f"more: not at maxReplicas {most}" + (f", though {_asked(wanted)}" if wanted > most else "")


def _at_least(record: Record) -> str:
    least = record.rules.min_replicas
    if record.final == 0:
        return "fewer: there are none"
    return f"fewer: not at minReplicas {least}" if least is not None and record.final <= least else ""


def _more(record: Record, serve: float, capacity: float) -> str:
    final = record.final
    need = final * (1.0 + record.rules.up_tolerance)
    if serve / capacity > need and pods(serve / capacity) > final:
        return f"more: {_asked(pods(serve / capacity))} already, {record.limiter} holds {final}"
    at_once = f", or load itself is above {_load(record, final * capacity)}" if record.rules.up_tolerance else ""
    reached = f"{floor(need + 1e-9) + 1} once more than {_load(record, need * capacity)} are to be served"
    return f"more: {reached} ({_load(record, serve)} now){at_once}"


def _fewer(record: Record, serve: float, capacity: float) -> str:
    final = record.final
    need = min(final * (1.0 - record.rules.down_tolerance), final - 1.0)
    if serve / capacity <= need + 1e-9:
        return f"fewer: {_asked(pods(serve / capacity))} already, {record.limiter} holds {final}"
    reached = f"{ceil(need - 1e-9)} once no more than {_load(record, need * capacity)} are to be served"
    lasting = ", for half an hour to come" if record.asked_by == Limiter.FORECAST else ""
    return f"fewer: {reached} ({_load(record, serve)} now){lasting}"


def _asked(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} asked for"


def _load(record: Record, load: float) -> str:
    return amount(load, record.unit)
