"""A backtest as options and as files: start-up times and peers, decisions as CSV, figures as JSON."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from bayescaler.api import seconds

if TYPE_CHECKING:
    from bayescaler.replay.backtest import Backtest
    from bayescaler.replay.ours import Decided
    from bayescaler.replay.startup import StartUp

HEADER = "timestamp,load,demand,desired_replicas,limiter"
_DRAWN = re.compile(r"(uniform|lognormal)\(([^,()]+),([^,()]+)\)")


class StartUpTime(click.ParamType["StartUp"]):
    """`60s`, `uniform(30s,90s)` or `lognormal(60s,120s)` -> a distribution of start-up times."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "StartUp":
        """Return the distribution."""
        from bayescaler.replay import startup

        if isinstance(value, startup.StartUp):
            return value
        text = str(value).strip()
        try:
            if drawn := _DRAWN.fullmatch(text.replace(" ", "")):
                made: startup.StartUp = getattr(startup, drawn[1])(seconds(drawn[2]), seconds(drawn[3]))
                return made
            return startup.constant(seconds(text))
        except ValueError as error:
            self.fail(f"{error}; give 60s, uniform(30s,90s) or lognormal(60s,120s)", param, ctx)


class Compared(click.ParamType[tuple[str, ...]]):
    """`hpa,kpa`, `all` or `none` -> names of baselines."""

    name = "name,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names, each once, in the order given."""
        from bayescaler.replay.baselines import BASELINES

        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",")))
        if names == ("all",):
            return tuple(BASELINES)
        if names == ("none",):
            return ()
        for name in names:
            if name not in BASELINES:
                self.fail(f"there is no baseline {name!r}; there are {', '.join(BASELINES)}", param, ctx)
        return names


STARTUP, COMPARED = StartUpTime(), Compared()


def write_csv(path: Path, decided: "Decided") -> None:
    """Write one row a decision: its instant, the load and the demand it saw, what it came to; empty where unknown."""
    columns = (
        _stamps(decided.instants),
        _texts(decided.load),
        _texts(decided.demand),
        map(str, decided.replicas.tolist()),
        map(str, decided.limiters),
    )
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        file.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def plain(found: "Backtest") -> dict[str, Any]:
    """Return all figures of a backtest as JSON can hold them."""
    from bayescast.scorecard import plain as without_nan

    case, scenario = found.case, found.case.scenario
    records = found.decided.decisions([place for m in found.moments for place in (m.decided, m.answered)])
    rendered: dict[str, Any] = without_nan(
        {
            "name": case.name,
            "assumed": {
                "start": scenario.start,
                "step_seconds": scenario.step_seconds,
                "buckets": len(scenario.loads),
                "missing": int(np.isnan(scenario.loads).sum()),
                "learned_buckets": scenario.learned,
                "capacity": scenario.capacity,
                "aim": case.policy.aim,
                "buffer": case.policy.buffer,
                "lead": case.spec.leads[0],
                "start_up": scenario.start_up.name,
                "lag_seconds": scenario.lag_seconds,
                "interval_seconds": scenario.interval_seconds,
                "seed": scenario.seed,
                "prices": asdict(found.prices),
            },
            "policies": [asdict(one) | {"violating_share": one.outcome.violating_share} for one in found.judgements],
            "frontier": {
                one.name: [
                    {"knob": knob, "violating_share": share, "pod_hours": hours}
                    for knob, share, hours in zip(one.knobs, one.violating.tolist(), one.cost.tolist(), strict=True)
                ]
                for one in (found.ours, found.hpa, found.clairvoyant)
            },
            "at_equal_violation": [asdict(one) for one in found.comparisons],
            "short_at_their_cost": found.at_their_cost,
            "at_own_violation": asdict(found.own),
            "waits": {
                name: {key: value for key, value in asdict(one).items() if key != "backlog"}
                for name, one in found.waits.items()
            },
            "calibration": asdict(found.calibration),
            "moments": [
                asdict(moment) | {"decided": _record(before), "answered": _record(during)}
                for moment, before, during in zip(found.moments, records[::2], records[1::2], strict=True)
            ],
        }
    )
    return rendered


def _record(decision: Any) -> dict[str, Any]:
    from bayescaler.control.decision_log import record

    return record(decision) | {"message": decision.message}


def _stamps(instants: NDArray[np.float64]) -> list[str]:
    whole = bool(np.all(instants == np.round(instants)))
    stamps = np.round(instants * (1 if whole else 1000)).astype("datetime64[s]" if whole else "datetime64[ms]")
    return [f"{stamp}Z" for stamp in np.datetime_as_string(stamps).tolist()]


def _texts(values: NDArray[np.float64]) -> list[str]:
    """Return numbers as text, NaN as nothing; load and demand stand still for a bucket, so few differ."""
    different, places = np.unique(values, return_inverse=True)
    texts = np.array(["" if np.isnan(value) else f"{value:.10g}" for value in different], dtype=object)
    found: list[str] = texts[places].tolist()
    return found
