"""The series that are judged: a folder of traces, or loads of known nature made from seeds."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from parts.load import MONDAY

from bayescaler.sandbox.traffic import traffic
from bayescaler.sources.trace import read_trace
from bayescast import Kind

Floats = NDArray[np.float64]

DAY_SECONDS, WEEK_SECONDS = 86_400.0, 604_800.0
LEAD_SECONDS = (120, 600, 3600)
COARSE_STEP_SECONDS = 300  # of a coarser series, windows of one and of two buckets are judged
# Parameters may be chosen on these alone, by name; everything else is only reported.
TUNING = (
    "wc98*1998-05-04*", "nab_elb*", "*_GOOG_*", "*_UPS_*", "*ec2_cpu_fe7f93*", "*asg_cpu*", "crane*metric02*",
    "crane*metric10*", "azure_functions*fn40d07b*", "azure_functions*fn4be8e6*", "servegen*m-large_total*",
    "azure_vm2017*",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One load on a regular grid: `times` are bucket starts (epoch seconds), NaN is a missing bucket; shapes (n,)."""

    name: str
    kind: Kind
    step_seconds: float
    times: Floats
    values: Floats

    @property
    def tuning(self) -> bool:
        """Whether parameters were chosen on it."""
        return any(fnmatch(self.name, pattern) for pattern in TUNING)

    @property
    def leads(self) -> list[int]:
        """Window lengths judged, in buckets; each fits eight times into the series."""
        coarse = self.step_seconds > COARSE_STEP_SECONDS
        lengths = {1, 2} if coarse else {max(1, round(length / self.step_seconds)) for length in LEAD_SECONDS}
        return sorted(lead for lead in lengths if 8 * lead <= len(self.values))

    @property
    def half(self) -> int:
        """First origin that is judged."""
        return len(self.values) // 2

    def buckets(self, seconds: float) -> int:
        """How many buckets last so long; at least one."""
        return max(1, round(seconds / self.step_seconds))

    @property
    def unit(self) -> float:
        """What peers take for one event: 1 of a count, else a hundredth of the median of what is not zero."""
        present = self.values[self.values > 0.0]
        return 1.0 if self.kind is Kind.COUNT or not len(present) else float(np.median(present)) / 100.0

    @property
    def loads(self) -> Floats:
        """What peers see, in units of `unit`: a missing bucket repeats the one before it."""
        known = np.flatnonzero(~np.isnan(self.values))
        before = np.searchsorted(known, np.arange(len(self.values)), side="right") - 1
        return self.values[known[np.maximum(before, 0)]] / self.unit


def read(folder: Path) -> list[Series]:
    """Read every series that the folder's INDEX.csv names, with its unit."""
    index = folder / "INDEX.csv"
    if not index.is_file():
        raise SystemExit(f"{index} is not there: it has a row a series, with the columns file, unit and step_seconds")
    with index.open(encoding="utf-8", newline="") as file:
        return [_trace(folder / row["file"], row["unit"]) for row in csv.DictReader(file)]


def _trace(path: Path, unit: str) -> Series:
    kind = Kind(unit) if unit in {"count", "rate"} else Kind.GAUGE
    trace = read_trace(path, unit=kind.value)
    return Series(path.stem, kind, trace.step_seconds, trace.times, trace.values)


def synthetic(days: float = 10.0) -> list[Series]:
    """Loads of known nature: the same numbers for the same days."""
    return [
        _made(name, kind, step_seconds, round(days * DAY_SECONDS / step_seconds), make)
        for name, (kind, step_seconds, make) in _MADE.items()
    ]


def _made(name: str, kind: Kind, step_seconds: float, buckets: int, make: Callable[..., Floats]) -> Series:
    times = MONDAY + step_seconds * np.arange(buckets, dtype=np.float64)
    return Series(name, kind, step_seconds, times, make(times, np.random.default_rng(len(name))))


def _web(times: Floats, _: np.random.Generator) -> Floats:
    """Requests of a site in five minutes: the sandbox's days, weekends, lunch spikes and a flash crowd at the end."""
    step = times[1] - times[0]
    return traffic(times[0], days=len(times) * step / DAY_SECONDS, step_seconds=step).rates * step


def _steps(times: Floats, random: np.random.Generator) -> Floats:
    """Poisson about a level that is multiplied by three, or divided, about twice a day and stays."""
    changes = random.random(len(times)) < 2 * (times[1] - times[0]) / DAY_SECONDS
    return random.poisson(20.0 * 3.0 ** (np.cumsum(changes) % 3)).astype(np.float64)


def _cron(times: Floats, random: np.random.Generator) -> Floats:
    """Nothing, but for a batch of about fifty each full hour and a stray event now and then."""
    starts = times % 3600.0 < times[1] - times[0]
    return random.poisson(np.where(starts, 50.0, 0.02)).astype(np.float64)


def _bursty(times: Floats, random: np.random.Generator) -> Floats:
    """Gamma-Poisson events, eight times as many within bursts that last half an hour and come six times a day."""
    step = times[1] - times[0]
    inside, left = np.zeros(len(times), dtype=bool), 0.0
    for bucket, chance in enumerate(random.random(len(times))):
        left = random.exponential(1800.0) if left <= 0.0 and chance < 6 * step / DAY_SECONDS else left - step
        inside[bucket] = left > 0.0
    return random.poisson(random.gamma(4.0, np.where(inside, 8.0, 1.0) * 2.5)).astype(np.float64)


def _gauge(times: Floats, random: np.random.Generator) -> Floats:
    """Percent of a processor: a daily wave with noise that remembers, saturated at 100."""
    noise, held = np.empty(len(times)), 0.0
    for bucket, shock in enumerate(random.normal(0.0, 4.0, len(times))):
        noise[bucket] = held = 0.8 * held + shock
    return np.clip(55.0 - 40.0 * np.cos(2 * np.pi * times / DAY_SECONDS) + noise, 0.5, 100.0)


_MADE: dict[str, tuple[Kind, float, Callable[..., Floats]]] = {
    "made_web_requests_5min": (Kind.COUNT, 300.0, _web),
    "made_steps_5min": (Kind.COUNT, 300.0, _steps),
    "made_cron_5min": (Kind.COUNT, 300.0, _cron),
    "made_bursts_5min": (Kind.COUNT, 300.0, _bursty),
    "made_cpu_percent_5min": (Kind.GAUGE, 300.0, _gauge),
}
