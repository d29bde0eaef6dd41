"""Where a canary stands, in a sentence: for status, Events, logs and `explain`."""

from .canary import NEEDED, Book, Trial, Verdict
from .explain import percent, span
from .reasons import CanaryPhase


def sentence(trial: Trial, *, fields: str, promotes: bool, after_seconds: float, problem: str = "", now: float) -> str:
    """Tell what a canary has shown and what to do; `fields` are its settings, `problem` why it is not compared."""
    book, phase = trial.book, trial.phase
    if phase is CanaryPhase.WARMING or book is None or not book.windows:
        return f"{fields}: {problem or 'its history is being read'}; nothing is compared yet"
    lost = f"{fields} {'lost' if trial.over else 'loses'} {_lost(book)} over {book.windows} disjoint windows"
    if phase is CanaryPhase.PROMOTED:
        return f"{lost} and forecasts now: move it to spec.forecast and remove the canary"
    if phase is CanaryPhase.ROLLED_BACK:
        return f"{lost} and no longer runs: remove spec.forecast.canary, or try something else"
    return f"{lost}; {_outlook(trial, book, promotes=promotes, after_seconds=after_seconds, problem=problem, now=now)}"


def _outlook(trial: Trial, book: Book, *, promotes: bool, after_seconds: float, problem: str, now: float) -> str:
    left = 0.0 if trial.since is None else trial.since + after_seconds - now
    if problem:
        return problem
    if book.verdict is Verdict.UNDECIDED:
        most = max(book.better, book.worse)
        wait = f" before {span(left)} are over" if left > 0.0 else ""
        return f"evidence {most:.2g} of {NEEDED:g}, nothing is decided{wait}"
    if left > 0.0:
        return f"that is enough to decide, in {span(left)}"
    return "promote is Never: move it to spec.forecast, or remove the canary" if not promotes else "that is enough"


def _lost(book: Book) -> str:
    """Return `9 % less than ...`, with the bounds."""
    ratio, bounds = book.ratio, book.interval
    if ratio is None or bounds is None:
        return "nothing, nor does the live forecast"
    much = f"{percent(float(f'{abs(1.0 - ratio):.2g}'))} {'less' if ratio < 1.0 else 'more'}"
    return f"{much} than the live forecast (ratio {ratio:.2f}, between {bounds[0]:.2f} and {bounds[1]:.2f})"
