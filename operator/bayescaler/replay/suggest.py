"""Settings for a stated aim: chosen on the first judged part, shown on the rest, which the choice has not seen.

One forecast serves every quantile, buffer and behavior; only another horizon needs another. The width of a bucket is
left as it is: a wider one is known later, and its query would have to change with it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from bayescaler.policy import Policy
from bayescaler.policy.objective import windows
from bayescast import LEVELS

from .backtest import OURS, TARGETS, Case
from .baselines import Hpa
from .frontier import frontier
from .judgement import Interval, Prices, draws, interval
from .ours import Forecasts, decided, forecasts
from .scenario import Integers, Scenario
from .service import HOUR_SECONDS, Outcome

BUFFERS = (0.0, 0.05, 0.1, 0.2, 0.3)
WINDOWS_SECONDS = (60.0, 300.0, 600.0, 900.0, 1800.0)
TOLERANCES = (0.0, 0.05, 0.1, 0.2)
HORIZON_FACTORS = (1, 2)
LONGEST_HORIZON_SECONDS = 21_600.0
EXAMPLES = '"short<=1%" or "cheapest"'
_SHORT = re.compile(
    r"(?:short\s*(?:<=|=<|<|≤)|(?:short\s+)?(?:at most|no more than|under|below)|max(?:imum)?)\s*"
    r"(?P<number>\d+(?:[.,]\d+)?|[.,]\d+)\s*(?P<percent>%|percent)?"
    r"(?:\s+(?:of\s+)?(?:the\s+)?time)?(?:\s+short)?"
)


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted: the fewest replica-hours with at most `short` of the time short, or (None) the least cost."""

    short: float | None = None

    def __str__(self) -> str:
        return "cheapest" if self.short is None else f"short <= {100 * self.short:g} %"

    def met(self, short: float) -> bool:
        """Whether such a share of the time short is within the aim."""
        return self.short is None or short <= self.short


