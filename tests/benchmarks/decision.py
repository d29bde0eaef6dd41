"""One decision: decide() under each objective, what steering adds to a bucket of a replay, and the HPA's step.

python tests/benchmarks/decision.py --decisions 200000
"""

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from parts import load
from parts.table import note, show, spread

from bayescaler.policy import Health, Observation, Outlook, Phase, Policy, State, decide
from bayescaler.policy.objective import windows
from bayescaler.policy.types import Behavior, Budget
from bayescaler.replay import hpa
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescast import Forecaster, ForecastSpec

BUDGET_US, STEERED_BUDGET_US = 6.0, 20.0
CAPACITY, TICK_SECONDS = 50.0, 15.0
TICKS = int(load.STEP_SECONDS / TICK_SECONDS)
WARM = 200
SPEC = ForecastSpec(load.STEP_SECONDS, windows(2, load.STEP_SECONDS))
PLAIN = Policy(2, 60, CAPACITY, buffer=0.1)
PRICED = replace(PLAIN, price=200.0)
STEERED = replace(PLAIN, budget=Budget(0.01, load.STEP_SECONDS, startup_seconds=60.0, lag_seconds=15.0))
AIMS = (("a quantile", PLAIN), ("a price", PRICED), ("a budget", STEERED))


def decisions(
    policy: Policy, loads: list[float], forecast: Callable[[float], Outlook | None], *, live: bool = True
) -> tuple[list[float], list[float]]:
    """Decide once a tick, with what was decided applied; returns microseconds of those with a new bucket and of others.

    loads: one a bucket.
    """
    state, replicas, now = State(), 8, load.MONDAY
    taken: tuple[list[float], list[float]] = ([], [])
    for value in loads:
        outlook, ended = forecast(value), now
        for tick in range(TICKS):
            seen = Observation(
                replicas,
                replicas,
                Health.LIVE if live else Health.ABSENT,
                value if live else None,
                load_at=ended,
                phase=Phase.TRUSTED,
            )
            began = time.perf_counter_ns()
            decision, state = decide(policy, seen, outlook, state, now=now)
            taken[tick > 0].append((time.perf_counter_ns() - began) / 1e3)
            replicas, now = decision.final, now + TICK_SECONDS
    return taken[0][WARM:], taken[1][WARM:]


def hpa_steps(loads: list[float], behavior: Behavior | None) -> list[float]:
    """The same for the pure step of the HPA."""
    spec = hpa.HpaSpec(target=0.7 * CAPACITY, min_replicas=2, max_replicas=60, behavior=behavior)
    state, replicas, now, taken = hpa.HpaState(), 8, load.MONDAY, []
    for value in loads:
        began = time.perf_counter_ns()
        replicas, state = hpa.step(spec, state, metric=value, current=replicas, now=now)
        taken.append((time.perf_counter_ns() - began) / 1e3)
        now += TICK_SECONDS
    return taken[WARM:]


def live(count: int) -> None:
    """Print what one decision costs in the operator."""
    times, rates = load.history(14.0)
    moving = [float(rates[i % len(rates)]) for i in range(count // TICKS + WARM)]
    forecaster = Forecaster(SPEC).fit(times, rates)
    real = Outlook(*(forecaster.predict(lead) for lead in SPEC.leads))

    def scaled(value: float) -> Outlook:
        return Outlook(*(one.scaled(max(value, 1.0) / rates[-1]) for one in real))

    rows = []
    for name, policy in AIMS:
        fresh, same = decisions(policy, moving, scaled)
        rows += [(f"{name}, a new bucket", *spread(fresh, ".1f")), (f"{name}, no news", *spread(same, ".1f"))]
    rows.append(("no forecast", *spread(_both(decisions(PLAIN, moving, lambda _: None)), ".1f")))
    stored = decisions(PLAIN, moving, lambda _: real, live=False)
    rows.append(("no load, stored forecast, then hold", *spread(_both(stored), ".1f")))
    rows.append(("HPA, autoscaling/v2 behavior", *spread(hpa_steps(moving, Behavior()), ".1f")))
    rows.append(("HPA without behavior", *spread(hpa_steps(moving, None), ".1f")))
    quantile = [_microseconds(lambda: real.lead.quantile(0.95)) for _ in range(5000)]
    exceeded = [_microseconds(lambda: real.lead.exceedance(rates[-1])) for _ in range(5000)]
    rows += [("Predictive.quantile", *spread(quantile, ".1f")), ("Predictive.exceedance", *spread(exceeded, ".1f"))]
    show("one decision, load moving, us", ("", "median", "p99", "max"), rows)
    note(f"budget of a full decision with two leads: {BUDGET_US:g} us; with steering: {STEERED_BUDGET_US:g} us")


def replayed(days: float, repeats: int) -> None:
    """Print what a bucket costs in a replay: the compiled rules alone, with and without steering."""
    times, rates = load.history(days)
    case = Scenario(
        rates,
        load.STEP_SECONDS,
        CAPACITY,
        start=float(times[0]),
        max_replicas=60,
        interval_seconds=load.STEP_SECONDS,
    )
    issued = forecasts(case, SPEC)
    rows = []
    for name, policy in AIMS:
        decided(issued, policy)
        taken = [_microseconds(lambda policy=policy: decided(issued, policy)) / len(rates) for _ in range(repeats)]
        rows.append((name, *spread(np.array(taken), ".2f")))
    show(f"{days:g} days replayed, a decision a bucket, us a bucket", ("", "median", "p99", "max"), rows)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=40_000)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    gc.disable()  # as the collector's pauses are the process's, not the decision's
    live(arguments.decisions)
    replayed(arguments.days, arguments.repeats)


def _both(taken: tuple[list[float], list[float]]) -> list[float]:
    return [*taken[0], *taken[1]]


def _microseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) / 1e3


if __name__ == "__main__":
    main()
