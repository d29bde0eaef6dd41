"""Fourteen days at one minute: quantiles at every bucket, decide() at every bucket, and an HPA on the same load.

python tests/benchmarks/replay.py --days 56
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from parts import load
from parts.table import note, show, spread

from bayescaler.policy import Health, Observation, Phase, Policy, State, decide
from bayescaler.policy.types import Behavior
from bayescaler.replay import hpa, service
from bayescast import LEVELS, Family, Forecaster, ForecastSpec, Predictive, warm_up

BUDGET_MS = 150.0
CAPACITY, LEAD = 50.0, 2
SPEC = ForecastSpec(load.STEP_SECONDS, (LEAD,))
Floats = NDArray[np.float64]


def decided(times: Floats, rates: Floats, issued: Floats) -> NDArray[np.int64]:
    """Replicas after each bucket, every decision taking effect at once."""
    policy, state, replicas = Policy(2, 60, CAPACITY, buffer=0.1), State(), 8
    levels, out = np.array(LEVELS), np.empty(len(times), np.int64)
    for index in range(len(times)):
        now = float(times[index]) + load.STEP_SECONDS
        predictive = Predictive(levels, issued[index], LEAD, load.STEP_SECONDS, now, Family.POISSON_GAMMA)
        seen = Observation(replicas, replicas, Health.LIVE, float(rates[index]), now, phase=Phase.TRUSTED)
        decision, state = decide(policy, seen, predictive, state, now=now)
        out[index] = replicas = decision.final
    return out


def baseline(rates: Floats) -> NDArray[np.int64]:
    """The HPA's replicas at the same instants."""
    spec = hpa.HpaSpec(target=0.7 * CAPACITY, min_replicas=2, max_replicas=60, behavior=Behavior())
    return hpa.run(spec, rates, start_replicas=8, sync_seconds=load.STEP_SECONDS)


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
    issued = Forecaster(SPEC).replay(times, rates)[LEAD]
    issued[0] = np.nan_to_num(issued[0], nan=rates[0])
    replicas = decided(times, rates, issued)
    stages: tuple[tuple[str, Callable[[], object]], ...] = (
        ("fit: state updates alone", lambda: Forecaster(SPEC).fit(times, rates)),
        ("replay: updates and nine quantiles a bucket", lambda: Forecaster(SPEC).replay(times, rates)),
        ("decide() at every bucket", lambda: decided(times, rates, issued)),
        ("HPA step at every bucket", lambda: baseline(rates)),
        (
            "play: a service under the timeline",
            lambda: service.play(rates, replicas, capacity=CAPACITY, startup_steps=1, step_seconds=load.STEP_SECONDS),
        ),
    )
    taken = {name: milliseconds(run, arguments.repeats) for name, run in stages}
    rows = [
        (name, *spread(cost, ".1f")[::2], f"{1e3 * float(np.median(cost)) / len(times):.2f}")
        for name, cost in taken.items()
    ]
    show(
        f"{arguments.days:g} days, {len(times):,} buckets",
        ("", "ms: median", "max", "us a bucket"),
        rows,
    )
    median = [float(np.median(cost)) for cost in taken.values()]
    note(
        f"quantiles and decisions at every bucket: {median[1] + median[2]:.0f} ms, "
        f"budget at 14 days {BUDGET_MS:g} ms; of it decide() in Python {median[2]:.0f} ms"
    )
    note(f"decide() over HPA step: {median[2] / median[3]:.1f} times")


if __name__ == "__main__":
    main()
