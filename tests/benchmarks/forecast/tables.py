"""The tables of the accuracy benchmark in the terminal."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from parts.table import note, show

from . import summary
from .conformal import JUDGED
from .peers import PEERS, YARDSTICK
from .rows import QUARTER_DAYS, Row
from .series import Floats

_MARGIN = 1.05
_LEVELS = tuple(f"{level:g}".lstrip("0") for level in JUDGED)


def ratios(rows: Sequence[Row]) -> None:
    """Pinball over that of the rolling quantile, by set and by lead."""
    groups = [(name, member, summary.LEAST) for name, member in summary.SETS.items()]
    groups += [(f"{name}, floored", member, summary.FLOOR) for name, member in summary.SETS.items()]
    groups += [(f"{name}, floored", member, summary.FLOOR) for name, member in summary.LEADS.items()]
    show(
        "Pinball of the window maximum over that of the rolling quantile, geometric mean",
        ("", *_LEVELS, "rows"),
        [line for name, member, floor in groups if (line := _means(name, filter(member, rows), floor))],
    )
    note(f"floored: a ratio below {summary.FLOOR:g} counts as that, one above {1 / summary.FLOOR:g} as that")
    for level in summary.UPPER:
        found = [(summary.ratio(row.duels[YARDSTICK])[level], f"{_short(row)}, {row.lead} ahead") for row in rows]
        note("worst at {}: {:.2f}, {}".format(_LEVELS[level], *max(found)))


def _means(name: str, rows: Iterable[Row], floor: float) -> tuple[object, ...] | None:
    values = summary.ratios(rows, YARDSTICK)
    return (name, *_form(summary.geometric(values, floor)), len(values)) if len(values) else None


def peers(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Ours over each peer on the peer's own origins, and on how many series ours is better."""
    for title, member in summary.SETS.items():
        members = [row for row in rows if member(row)]
        if not members or (len(members) == len(rows) and title != "all"):
            continue
        show(
            f"Ours over each peer on the same origins, {title}",
            ("", *_LEVELS, *(f"won {_LEVELS[level]}" for level in summary.UPPER), "rows", "off .95", "off .99"),
            [line for name in names if (line := _against(members, name))],
        )
    note("geometric means (floored); won: share of series on which ours is better; off: the peer's own mean error of")
    note("coverage, in points")


def _against(rows: Sequence[Row], peer: str) -> tuple[object, ...] | None:
    values = summary.ratios(rows, peer)
    if not len(values):
        return None
    shares = summary.better(summary.by_series(rows, peer).values())[summary.UPPER]
    theirs = np.array([row.duels[peer].their_coverage[summary.TESTED] for row in rows if peer in row.duels])
    errors = 100 * np.abs(theirs - list(summary.TOLERANCE)).mean(axis=0)
    means = _form(summary.geometric(values, summary.FLOOR))
    return (PEERS[peer].title, *means, *(f"{share:.0%}" for share in shares), len(values), *_form(errors, ".2f"))


