"""Numbers of replicas under a price of running short: what each comes to, and at which prices it would be the best.

A number n comes to n + price * P(short at n), in replicas, the buffer included; nothing is below what the median needs.
Everything is None where the record does not hold a price or the whole forecast.
"""

from math import floor, inf

from .explain import amount, chance
from .objective import pods
from .record import Record

NEAR = 256  # numbers to either side that a best one is compared with


def short(record: Record, count: int) -> float | None:
    """Return the chance that `count` replicas do not hold the load with its buffer."""
    if record.forecast is None or record.capacity is None or record.price is None:
        return None
    return record.forecast.exceedance(count * record.capacity / (1.0 + record.rules.buffer))


def total(record: Record, count: int) -> float | None:
    """Return what `count` comes to, in replicas."""
    risk = short(record, count)
    return None if risk is None or record.price is None else count + record.price * risk


def fewest(record: Record) -> int:
    """Return the replicas that the median of what is expected needs."""
    median = record.forecast.median if record.forecast is not None else None
    if median is None or record.capacity is None:
        return 0
    return pods(median * (1.0 + record.rules.buffer) / record.capacity)


def prices(record: Record, count: int) -> tuple[float, float] | None:
    """Return the prices above which and up to which `count`, no less than the fewest, comes to the least.

    Nothing between them where the first is not below the second.
    """
    here, least = short(record, count), fewest(record)
    if here is None:
        return None
    low, high = 0.0, inf
    for other in (*range(max(least, count - NEAR), count), *range(count + 1, count + NEAR)):
        there = short(record, other)
        if there is None or there == here:
            continue
        even = (count - other) / (there - here)
        low, high = (max(low, even), high) if other < count else (low, min(high, even))
    return low, high


def weighed(record: Record, count: int) -> str:
    """Say what `count` comes to beside the number chosen; empty without a price."""
    here, chosen = total(record, count), total(record, record.final)
    if here is None or chosen is None:
        return ""
    buffer = ", buffer included" if record.rules.buffer else ""
    compared = "" if count == record.final else f", {record.final} to {amount(chosen)}"
    return f"priced at {amount(record.price or 0.0)} replicas{buffer}, {count} comes to {amount(here)}{compared}"


def right_at(record: Record, count: int) -> list[str]:
    """Say at which price `count` would be asked for."""
    span = prices(record, count)
    if span is None:
        return []
    least = fewest(record)
    if count < least:
        return [f"no price asks for fewer than the {least} that the median of what is expected needs"]
    low, high = span
    if low >= high:
        return [f"no price asks for {count}: fewer or more come to less at any"]
    now = f"({amount(record.price or 0.0)} now)"
    above, up_to = f"above {amount(low)}" if low > 0.0 else "", "" if high == inf else f"up to {amount(high)}"
    there = " ".join(part for part in (above, up_to) if part)
    if record.rules.budget is None:
        return [f"{count} would be right at an objective.costs.overloadHour of {there} times replicaHour {now}"]
    raised = "smaller" if low >= (record.price or 0.0) else "larger"
    moved = f"a {raised} objective.risk.overloadBudget moves it there"
    return [f"{count} would be right at a price of {there} replicas {now}; {moved}"]


def more(record: Record) -> str | None:
    """Say what would make the number larger."""
    final, asked, price = record.final, record.raw or 0, record.price
    step = floor(final * (1.0 + record.rules.up_tolerance) + 1e-9) + 1 - final
    here, there = short(record, final), short(record, final + step)
    if here is None or there is None or price is None or record.capacity is None:
        return None
    if asked >= final + step:
        return f"more: {asked} {_are(asked)} asked for already, {record.limiter} holds {final}"
    needed, gained = chance(step / price), chance(here - there)
    spare = "one more spares" if step == 1 else f"{step} more spare"
    at_once = f"or load itself is above {amount(final * record.capacity, record.unit)}"
    return f"more: {final + step} once {spare} more than {needed} of running short ({gained} now), {at_once}"


def fewer(record: Record) -> str | None:
    """Say what would make the number smaller."""
    final, asked, price, least = record.final, record.raw or 0, record.price, fewest(record)
    count = max(floor(min(final * (1.0 - record.rules.down_tolerance), final - 1.0) + 1e-9), 0)
    here, there = short(record, final), short(record, count)
    if here is None or there is None or price is None:
        return None
    if asked <= count:
        return f"fewer: {asked} {_are(asked)} asked for already, {record.limiter} holds {final}"
    lasting = "for half an hour to come"
    if count < least:
        return f"fewer: {count} once the median of what is expected needs no more ({least} now), {lasting}"
    step = final - count
    added = "one fewer adds" if step == 1 else f"{step} fewer add"
    needed, now = chance(step / price), chance(there - here)
    return f"fewer: {count} once {added} less than {needed} of running short ({now} now), {lasting}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
