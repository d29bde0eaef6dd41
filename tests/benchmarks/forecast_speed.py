"""Speed, memory and start of the forecaster, beside its peers: a rolling quantile, river, pybats, statsforecast.

Times are of the processor and the best of several passes: what a bucket costs where nobody disturbs. A peer's bucket
is an update and the path of point forecasts that its quantiles would be taken from; refits are spread over their hour.

python tests/benchmarks/forecast_speed.py --workloads 20000
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from forecast import online, refitted
from forecast.series import DAY_SECONDS
from parts import load
from parts.table import note, show

from bayescast import LEVELS, Bank, Forecaster, ForecastSpec, warm_up

MINUTES, FIVE_MINUTES = ForecastSpec(60.0, (10,)), ForecastSpec(300.0, (12,))
NAIVE_WINDOW = 2000  # buckets of a rolling quantile of log ratios, what one would write in five lines
FIRST_FORECAST = """
from bayescast import Forecaster, ForecastSpec
Forecaster(ForecastSpec(60.0, (10,))).fit([0.0, 60.0], [1.0, 2.0]).predict().quantile(0.95)
"""


def seconds(run: Callable[[], object], passes: int) -> float:
    """Processor time of the quickest pass."""
    best = float("inf")
    for _ in range(passes):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best


def replayed(times: np.ndarray, rates: np.ndarray) -> float:
    """Microseconds a bucket: update and nine quantiles, one workload."""
    return 1e6 * seconds(lambda: Forecaster(MINUTES).replay(times, rates), 7) / len(times)


def banked(spec: ForecastSpec, workloads: int, ticks: int = 40) -> float:
    """Microseconds a workload and bucket, all of a bank in one call; the first windows end before the passes count."""
    bank = Bank(spec, capacity=workloads)
    rows = np.array([bank.add(spec) for _ in range(workloads)])
    rng = np.random.default_rng(0)
    means, best = rng.gamma(2.0, 30.0, workloads), float("inf")
    for tick in range(ticks):
        values, times = rng.poisson(means).astype(np.float64), np.full(workloads, spec.step_seconds * tick)
        took = seconds(lambda: bank.update(rows, times, values), 1)  # noqa: B023  # called at once
        best = min(best, took) if tick > 2 * spec.leads[0] else best
    return 1e6 * best / workloads


def naive(rates: np.ndarray, lead: int, buckets: int = 300) -> float:
    """Microseconds a bucket of the rolling quantiles, in numpy."""
    ratios = np.log(np.lib.stride_tricks.sliding_window_view(rates[1:], lead).max(axis=1) + 0.5)
    ratios -= np.log(rates[: len(ratios)] + 0.5)
    ends = range(len(ratios) - buckets, len(ratios))

    def run() -> None:
        for end in ends:
            np.quantile(ratios[end - NAIVE_WINDOW : end], LEVELS)

    return 1e6 * seconds(run, 3) / buckets


def peers(rates: np.ndarray, step_seconds: float, lead: int) -> list[tuple[str, float]]:
    """Name and microseconds a bucket of every peer that is installed."""
    day, hour = round(DAY_SECONDS / step_seconds), round(refitted.HOUR_SECONDS / step_seconds)
    found = list[tuple[str, float]]()
    for library, measure in (("river", _river), ("pybats", _pybats), ("statsforecast", _statsforecast)):
        if find_spec(library) is None:
            note(f"left out: {library} is not installed: uv sync --group bench")
            continue
        found += measure(rates, day, hour, lead)
    return found


def _river(rates: np.ndarray, day: int, _: int, lead: int) -> list[tuple[str, float]]:
    model = online.snarimax_model(day)
    for rate in rates[-3 * day : -day].tolist():
        model.learn_one(rate)

    def update(rate: float) -> None:
        model.learn_one(rate)
        model.forecast(lead)

    return [(f"river SNARIMAX, update and {lead} buckets ahead", _each(update, rates[-day:]))]


def _pybats(rates: np.ndarray, day: int, _: int, lead: int) -> list[tuple[str, float]]:
    gaussian, poisson = online.linear_model(day), online.poisson_model(day)
    ahead = online.steps_ahead(gaussian, lead)

    def update(rate: float) -> None:
        gaussian.update(rate)
        ahead @ gaussian.a

    return [
        (f"pybats DLM, update and {lead} buckets ahead", _each(update, rates[-day:])),
        ("pybats Poisson DGLM, exact, update alone", _each(poisson.update, np.rint(rates[-day:]))),
    ]


def _statsforecast(rates: np.ndarray, day: int, hour: int, lead: int) -> list[tuple[str, float]]:
    fits = (("AutoETS", refitted.ETS_WINDOW_SECONDS, refitted.follow_ets),
            ("MSTL", refitted.MSTL_WINDOW_SECONDS, partial(refitted.follow_mstl, day=day)))  # fmt: skip
    found = []
    for name, reach, follow in fits:
        days = round(reach / DAY_SECONDS)
        window, coming = rates[-days * day - hour + 1 : 1 - hour], rates[1 - hour :]
        took = seconds(partial(follow, window, coming, lead), 2)
        found.append((f"{name} on {days} days, refitted hourly ({1e3 * took:.0f} ms a refit)", 1e6 * took / hour))
    return found


def _each(update: Callable[[float], object], rates: np.ndarray, buckets: int = 500) -> float:
    """Microseconds a call, over the newest buckets."""
    newest = rates[-buckets:].tolist()

    def run() -> None:
        for rate in newest:
            update(rate)

    return 1e6 * seconds(run, 3) / len(newest)


def started(cache: str) -> float:
    """Seconds from a new process to its first forecast."""
    began = time.perf_counter()
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    subprocess.run([sys.executable, "-c", FIRST_FORECAST], check=True, env=environment)  # our own text
    return time.perf_counter() - began


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=int, default=20_000)
    parser.add_argument("--days", type=float, default=14.0)
    arguments = parser.parse_args()
    warm_up()
    times, rates = load.history(arguments.days)
    one, rolling = replayed(times, rates), naive(rates, MINUTES.leads[0])
    show(
        "One lead, nine quantiles at every bucket",
        ("", "us a bucket", "budget"),
        [
            (f"replay of {arguments.days:g} days at 1 min", f"{one:.2f}", f"{5e4 / len(times):.2f}"),
            (f"bank of {arguments.workloads}, 5 min", f"{banked(FIVE_MINUTES, arguments.workloads):.2f}", "1.50"),
            ("bank of 200, 5 min", f"{banked(FIVE_MINUTES, 200, 200):.2f}", "1.50"),
        ],
    )
    others = [(f"rolling quantile of {NAIVE_WINDOW} buckets, numpy", rolling), *peers(rates, 60.0, MINUTES.leads[0])]
    show(
        f"Peers at 1 min, {MINUTES.leads[0]} buckets ahead, in the same run",
        ("", "us a bucket", "times ours"),
        [(name, f"{cost:,.0f}", f"{cost / one:,.0f}") for name, cost in others],
    )
    note(f"replay: {one * len(times) / 1e3:.0f} ms for {len(times)} buckets")
    show(
        "State of a workload",
        ("", "KB", "budget"),
        [
            ("1 min, ten buckets ahead, day and week", f"{Bank(MINUTES).bytes_per_row / 1e3:.1f}", "100"),
            ("5 min, twelve buckets ahead, day and week", f"{Bank(FIVE_MINUTES).bytes_per_row / 1e3:.1f}", "40"),
            ("checkpoint, 1 min", f"{len(Forecaster(MINUTES).fit(times, rates).checkpoint()) / 1e3:.1f}", ""),
        ],
    )
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = started(cache), started(cache)
    show(
        "A new process to its first forecast",
        ("", "s", "budget"),
        [("cold", f"{cold:.1f}", "8"), ("warm", f"{warm:.1f}", "2")],
    )


if __name__ == "__main__":
    main()
