"""One decision: decide() on the real forecast and on a bare distribution, and the HPA's step on the same load.

python tests/benchmarks/decision.py --decisions 200000
"""

import argparse
import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from parts import load
from parts.table import note, show, spread

from bayescaler.policy import Health, Observation, Phase, Policy, State, decide
from bayescaler.policy.predictive import Predictive
from bayescaler.policy.types import Behavior
from bayescaler.replay import hpa
from bayescast import LEVELS, Forecaster, ForecastSpec

BUDGET_US = 6.0
CAPACITY, TICK_SECONDS = 50.0, 15.0
WARM = 200


@dataclass(slots=True)
class Exponential:
    """The cheapest exact distribution there is: what decide() costs when the forecast costs nothing."""

    lead: int
    step_seconds: float
    scale: float
    levels: tuple[float, ...] = LEVELS

    def quantile(self, q: float) -> float:
        """The load exceeded with probability 1 - q."""
        return -math.log1p(-q) * self.scale

    def cdf(self, x: float) -> float:
        """The probability of at most x."""
        return -math.expm1(-x / self.scale)

    def exceedance(self, x: float) -> float:
        """The probability of more than x."""
        return math.exp(-x / self.scale)


def decisions(loads: list[float], forecast: Callable[[float], Predictive | None], *, live: bool = True) -> list[float]:
    """Decide once a tick on `loads`, with what was decided applied; returns microseconds of each."""
    policy, state, replicas, now, taken = Policy(2, 60, CAPACITY, buffer=0.1), State(), 8, load.MONDAY, []
    for value in loads:
        predictive = forecast(value)
        seen = Observation(
            replicas,
            replicas,
            Health.LIVE if live else Health.ABSENT,
            value if live else None,
            load_at=now,
            phase=Phase.TRUSTED,
        )
        began = time.perf_counter_ns()
        decision, state = decide(policy, seen, predictive, state, now=now)
        taken.append((time.perf_counter_ns() - began) / 1e3)
        replicas, now = decision.final, now + TICK_SECONDS
    return taken[WARM:]


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


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=40_000)
    count = parser.parse_args().decisions + WARM
    times, rates = load.history(14.0)
    moving = [float(rates[i % len(rates)]) for i in range(count)]
    steady = [float(rates[0])] * count
    forecaster = Forecaster(ForecastSpec(load.STEP_SECONDS, (2,))).fit(times, rates)
    real = forecaster.predict()
    cases: tuple[tuple[str, Callable[[], list[float]]], ...] = (
        ("real forecast, load steady", lambda: decisions(steady, lambda _: real)),
        (
            "real forecast, load moving",
            lambda: decisions(moving, lambda value: real.scaled(max(value, 1.0) / rates[-1])),
        ),
        ("bare distribution, steady", lambda: decisions(steady, lambda value: Exponential(2, 60.0, value / 3.0))),
        ("bare distribution, moving", lambda: decisions(moving, lambda value: Exponential(2, 60.0, value / 3.0 + 1.0))),
        ("no forecast, load moving", lambda: decisions(moving, lambda _: None)),
        ("no load, stored forecast, then hold", lambda: decisions(moving, lambda _: real, live=False)),
        ("HPA, autoscaling/v2 behavior, moving", lambda: hpa_steps(moving, Behavior())),
        ("HPA without behavior, moving", lambda: hpa_steps(moving, None)),
    )
    gc.disable()  # as the collector's pauses are the process's, not the decision's
    rows = [(name, *spread(run(), ".1f")) for name, run in cases]
    quantile = [_microseconds(lambda: real.quantile(0.95)) for _ in range(5000)]
    exceeded = [_microseconds(lambda: real.exceedance(rates[-1])) for _ in range(5000)]
    rows += [("Predictive.quantile", *spread(quantile, ".1f")), ("Predictive.exceedance", *spread(exceeded, ".1f"))]
    show("one decision, us", ("", "median", "p99", "max"), rows)
    note(f"budget of a full decision: {BUDGET_US:g} us; of it the compiled rules take half of one")


def _microseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) / 1e3


if __name__ == "__main__":
    main()
