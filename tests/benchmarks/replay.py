"""Fourteen days at one minute: quantiles, decisions at every bucket and every 15 s, the lab's service and baselines.

python tests/benchmarks/replay.py --days 56
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from parts import load
from parts.table import note, show, spread

from bayescaler.policy import Policy
from bayescaler.replay.backtest import Case, backtest, quantile_frontier
from bayescaler.replay.baselines import BASELINES, Clairvoyant, Hpa, baseline, sweep
from bayescaler.replay.frontier import compare, frontier, least
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.queueing import queue
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import lognormal
from bayescast import Forecaster, ForecastSpec, warm_up

BUDGET_MS = 150.0
CAPACITY, LEAD = 50.0, 2
SPEC = ForecastSpec(load.STEP_SECONDS, (LEAD,))
TARGETS = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))
Stages = tuple[tuple[str, Callable[[], object]], ...]


def milliseconds(run: Callable[[], object], repeats: int) -> list[float]:
    """Time of each of so many runs."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - began))
    return taken


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warm_up()
    times, rates = load.history(arguments.days)
    case = Scenario(rates, load.STEP_SECONDS, CAPACITY, start=float(times[0]), max_replicas=60)
    slow = replace(case, interval_seconds=load.STEP_SECONDS)
    policy = Policy(2, 60, CAPACITY, buffer=0.1)
    issued, slowly = forecasts(case, SPEC), forecasts(slow, SPEC)
    production: Stages = (
        ("fit: state updates alone", lambda: Forecaster(SPEC).fit(times, rates)),
        ("replay: updates and nine quantiles a bucket", lambda: Forecaster(SPEC).replay(times, rates)),
        ("decisions at every bucket", lambda: decided(slowly, policy)),
        ("decisions every 15 s", lambda: decided(issued, policy)),
        ("the same at nine quantiles", lambda: quantile_frontier(issued, policy)),
        ("a backtest beside the HPA, with its sweeps", lambda: backtest(Case("shop/web", policy, SPEC, case), ["hpa"])),
    )
    median = table(f"{arguments.days:g} days, {len(times):,} buckets", production, len(times), arguments.repeats)
    note(f"quantiles and decisions at every bucket: {median[1] + median[2]:.0f} ms, budget at 14 days {BUDGET_MS:g} ms")
    steps = len(case.instants)
    table(f"{steps:,} decisions: the lab", lab(case), steps, arguments.repeats)
    compared: Stages = tuple((name, lambda name=name: baseline(name, case).replicas(case)) for name in BASELINES)
    table(f"{steps:,} decisions: baselines", compared, steps, arguments.repeats)


def lab(case: Scenario) -> Stages:
    """What is played and judged of one scenario."""
    whole, drawn = replace(case, learned_buckets=0), replace(case, learned_buckets=0, start_up=lognormal(60.0, 120.0))
    hpa = Hpa(0.7 * CAPACITY)
    replicas = hpa.replicas(case)
    played = whole.play(replicas)
    swept = frontier(case, "hpa", TARGETS, sweep(hpa, case, [CAPACITY * target for target in TARGETS]))
    knowing = least(case)
    return (
        ("play, start-up fixed", lambda: whole.play(replicas)),
        ("play, start-ups drawn", lambda: drawn.play(replicas)),
        ("outcome", played.outcome),
        ("backlog and waits", lambda: queue(played)),
        (f"sweep of {len(TARGETS)} HPA targets", lambda: sweep(hpa, case, [CAPACITY * target for target in TARGETS])),
        ("clairvoyant with 1 % of time short", lambda: Clairvoyant(budget=0.01).replicas(case)),
        ("comparison of two frontiers, 2000 draws", lambda: compare(swept, swept, knowing)),
    )


def table(title: str, stages: Stages, steps: int, repeats: int) -> list[float]:
    """Run, show and return the median milliseconds of each stage."""
    taken = {name: milliseconds(run, repeats) for name, run in stages}
    rows = [
        (name, *spread(cost, ".1f")[::2], f"{1e3 * float(np.median(cost)) / steps:.2f}") for name, cost in taken.items()
    ]
    show(title, ("", "ms: median", "max", "us a step"), rows)
    return [float(np.median(cost)) for cost in taken.values()]


if __name__ == "__main__":
    main()
