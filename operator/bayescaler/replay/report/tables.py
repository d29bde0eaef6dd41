"""The rows of the report's tables: policies, days, comparisons at equal time short, coverage."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from bayescaler.replay.backtest import OURS, PLAIN, Backtest
from bayescaler.replay.judgement import Interval, Judgement, Prices, by_day
from bayescaler.replay.service import HOUR_SECONDS
from bayescast.scores import local_days

from .figures import NONE, between, duration, latency, named, number, share


@dataclass(frozen=True, slots=True)
class Cell:
    """A number, and its interval in small print."""

    text: str
    sure: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; kind: ours, peer or bound."""

    name: str
    kind: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Bar:
    """The replica-hours of one policy; width: percent of the longest."""

    name: str
    kind: str
    hours: str
    short: str
    width: float


COLUMNS = (
    "Time short",
    "Load not served",
    "Replica-hours",
    "Cost",
    "Changes",
    "Reversals",
    "Above the clairvoyant",
    "Time at max",
)
COST = COLUMNS.index("Cost")


def policies(found: Backtest) -> tuple[list[str], list[Row]]:
    """Return columns and what each policy came to: ours first, the HPA tuned in hindsight and the clairvoyant last.

    Without prices the cost is the replica-hours, and not told twice.
    """
    rows = _policies(found)
    if found.prices != PLAIN:
        return list(COLUMNS), rows
    kept = [i for i in range(len(COLUMNS)) if i != COST]
    return [COLUMNS[i] for i in kept], [replace(row, cells=[row.cells[i] for i in kept]) for row in rows]


def bars(found: Backtest) -> list[Bar]:
    """Return the replica-hours that matter most: ours, the HPA as it is usually set and tuned, the clairvoyant."""
    ours, own, policy = found.judgement.outcome, found.own, found.case.policy
    shown = [(named(OURS, policy), "ours", ours.pod_hours, ours.violating_share)]
    if isfinite(own.theirs):
        shown.append(("HPA tuned in hindsight", "peer", own.theirs, own.level))
    peers = {judged.name: judged.outcome for judged in found.judgements[1:] if judged.name != "clairvoyant"}
    if peers:
        name = "hpa" if "hpa" in peers else next(iter(peers))
        shown.append((named(name, policy), "peer", peers[name].pod_hours, peers[name].violating_share))
    knowing = found.clairvoyant.outcomes[0]
    shown.append(("Clairvoyant", "bound", knowing.pod_hours, knowing.violating_share))
    most = max(hours for _, _, hours, _ in shown) or 1.0
    return [
        Bar(
            name,
            kind,
            number(hours),
            f"short {share(part)} of the time" if part else "never short",
            round(100 * hours / most, 1),
        )
        for name, kind, hours, part in shown
    ]


def _policies(found: Backtest) -> list[Row]:
    rows = [_judged(found, judged) for judged in found.judgements if judged.name != "clairvoyant"]
    own, knowing = found.own, found.clairvoyant.outcomes[0]
    least = _cost(found.prices, knowing.pod_hours, knowing.violating_seconds)
    if isfinite(own.theirs):
        cost = _cost(found.prices, own.theirs, own.level * knowing.seconds)
        told = (share(own.level), NONE, number(own.theirs), number(cost), NONE, NONE, number(cost - least), NONE)
        rows.append(Row("HPA tuned in hindsight", "bound", [Cell(text) for text in told]))
    told = (
        share(knowing.violating_share),
        share(knowing.unserved_share),
        number(knowing.pod_hours),
        number(least),
        f"{knowing.scale_events:,}",
        f"{knowing.reversals:,}",
        "0",
        share(knowing.at_max_seconds / knowing.seconds),
    )
    return [*rows, Row("Clairvoyant", "bound", [Cell(text) for text in told])]


