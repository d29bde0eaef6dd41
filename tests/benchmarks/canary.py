"""How soon a canary is judged, and whether the rest of the series says otherwise.

Both settings are warmed up with the first half of a series and compared on the second, a lead of two buckets, the 0.95
quantile, no verdict before a day. A verdict is contradicted where the other one lost more over the whole half.

python tests/benchmarks/canary.py --traces FOLDER
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forecast.series import DAY_SECONDS, WEEK_SECONDS, Series, read, synthetic
from numpy.typing import NDArray
from parts.table import note, show

from bayescaler.policy.canary import FEWEST_WINDOWS, LOSSES_A_UNIT, Book, Verdict
from bayescast import LEVELS, Family, Forecaster, ForecastSpec

LEVEL, LEAD = 0.95, 2
AFTER_SECONDS = DAY_SECONDS
BOTH, DAILY, NONE = (DAY_SECONDS, WEEK_SECONDS), (DAY_SECONDS,), ()
TRIALS = {
    "no season -> daily and weekly": ((NONE, Family.AUTO), (BOTH, Family.AUTO)),
    "daily and weekly -> no season": ((BOTH, Family.AUTO), (NONE, Family.AUTO)),
    "daily -> daily and weekly": ((DAILY, Family.AUTO), (BOTH, Family.AUTO)),
    "PoissonGamma -> Gaussian": ((BOTH, Family.POISSON_GAMMA), (BOTH, Family.GAUSSIAN)),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one trial: the verdict, after how many days, and the ratio of losses over the whole half."""

    tuning: bool
    verdict: Verdict
    days: float
    ratio: float

    @property
    def contradicted(self) -> bool:
        """Whether the whole half says otherwise."""
        return self.verdict is not Verdict.UNDECIDED and (self.ratio < 1.0) is not (self.verdict is Verdict.BETTER)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with INDEX.csv; default: loads made from seeds")
    arguments = parser.parse_args()
    outcomes: dict[str, list[Outcome]] = {name: [] for name in TRIALS}
    for series in read(arguments.traces) if arguments.traces else synthetic():
        issued = {setting: _issued(series, *setting) for pair in TRIALS.values() for setting in pair}
        for name, (live, canary) in TRIALS.items():
            if (found := tried(series, issued[live], issued[canary])) is not None:
                outcomes[name].append(found)
    for kind, chosen in (("tuning", True), ("kept apart", False)):
        known = {name: [one for one in found if one.tuning is chosen] for name, found in outcomes.items()}
        columns = ["live -> canary", "better", "worse", "neither", "contradicted", "days", "off 1 where neither"]
        show(f"canaries, {kind}", columns, [[name, *_row(found)] for name, found in known.items()])
    note("days until decided and distance of the ratio of losses from 1: medians")


def _issued(series: Series, seasons: tuple[float, ...], family: Family) -> tuple[NDArray[np.float64], float]:
    """Return the quantile after each bucket, (n,), and the mean loss of the first half."""
    fitting = tuple(season for season in seasons if season >= 2 * series.step_seconds)
    spec = ForecastSpec(series.step_seconds, (LEAD,), kind=series.kind, seasons=fitting, family=family)
    half = Forecaster(spec).fit(series.times[: series.half], series.values[: series.half]).diagnostics()
    loss = half.pinball[LEVEL] if half.disjoint_windows >= FEWEST_WINDOWS else 0.0
    return Forecaster(spec).replay(series.times, series.values)[LEAD][:, LEVELS.index(LEVEL)], loss


def tried(
    series: Series, live: tuple[NDArray[np.float64], float], canary: tuple[NDArray[np.float64], float]
) -> Outcome | None:
    """Return what comes of a trial on the second half, None where there is nothing to count losses in."""
    if not live[1] > 0.0:
        return None
    book, verdict, days = Book(LEVEL, LOSSES_A_UNIT * live[1]), Verdict.UNDECIDED, np.nan
    for origin in range(series.half, len(series.values) - LEAD, LEAD):
        window = series.values[origin + 1 : origin + 1 + LEAD]
        if np.isnan(window).any():
            continue
        book = book.scored(float(live[0][origin]), float(canary[0][origin]), float(window.max()))
        passed = float(series.times[origin] - series.times[series.half])
        if verdict is Verdict.UNDECIDED and passed >= AFTER_SECONDS and book.verdict is not verdict:
            verdict, days = book.verdict, passed / DAY_SECONDS
    return None if book.ratio is None else Outcome(series.tuning, verdict, days, book.ratio)


def _row(found: list[Outcome]) -> list[str]:
    counts = [sum(one.verdict is verdict for one in found) for verdict in (Verdict.BETTER, Verdict.WORSE)]
    days = [one.days for one in found if one.verdict is not Verdict.UNDECIDED]
    off = [abs(one.ratio - 1.0) for one in found if one.verdict is Verdict.UNDECIDED]
    return [
        *(str(count) for count in (*counts, len(off), sum(one.contradicted for one in found))),
        f"{np.median(days):.1f}" if days else "-",
        f"{np.median(off):.1%}" if off else "-",
    ]


if __name__ == "__main__":
    main()