@dataclass(frozen=True, slots=True)
class Setting:
    """What is chosen: lead in buckets; window and tolerance are those of `behavior.scaleDown`.

    quantile: None for the aim of the manifest as it is, where that is a price or a budget.
    """

    quantile: float | None
    buffer: float
    lead: int
    window_seconds: float
    tolerance: float

    @classmethod
    def of(cls, case: Case) -> "Setting":
        """Return that of a manifest as it is."""
        policy, down = case.policy, case.policy.behavior.scale_down
        return cls(
            policy.quantile if policy.price is None and policy.budget is None else None,
            policy.buffer,
            case.spec.leads[0],
            down.stabilization_window_seconds,
            down.tolerance,
        )

    def on(self, policy: Policy) -> Policy:
        """Return a policy with this setting."""
        behavior = policy.behavior
        down = replace(behavior.scale_down, stabilization_window_seconds=self.window_seconds, tolerance=self.tolerance)
        behavior = replace(behavior, scale_down=down)
        aimed = policy if self.quantile is None else policy.at_quantile(self.quantile)
        return replace(aimed, buffer=self.buffer, behavior=behavior)


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a setting on one part. Shares of the time; `interval` is of `short`."""

    short: float
    interval: Interval
    pod_hours: float
    cost: float
    at_max: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting (of an HPA: its target, as a share of what a pod serves) on both parts."""

    setting: Setting | float
    first: Figures
    rest: Figures


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is suggested, beside the manifest as it is and an HPA whose target was chosen in the same way.

    tried: how many settings. Seconds of each part. `reached`: whether the aim was met where it was chosen.
    """

    aim: Aim
    given: Tried
    chosen: Tried
    hpa: Tried
    setting: Setting
    tried: int
    learned_seconds: float
    first_seconds: float
    rest_seconds: float

    @property
    def reached(self) -> bool:
        """Whether any setting met the aim on the part it was chosen on; else the chosen one came nearest."""
        return self.aim.met(self.chosen.first.short)

    @property
    def held(self) -> bool:
        """Whether it was met on the rest."""
        return self.aim.met(self.chosen.rest.short)


def aim(text: str) -> Aim:
    """Read an aim as people type it; ValueError says how."""
    told = " ".join(text.lower().split())
    if told in {"cheapest", "cheap", "least cost"}:
        return Aim()
    found = _SHORT.fullmatch(told)
    if found is None:
        raise ValueError(f"{text!r} is no aim; give {EXAMPLES}")
    number = float(found["number"].replace(",", "."))
    if found["percent"] is None:
        raise ValueError(f"{text!r} has no %; is it short<={number:g}% or short<={100 * number:g}%?")
    if not number < 100:
        raise ValueError(f"{text!r} is all of the time; give {EXAMPLES}")
    return Aim(number / 100)


def suggest(case: Case, wanted: Aim, prices: Prices) -> Suggestion:
    """Search for a setting; ValueError or BayescastError say why that cannot be.

    The half of the judged part that comes first is chosen on; without `learned_buckets` the three parts are equal.
    """
    if wanted.short is None and not prices.overload_hour > 0:
        raise ValueError("cheapest without a price of overload is no pods at all: give --overload-hour")
    learned, split = _parts(case.scenario)
    scenario = replace(case.scenario, learned_buckets=learned)
    search = _Search(replace(case, scenario=replace(scenario, loads=scenario.loads[:split])), wanted, prices)
    given = Setting.of(case)
    best = search.best(given)
    target = search.best_target()
    rest = replace(scenario, learned_buckets=split)
    whole = {one.lead: _issued(case, scenario, one.lead) for one in {given, best}}

    def shown(one: Setting) -> Tried:
        replicas = decided(whole[one.lead], one.on(case.policy)).replicas
        return Tried(one, search.figures(search.replicas(one)), _figures(case, rest, replicas, prices))

    hpa = Hpa(target * scenario.capacity)
    return Suggestion(
        aim=wanted,
        given=shown(given),
        chosen=shown(best),
        hpa=Tried(
            target, search.figures(hpa.replicas(search.scenario)), _figures(case, rest, hpa.replicas(scenario), prices)
        ),
        setting=best,
        tried=len(search.outcomes),
        learned_seconds=learned * scenario.step_seconds,
        first_seconds=(split - learned) * scenario.step_seconds,
        rest_seconds=(len(scenario.loads) - split) * scenario.step_seconds,
    )


class _Search:
    """Settings on the first part, each played once."""

    def __init__(self, case: Case, wanted: Aim, prices: Prices) -> None:
        self.case, self.scenario, self.wanted, self.prices = case, case.scenario, wanted, prices
        self.outcomes: dict[Setting, Outcome] = {}
        self._issued: dict[int, Forecasts] = {}

    def best(self, given: Setting) -> Setting:
        """Return the best setting: first of quantile, buffer and horizon, then of behavior, then of the first two."""
        lead, quantiles = given.lead, tuple(dict.fromkeys((*LEVELS, given.quantile)))
        longest = LONGEST_HORIZON_SECONDS / self.scenario.step_seconds
        leads = [lead * factor for factor in HORIZON_FACTORS if factor == 1 or lead * factor <= longest]
        best = self._of(
            given,
            (
                replace(given, quantile=q, buffer=b, lead=n)
                for q, b, n in product(quantiles, _with(BUFFERS, given.buffer), leads)
            ),
        )
        windows, tolerances = _with(WINDOWS_SECONDS, given.window_seconds), _with(TOLERANCES, given.tolerance)
        best = self._of(best, (replace(best, window_seconds=w, tolerance=t) for w, t in product(windows, tolerances)))
        return self._of(
            best, (replace(best, quantile=q, buffer=b) for q, b in product(quantiles, _with(BUFFERS, best.buffer)))
        )

    def best_target(self) -> float:
        """Return the best target of an HPA, as a share of what a pod serves."""
        played = {
            target: self.scenario.play(Hpa(target * self.scenario.capacity).replicas(self.scenario)).outcome()
            for target in TARGETS
        }
        return min(TARGETS, key=lambda target: self._rank(played[target]))

    def replicas(self, setting: Setting) -> Integers:
        """Return what a setting wants at each decision of the first part."""
        if setting.lead not in self._issued:
            self._issued[setting.lead] = _issued(self.case, self.scenario, setting.lead)
        return decided(self._issued[setting.lead], setting.on(self.case.policy)).replicas

    def figures(self, replicas: Integers) -> Figures:
        """Return what comes of them."""
        return _figures(self.case, self.scenario, replicas, self.prices)

    def _of(self, held: Setting, others: Iterable[Setting]) -> Setting:
        """Return the best of them, the one held unless another is better."""
        return min((held, *others), key=self._ranked)

    def _ranked(self, setting: Setting) -> tuple[float, ...]:
        if setting not in self.outcomes:
            self.outcomes[setting] = self.scenario.play(self.replicas(setting)).outcome()
        return self._rank(self.outcomes[setting])

    def _rank(self, outcome: Outcome) -> tuple[float, ...]:
        """Return what is least for the best."""
        if self.wanted.short is None:
            return (_cost(outcome, self.prices),)
        if self.wanted.met(outcome.violating_share):
            return 0.0, outcome.pod_hours
        return 1.0, outcome.violating_share, outcome.pod_hours


def _parts(scenario: Scenario) -> tuple[int, int]:
    """Return how many buckets are learned from, and where what is chosen on ends."""
    count = len(scenario.loads)
    learned = count // 3 if scenario.learned_buckets is None else scenario.learned_buckets
    split = (learned + count) // 2
    if not learned < split < count:
        raise ValueError(
            f"of {count} buckets {learned} are learned from, which leaves no two parts: give a longer load"
        )
    return learned, split


def _issued(case: Case, scenario: Scenario, lead: int) -> Forecasts:
    return forecasts(scenario, replace(case.spec, leads=windows(lead, scenario.step_seconds)), scale=case.scale)


def _figures(case: Case, scenario: Scenario, replicas: Integers, prices: Prices) -> Figures:
    played = frontier(scenario, OURS, (0.0,), [replicas], time_zone=case.spec.time_zone)
    outcome = played.outcomes[0]
    return Figures(
        short=outcome.violating_share,
        interval=interval(draws(len(played.seconds)), played.violating_seconds[:, 0], played.seconds),
        pod_hours=outcome.pod_hours,
        cost=_cost(outcome, prices),
        at_max=outcome.at_max_seconds / outcome.seconds,
    )


def _cost(outcome: Outcome, prices: Prices) -> float:
    return prices.replica_hour * outcome.pod_hours + prices.overload_hour * outcome.violating_seconds / HOUR_SECONDS


def _with(values: Sequence[float], given: float) -> tuple[float, ...]:
    return tuple(sorted({*values, given}))
