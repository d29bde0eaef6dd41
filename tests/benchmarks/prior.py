"""What a group prior is worth: pinball of a new workload that starts from one, over that of one that does not.

Every series in turn is new: the others of its group are fitted on their first halves, and it begins within its second
half, at three hours of the day. `group` is the prior of its own kind, `other` that of a kind it does not belong to, and
`itself` that of its own first half. Without traces, the groups are services of the sandbox of like days and sizes from
1 to 100.

    python tests/benchmarks/prior.py --traces FOLDER

FOLDER holds CSV of `timestamp,value`, and may hold INDEX.csv with the columns `file`, `unit` and `source_family`.
"""

import argparse
import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from parts.load import MONDAY
from parts.table import note, show

from bayescaler.sandbox.traffic import Shape, traffic
from bayescaler.sources.trace import Trace, read_trace
from bayescast import LEVELS, Forecaster, ForecastSpec, Kind, Prior, pool
from bayescast.scores import pinball, window_max

DAY = 86400.0
JUDGED = (0.5, 0.9, 0.95, 0.99)
SPANS = {"6 hours": DAY / 4, "day 1": DAY, "3 days": 3 * DAY}
WINDOWS = (600.0, 3600.0)
UNITS = {"count": "count", "rate": "rate"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One workload, and its forecaster after the first half."""

    load: Trace
    spec: ForecastSpec
    learned: Forecaster


Groups = dict[tuple[str, str, float], dict[str, Series]]


def series(load: Trace) -> Series:
    """Fit the first half."""
    leads = tuple(sorted({max(1, round(window / load.step_seconds)) for window in WINDOWS}))
    spec = ForecastSpec(load.step_seconds, leads, kind=Kind(load.unit))
    half = len(load.times) // 2
    return Series(load, spec, Forecaster(spec).fit(load.times[:half], load.values[:half]))


def recorded(folder: Path) -> Groups:
    """Group the traces of a folder by origin, unit and step."""
    index = folder / "INDEX.csv"
    about = {row["file"]: row for row in csv.DictReader(index.open())} if index.exists() else {}
    groups: Groups = defaultdict(dict)
    for path in sorted(folder.glob("*.csv")):
        if path == index:
            continue
        told = about.get(path.name, {})
        unit = UNITS.get(told.get("unit", "rate"), "gauge")
        load = read_trace(path, unit=Kind(unit).value)
        groups[told.get("source_family", path.stem.split("_")[0]), unit, load.step_seconds][path.stem] = series(load)
    return groups


def made() -> Groups:
    """Two kinds of service, six of each: a day with two peaks, and one that is the other way round."""
    random, groups = np.random.default_rng(7), Groups()
    for name, offset in (("by day", 0.0), ("by night", 12.0)):
        kind: dict[str, Series] = {}
        for number in range(6):
            shape = Shape(
                peak_per_second=float(np.exp(random.uniform(np.log(20.0), np.log(2000.0)))),
                utc_offset_hours=offset,
                weekend_share=random.uniform(0.5, 0.9),
                lunch_factor=random.uniform(1.1, 1.8),
                drift=random.uniform(0.05, 0.2),
                dispersion=random.uniform(5.0, 200.0),
                flash_hour=None,
            )
            load = traffic(MONDAY, days=16, step_seconds=300.0, seed=number, shape=shape)
            kind[f"{name} {number}"] = series(Trace(load.times, load.rates, load.step_seconds))
        groups[name, "rate", 300.0] = kind
    return groups


def starts(new: Series) -> list[int]:
    """Buckets at which it is new: within the second half, a day and nine hours apart, with a day to judge."""
    day, half = round(DAY / new.load.step_seconds), len(new.load.times) // 2
    return [at for at in (half + round(k * 1.375 * day) for k in range(3)) if at + 1.2 * day < len(new.load.times)]


def losses(new: Series, start: int, prior: Prior | None) -> tuple[Floats, Floats]:
    """Pinball (spans, leads, levels) and coverage of .95 (spans, leads) of one that begins at a bucket."""
    step = new.load.step_seconds
    end = min(len(new.load.times), start + round(SPANS["3 days"] / step) + max(new.spec.leads))
    times, loads = new.load.times[start:end], new.load.values[start:end]
    issued = Forecaster(new.spec, prior).replay(times, loads)
    lost = np.empty((len(SPANS), len(new.spec.leads), len(JUDGED)))
    covered = np.empty(lost.shape[:2])
    for place, lead in enumerate(new.spec.leads):
        maxima = window_max(loads, lead)
        for row, span in enumerate(SPANS.values()):
            part = slice(1, round(span / step))
            known = np.isfinite(maxima[part]) & np.isfinite(issued[lead][part, 0])
            top, quantiles = maxima[part][known], issued[lead][part][known]
            lost[row, place] = pinball(quantiles, top)[[LEVELS.index(level) for level in JUDGED]]
            covered[row, place] = (top <= quantiles[:, LEVELS.index(0.95)]).mean()
    return lost, covered


def compare(groups: Groups) -> list[tuple[str, ...]]:
    """One row for each group and prior."""
    rows: list[tuple[str, ...]] = []
    for (name, unit, step), members in groups.items():
        others = [kind for key, kind in groups.items() if key[1:] == (unit, step) and key[0] != name]
        base = {(new, at): losses(members[new], at, None) for new in members for at in starts(members[new])}
        priors: dict[str, dict[str, Prior]] = {"itself": {new: pool([members[new].learned]) for new in members}}
        if len(members) > 1:
            priors["group"] = {
                new: pool([kin.learned for other, kin in members.items() if other != new]) for new in members
            }
        if others:
            foreign = pool([one.learned for one in others[0].values()])
            priors["other"] = dict.fromkeys(members, foreign)
        for kind, by_new in sorted(priors.items()):
            found = {(new, at): losses(members[new], at, by_new[new]) for new, at in base}
            rows.append(_row(f"{name[:20]}, {unit} {step:g} s", kind, len(members), base, found))
    return rows


def _row(name: str, kind: str, members: int, base: dict, found: dict) -> tuple[str, ...]:
    if not base:
        return (name, kind, str(members), *["-"] * 7)
    logs = np.array([np.log((found[key][0] + 1e-12) / (base[key][0] + 1e-12)).mean(axis=(1, 2)) for key in base])
    covered = [np.mean([run[key][1][1].mean() for key in base]) for run in (base, found)]
    levels = np.array([np.log((found[key][0][1] + 1e-12) / (base[key][0][1] + 1e-12)).mean(axis=0) for key in base])
    upper = np.exp(levels.mean(axis=0))[-1]
    mean, worst = np.exp(logs.mean(axis=0)), np.exp(logs[:, 1:].max(axis=0))
    return (
        name,
        kind,
        str(members),
        *(f"{ratio:.2f}" for ratio in (*mean, upper, *worst)),
        ", ".join(f"{share:.1%}" for share in covered),
    )


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder of CSV traces; default: services of the sandbox")
    arguments = parser.parse_args()
    rows = compare(recorded(arguments.traces) if arguments.traces else made())
    columns = ("group", "prior", "of", *SPANS, ".99 day 1", "worst day 1", "worst 3 d", "day 1 in .95")
    show("pinball with a prior over that without", columns, rows)
    note("geometric means over series, starts, windows of 10 min and 1 h, and the levels .5, .9, .95, .99;")
    note("worst: of one series and start; in .95: coverage of that quantile, without and with the prior")
    for kind in ("group", "itself", "other"):
        chosen = [row for row in rows if row[1] == kind and row[3] != "-"]
        if chosen:
            means = [np.exp(np.mean([np.log(float(row[place])) for row in chosen])) for place in (3, 4, 5)]
            note(f"{kind}: " + ", ".join(f"{span} {mean:.2f}" for span, mean in zip(SPANS, means, strict=True)))


if __name__ == "__main__":
    main()