def days(found: Backtest) -> tuple[list[str], list[Row]]:
    """Return the policies that ran, and for each local day their replica-hours and time short."""
    scenario, zone = found.case.scenario, found.case.spec.time_zone
    dates = np.unique(local_days(scenario.judged_times, zone))
    played = [by_day(scenario, scenario.play(wanted), zone) for wanted in found.replicas.values()]
    names = [named(name, found.case.policy) for name in found.replicas]
    return names, [
        Row(
            str(np.datetime64(int(date), "D")),
            "peer",
            [Cell(number(float(one.pod_hours[i])), duration(float(one.violating_seconds[i]))) for one in played],
        )
        for i, date in enumerate(dates)
    ]


def comparisons(found: Backtest) -> list[Row]:
    """Return ours and the HPA, each tuned in hindsight, at equal time short; the manifest as it is first."""
    return [
        Row(
            share(one.level) + (" (this manifest)" if one is found.own else ""),
            "ours" if one is found.own else "peer",
            [
                Cell(number(one.ours)),
                Cell(number(one.theirs) if isfinite(one.theirs) else "no target"),
                Cell(f"{one.ratio:.3f}" if isfinite(one.ratio) else NONE, _ratios(one.ratio_interval)),
                Cell(f"{one.waste:.2f}" if isfinite(one.waste) else NONE, _ratios(one.waste_interval, 2)),
            ],
        )
        for one in (found.own, *found.comparisons)
    ]


def at_their_cost(found: Backtest) -> list[Row]:
    """Return how long each peer was short, and ours at the quantile that costs as much."""
    peers = {one.name: one.outcome for one in found.judgements[1:] if one.name != "clairvoyant"}
    return [
        Row(
            named(name, found.case.policy),
            "peer",
            [
                Cell(number(peer.pod_hours)),
                Cell(share(peer.violating_share)),
                Cell(share(ours) if isfinite(ours) else "no quantile"),
            ],
        )
        for name, peer in peers.items()
        for ours in [found.at_their_cost[name]]
    ]


def waits(found: Backtest) -> list[Row]:
    """Return how long requests would wait for each policy; empty where nobody said how many a pod serves at a time."""
    return [
        Row(
            named(name, found.case.policy),
            "ours" if name == OURS else "peer",
            [
                Cell(latency(one.wait_mean_seconds)),
                Cell(latency(one.wait_p95_seconds)),
                Cell(share(one.delayed_share)),
                Cell(number(one.backlog_max)),
            ],
        )
        for name, one in found.waits.items()
    ]


def coverage(found: Backtest) -> list[Row]:
    """Return the share of windows that stayed within each quantile."""
    return [
        Row(f"{level:g}", "peer", [Cell(share(held.share), between(held.low, held.high)), Cell(f"{held.windows:,}")])
        for level, held in found.calibration.coverage.items()
    ]


def _judged(found: Backtest, judged: Judgement) -> Row:
    outcome = judged.outcome
    cells = [
        Cell(share(outcome.violating_share), between(judged.violating.low, judged.violating.high)),
        Cell(share(outcome.unserved_share), between(judged.unserved.low, judged.unserved.high)),
        Cell(number(outcome.pod_hours), _range(judged.pod_hours)),
        Cell(number(judged.cost)),
        Cell(f"{outcome.scale_events:,}"),
        Cell(f"{outcome.reversals:,}"),
        Cell(number(judged.regret), _range(judged.regretted)),
        Cell(share(outcome.at_max_seconds / outcome.seconds)),
    ]
    return Row(named(judged.name, found.case.policy), "ours" if judged.name == OURS else "peer", cells)


def _cost(prices: Prices, pod_hours: float, short_seconds: float) -> float:
    return prices.replica_hour * pod_hours + prices.overload_hour * short_seconds / HOUR_SECONDS


def _range(interval: Interval) -> str:
    if not isfinite(interval.low) or interval.low == interval.high:
        return ""
    return f"{number(interval.low)} to {number(interval.high)}"


def _ratios(interval: Interval, places: int = 3) -> str:
    return f"{interval.low:.{places}f} to {interval.high:.{places}f}" if isfinite(interval.low) else ""