def worst(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Rows on which some peer has less loss at .9, .95 or .99."""
    lost = [(row, rivals) for row in rows if any(rivals := summary.rivals(row, names))]
    margins = [max(rival[1] for rival in rivals if rival) for _, rivals in lost]
    clear = sum(margin > _MARGIN for margin in margins)
    show(
        f"Our loss over the best peer's, the {clear} of {len(rows)} rows where that is above {_MARGIN}",
        ("", "ahead", *(_LEVELS[level] for level in summary.UPPER)),
        [
            (_short(row), row.lead, *map(_rival, rivals))
            for margin, (row, rivals) in sorted(zip(margins, lost, strict=True), key=lambda pair: -pair[0])
            if margin > _MARGIN
        ],
    )
    note(f"some peer has less loss at .9, .95 or .99 in {len(lost)} rows; the best of {len(names)}, in hindsight")


def _rival(rival: tuple[str, float] | None) -> str:
    if rival is None:
        return "-"
    peer, ratio = rival
    most = 1 / summary.FLOOR
    return f"{ratio:.2f} {peer}" if ratio < most else f">{most:g} {peer}"


def coverage(rows: Sequence[Row]) -> None:
    """How far coverage is off, where that can be tested and where not, overall and by condition."""
    many = [row for row in rows if row.disjoint >= summary.DISJOINT]
    few = [row for row in rows if row.disjoint < summary.DISJOINT]
    show(
        "Coverage error in points (tolerance 1 at .95, .5 at .99)",
        ("disjoint windows", "rows", "at", "within", "median", "worst", "worst row", "interval holds level"),
        [line for title, held in _tested(many, few) for line in _errors(title, held)],
    )
    conditions: list[tuple[str, Callable[[Row], Floats]]] = [
        *((f"forecast {name}", lambda row, k=k: row.by_tercile[k]) for k, name in enumerate(("low", "middle", "high"))),
        *(
            (f"{24 // QUARTER_DAYS * k}-{24 // QUARTER_DAYS * (k + 1)} h", lambda row, k=k: row.by_quarter[k])
            for k in range(QUARTER_DAYS)
        ),
    ]
    show(
        "Coverage by condition: mean over rows, and the lowest tenth of the rows",
        ("", ".95 mean", ".95 lowest tenth", ".99 mean", ".99 lowest tenth"),
        [(name, *_condition(rows, part)) for name, part in conditions],
    )


def _tested(many: list[Row], few: list[Row]) -> list[tuple[str, list[Row]]]:
    limit = summary.DISJOINT
    return [(f"{limit} or more", many), (f"fewer than {limit}", few)]


def _errors(title: str, rows: Sequence[Row]) -> list[tuple[object, ...]]:
    if not rows:
        return []
    errors, lines = summary.coverage_error(rows), list[tuple[object, ...]]()
    for place, (level, inside) in enumerate(zip(summary.TOLERANCE, summary.within(errors), strict=True)):
        worst = int(np.argmax(np.abs(errors[:, place])))
        at, k = rows[worst], summary.TESTED[place]
        holding = sum(row.low[k] <= level <= row.high[k] for row in rows)
        lines.append((
            title, len(rows), f"{level:g}", inside, f"{100 * np.median(np.abs(errors[:, place])):.2f}",
            f"{100 * errors[worst, place]:+.2f}", f"{_short(at)} {at.lead}", holding,
        ))  # fmt: skip
    return lines


def _condition(rows: Sequence[Row], part: Callable[[Row], Floats]) -> list[str]:
    values = np.array([part(row)[summary.TESTED] for row in rows])
    means, lows = np.nanmean(values, axis=0), np.nanquantile(values, 0.1, axis=0)
    return [f"{value:.3f}" for pair in zip(means, lows, strict=True) for value in pair]


def ablations(rows: Sequence[Row]) -> None:
    """Each part left out: its ratios, and what leaving it out costs, on the same origins."""
    names = list(rows[0].ablations)
    base = {level: summary.geometric(summary.ratios(rows, YARDSTICK), summary.FLOOR)[level] for level in range(4)}
    lines = [("as it is", *_form(np.array(list(base.values()))), "", "", "", *_outside(rows, None))]
    for name in names:
        values = np.array(
            [summary.ratio(replace(row.duels[YARDSTICK], ours=row.ablations[name].theirs)) for row in rows]
        )
        means = summary.geometric(values, summary.FLOOR)
        costs = (f"{100 * (means[level] / base[level] - 1):+.1f}" for level in summary.UPPER)
        lines.append((name, *_form(means), *costs, *_outside(rows, name)))
    show(
        "Ablations: pinball over that of the rolling quantile (floored), change in %, rows out of tolerance",
        ("", *_LEVELS, *(f"{_LEVELS[level]} %" for level in summary.UPPER), "out .95", "out .99"),
        lines,
    )
    note(f"out: rows with {summary.DISJOINT} disjoint windows or more whose coverage is off by more than the tolerance")


def _outside(rows: Sequence[Row], name: str | None) -> list[int]:
    tested = [row for row in rows if row.disjoint >= summary.DISJOINT]
    shares = [row.coverage if name is None else row.ablations[name].their_coverage for row in tested]
    errors = np.array([share[summary.TESTED] - list(summary.TOLERANCE) for share in shares]).reshape(-1, 2)
    return (len(tested) - summary.within(errors)).tolist()


def every(rows: Sequence[Row]) -> None:
    """All rows: ratios to the rolling quantile and coverage with its interval."""
    show(
        "Every row: pinball over that of the rolling quantile; coverage in % with its bootstrap interval",
        ("* tuning series", "ahead", *_LEVELS, "covered at .95", "covered at .99"),
        [
            (
                _short(row) + " *" * row.tuning,
                row.lead,
                *_form(summary.ratio(row.duels[YARDSTICK])),
                *(_covered(row, place) for place in summary.TESTED),
            )
            for row in rows
        ],
    )


def _covered(row: Row, place: int) -> str:
    """Return the coverage and, from five days on, its interval, in %."""
    share, low, high = (100 * part[place] for part in (row.coverage, row.low, row.high))
    return f"{share:.1f}" if np.isnan(low) else f"{share:.1f} ({low:.1f}-{high:.1f})"


def _short(row: Row) -> str:
    """Return the series' name without its step, which the lead tells."""
    return re.sub(r"_\d+min", "", row.series)


def _form(values: Floats, form: str = ".3f") -> list[str]:
    return [format(float(value), form) for value in values]
