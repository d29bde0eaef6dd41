"""A canary: other settings of the forecaster beside the live ones, and which of the two measurably loses less.

Both issue the promised quantile q of the highest load of the next lead window, x and y; when it is over, each has its
pinball loss. The next pair is issued when the last window has ended: windows are disjoint, and what a window shows
is new. With u the unit that losses are counted in, a window's gain is

    d = (loss of x - loss of y) / max(u, b),   b = max(q, 1 - q) |x - y|,

between -1 and 1 whatever comes, since no two losses differ by more than b, which is known when they are issued. Then

    E(m) = mean over stakes s of exp(s (sum d - n m) - psi(s) sum d^2),   psi(s) = -log(1 - s) - s,

is an e-process of "the mean gain that was to be expected has been at most m" (exp(s d - psi(s) d^2) <= 1 + s d for
d >= -1: Fan, Grama and Liu 2015; for comparing forecasters: Choe and Ramdas, "Comparing Sequential Forecasters",
2023). However often one looks, and whatever the load's distribution, it reaches 20 with a probability of at most 1/20
where that is so (Ville). No window of history counts: settings chosen on it would be judged by what they were
chosen for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from math import exp, inf, isfinite, log1p
from typing import Any

from .reasons import CanaryPhase

ERROR = 0.05
NEEDED = 1.0 / ERROR
"""Evidence that decides: at most one in twenty canaries that are no better is ever promoted."""
STAKES = tuple(0.5 / 2.0**k for k in range(5))
LOSSES_A_UNIT = 5.0
"""Mean losses of the live forecast in one unit: about half a standard deviation of what comes."""
FEWEST_WINDOWS = 30
"""Disjoint windows of the live forecast behind that mean."""
MOST_MISSING = 0.1
"""Share of a window's buckets beyond which it is not scored."""
_LARGEST_LOG = 60.0
_HALVINGS = 50


class Verdict(Enum):
    """Which forecast loses less."""

    UNDECIDED = "undecided"
    BETTER = "better"
    WORSE = "worse"


def pinball(level: float, outcome: float, issued: float) -> float:
    """Return the loss of a quantile: `level` for each unit of load above it, 1 - `level` for each below."""
    return max(level * (outcome - issued), (level - 1.0) * (outcome - issued))


def e_value(gain: float, squares: float, windows: int = 0, *, mean: float = 0.0) -> float:
    """Return the evidence that more than `mean` a window was to be gained; `gain`, `squares`: sums of d and of d^2."""
    total = 0.0
    for stake in STAKES:
        grown = stake * (gain - windows * mean) + (log1p(-stake) + stake) * squares
        total += exp(min(grown, _LARGEST_LOG))
    return total / len(STAKES)


