"""Series of load to play: a real trace where there is one, else a synthetic one of the same character.

Real traces lie outside the repository: in `$BAYESCALER_TRACES`, or in `shared/traces` beside the working
tree.  A folder holds files of `timestamp,value` and an `INDEX.csv` with at least the columns `file`, `unit`
(`count`: per step, anything else: as it is) and `step_seconds`.
"""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[4] / "shared" / "traces"
DEFAULT_TRACE = "crane_prod_app_metric11_1min"  # every day at one minute it rises eightfold in three
DAY_SECONDS = 86_400.0
SYNTHETIC_DAYS = 28
SYNTHETIC_STEP_SECONDS = 60.0
SYNTHETIC_BASE = 10.0


@dataclass(frozen=True)
class Series:
    """A load, bucket by bucket: `values` of shape (n,), per second (or a gauge's reading); NaN is missing."""

    name: str
    values: NDArray[np.float64]
    step_seconds: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.values) * self.step_seconds

    def starts(self, begins: float) -> NDArray[np.float64]:
        """Give the start of every bucket, shape (n,), where the first starts at `begins`."""
        return np.arange(len(self.values), dtype=np.float64) * self.step_seconds + begins

    def played_with_step(self, step_seconds: float) -> Self:
        """Give the same loads in buckets of another length: a tenth as long plays a day in 2.4 hours."""
        return replace(self, step_seconds=step_seconds)

    def scaled_to_peak(self, peak: float, *, quantile: float = 0.999) -> Self:
        """Scale it so that its `quantile` is `peak`."""
        return replace(self, values=self.values * (peak / np.nanquantile(self.values, quantile)))

    def from_bucket(self, first: int) -> Self:
        """Give the part that starts at bucket `first`."""
        return replace(self, values=self.values[first:])

    def daily_rise(self, *, ramp_seconds: float, after_seconds: float, day_seconds: float = DAY_SECONDS) -> int:
        """Find the first bucket, `after_seconds` or more from the start, at which the usual day rises most.

        The rise is that of the mean day: from the mean over `ramp_seconds` before to that over `ramp_seconds`
        from the bucket on.  It is thus what the history has taught, not what happens on that one day.
        `day_seconds` is the day's length as played.
        """
        a_day = round(day_seconds / self.step_seconds)
        ramp = max(1, round(ramp_seconds / self.step_seconds))
        whole_days = len(self.values) // a_day
        if whole_days < 2:
            raise ValueError(f"{self.name}: {len(self.values)} buckets hold no two days of {a_day}")
        profile = np.nanmean(self.values[: whole_days * a_day].reshape(whole_days, a_day), axis=0)
        around = np.concatenate([profile[-ramp:], profile, profile[:ramp]])
        means = np.convolve(around, np.full(ramp, 1 / ramp), mode="valid")
        slot = int(np.argmax(means[ramp:] - means[:-ramp])) % a_day
        earliest = int(np.ceil(after_seconds / self.step_seconds))
        bucket = earliest + (slot - earliest) % a_day
        if bucket + ramp > len(self.values):
            raise ValueError(
                f"{self.name} lasts {self.seconds:g} s: no daily rise after {after_seconds:g} s of history"
            )
        return bucket


def traces_folder() -> Path | None:
    """Give the folder of real traces, None where there is none; one that is named but wrong is an error."""
    named = os.environ.get("BAYESCALER_TRACES")
    if named:
        if not (Path(named) / "INDEX.csv").is_file():
            raise FileNotFoundError(f"BAYESCALER_TRACES={named}: no INDEX.csv there")
        return Path(named)
    return BESIDE_THE_REPOSITORY if (BESIDE_THE_REPOSITORY / "INDEX.csv").is_file() else None


def load_series(name: str = DEFAULT_TRACE) -> Series:
    """Read the real trace `name` (its file's stem); where there are no traces, make the synthetic one."""
    folder = traces_folder()
    return synthetic_series() if folder is None else read_series(folder, name)


def read_series(folder: Path, name: str) -> Series:
    """Read one trace of a folder, in load per second; a gauge stays as it is."""
    with (folder / "INDEX.csv").open(newline="") as index:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(index)}
    if name not in rows:
        raise KeyError(f"no trace {name!r} in {folder}/INDEX.csv; there are: {', '.join(sorted(rows))}")
    row = rows[name]
    with (folder / row["file"]).open(newline="") as file:
        values = np.array([float(one["value"] or "nan") for one in csv.DictReader(file)])
    step_seconds = float(row["step_seconds"])
    return Series(name, values / step_seconds if row["unit"] == "count" else values, step_seconds)


def synthetic_series(*, seed: int = 1) -> Series:
    """Make four weeks of Poisson requests that rise eightfold in minutes each morning, as where work begins on time."""
    rng = np.random.default_rng(seed)
    buckets = round(SYNTHETIC_DAYS * DAY_SECONDS / SYNTHETIC_STEP_SECONDS)
    hours = np.arange(buckets) * SYNTHETIC_STEP_SECONDS / 3600
    of_day, day = hours % 24, hours // 24
    at_work = (np.tanh((of_day - 9) * 60) - np.tanh((of_day - 18) * 2)) / 2
    curve = 1 + 0.3 * np.sin(2 * np.pi * (of_day - 8) / 24)
    weekly = np.where(day % 7 < 5, 1.0, 0.8)
    wandering = np.exp(np.cumsum(rng.normal(0, 0.002, buckets)))
    rate = SYNTHETIC_BASE * curve * (1 + 7 * at_work) * weekly * wandering
    values = rng.poisson(rate * SYNTHETIC_STEP_SECONDS) / SYNTHETIC_STEP_SECONDS
    return Series("synthetic", values, SYNTHETIC_STEP_SECONDS)