@dataclass(frozen=True, slots=True)
class Book:
    """What disjoint windows have shown at one level. `unit`: see above, in the unit of the load.

    windows: how many. gain, squares: sums of d and of d^2. lost: the sum of the live forecast's losses, each in the
    unit that its window is counted in. live, canary: sums of both losses in the load's unit, each window counted once.
    """

    level: float
    unit: float
    windows: int = 0
    gain: float = 0.0
    squares: float = 0.0
    lost: float = 0.0
    live: float = 0.0
    canary: float = 0.0

    def scored(self, live: float, canary: float, outcome: float) -> "Book":
        """Return the book with one more window, of which the two quantiles were issued and the highest load came."""
        unit = max(self.unit, max(self.level, 1.0 - self.level) * abs(live - canary))
        of_live, of_canary = (pinball(self.level, outcome, issued) for issued in (live, canary))
        gained = (of_live - of_canary) / unit
        return replace(
            self,
            windows=self.windows + 1,
            gain=self.gain + gained,
            squares=self.squares + gained * gained,
            lost=self.lost + of_live / unit,
            live=self.live + of_live,
            canary=self.canary + of_canary,
        )

    @property
    def better(self) -> float:
        """Evidence that the canary loses less."""
        return e_value(self.gain, self.squares)

    @property
    def worse(self) -> float:
        """Evidence that the canary loses more."""
        return e_value(-self.gain, self.squares)

    @property
    def verdict(self) -> Verdict:
        """Who loses less, if there is evidence enough, and the plain losses do not speak against it."""
        if self.better >= NEEDED and self.canary < self.live:
            return Verdict.BETTER
        return Verdict.WORSE if self.worse >= NEEDED and self.canary > self.live else Verdict.UNDECIDED

    @property
    def live_loss(self) -> float | None:
        """Mean loss of the live forecast a window, in the unit of the load."""
        return self.live / self.windows if self.windows else None

    @property
    def canary_loss(self) -> float | None:
        """Mean loss of the canary, likewise."""
        return self.canary / self.windows if self.windows else None

    @property
    def ratio(self) -> float | None:
        """What the canary loses for each unit that the live forecast loses; below 1 is better."""
        return self.canary / self.live if self.live > 0.0 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Bounds of the ratio to be expected, windows weighed by their units, each wrong at most once in twenty.

        1 lies outside when there is evidence enough.
        """
        if self.lost <= 0.0:
            return None
        most = _bound(self.gain, self.squares, self.windows)
        least = -_bound(-self.gain, self.squares, self.windows)
        share = self.windows / self.lost
        return max(0.0, 1.0 - share * most), 1.0 - share * least


def _bound(gain: float, squares: float, windows: int) -> float:
    """Return the largest mean gain that the windows do not speak against."""
    low, high = gain / windows, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if e_value(-gain, squares, windows, mean=-middle) < NEEDED:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class Pair:
    """What both forecasts issued at `start` (epoch seconds) for the next `buckets` buckets, and what came since."""

    start: float
    step_seconds: float
    buckets: int
    live: float
    canary: float
    passed: int = 0
    missing: int = 0
    highest: float = -inf

    def then(self, at: float, load: float) -> "Pair | None":
        """Return the pair after the bucket that began at `at`, NaN for a missing one; None if it is not the next."""
        if abs(at - (self.start + self.passed * self.step_seconds)) > 0.5 * self.step_seconds:
            return None
        if not isfinite(load):
            return replace(self, passed=self.passed + 1, missing=self.missing + 1)
        return replace(self, passed=self.passed + 1, highest=max(self.highest, load))

    @property
    def ended(self) -> bool:
        """Whether the window is over."""
        return self.passed >= self.buckets

    @property
    def outcome(self) -> float | None:
        """The highest load that came, None where too much of the window is missing."""
        return None if self.missing > MOST_MISSING * self.buckets else self.highest


@dataclass(frozen=True, slots=True)
class Trial:
    """Where a canary stands: `mark` is of the settings compared, `since` (epoch seconds) is when it began to run.

    `told`: whether it was said that it is better, where it is not to be promoted.
    """

    mark: str
    phase: CanaryPhase = CanaryPhase.WARMING
    since: float | None = None
    book: Book | None = None
    told: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing is compared any more."""
        return self.phase in (CanaryPhase.PROMOTED, CanaryPhase.ROLLED_BACK)

    def begun(self, level: float, unit: float, *, now: float) -> "Trial":
        """Return the trial with a book at this level; what was booked at another level says nothing of it."""
        if self.book is not None and self.book.level == level:
            return self
        return Trial(self.mark, CanaryPhase.RUNNING, now, Book(level, unit))

    def after_window(self, pair: Pair) -> "Trial":
        """Return the trial with a window that has ended."""
        if self.book is None or pair.outcome is None:
            return self
        return replace(self, book=self.book.scored(pair.live, pair.canary, pair.outcome))

    def judged(self, *, promotes: bool, after_seconds: float, now: float) -> "Trial":
        """Return the trial after a look at what it has shown; nothing follows from it before its time."""
        if self.over or self.book is None or self.since is None or now - self.since < after_seconds:
            return self
        verdict = self.book.verdict
        if verdict is Verdict.WORSE:
            return replace(self, phase=CanaryPhase.ROLLED_BACK, told=False)
        if verdict is Verdict.BETTER:
            return replace(self, phase=CanaryPhase.PROMOTED) if promotes else replace(self, told=True)
        return replace(self, told=False) if self.told else self


_SUMS = ("gain", "squares", "lost", "live", "canary")


def plain(trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON can hold it."""
    book = trial.book
    return {
        "mark": trial.mark,
        "phase": trial.phase.value,
        "since": trial.since,
        "told": trial.told,
        "book": None
        if book is None
        else [book.level, book.unit, book.windows, *(float(f"{getattr(book, name):.9g}") for name in _SUMS)],
    }


def trial_of(told: Mapping[str, Any]) -> Trial:
    """Return the trial again; raises what comes of a form that is not `plain`'s (Key-, Type-, ValueError)."""
    since, booked = told["since"], told["book"]
    book = None
    if booked is not None:
        level, unit, windows, *sums = booked
        book = Book(float(level), float(unit), int(windows), *map(float, sums))
        positive = (book.windows, book.squares, book.lost, book.live, book.canary)
        sound = 0.0 < book.level < 1.0 and book.unit > 0.0 and min(positive) >= 0.0
        if not sound or len(sums) != len(_SUMS) or not all(map(isfinite, (book.unit, book.gain, *positive))):
            raise ValueError(f"windows of a canary that cannot be: {booked}")
    return Trial(
        mark=str(told["mark"]),
        phase=CanaryPhase(told["phase"]),
        since=None if since is None else float(since),
        book=book,
        told=bool(told["told"]),
    )
