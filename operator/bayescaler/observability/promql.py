"""Expressions on our metrics. A name that is not in the list of metrics is a KeyError, so none can be misspelt."""

from bayescaler.telemetry.catalogue import LABELS, METRICS

OBJECT = ", ".join(LABELS)


def of(name: str, match: str = "", *, suffix: str = "", window: str = "", offset: str = "") -> str:
    """Return a selector of a metric by its name in the list; `suffix` is a histogram's (`_bucket`)."""
    return f"{METRICS[name].exposed}{suffix}{_braced(match)}{_ranged(window)}{_shifted(offset)}"


def of_leader(name: str, match: str = "", *, keep: tuple[str, ...] = (), offset: str = "") -> str:
    """Return a metric of objects as the leader knows it: one series an object, though standbys expose them too."""
    by = ", ".join((*LABELS, *keep))
    leads = f"on (job, instance) ({of('leader', offset=offset)} == 1)"
    return f"max by ({by}) ({of(name, match, offset=offset)} and {leads})"


def also(expression: str, condition: str) -> str:
    """Return an expression's objects of which a condition has a series."""
    return f"({expression}) and on ({OBJECT}) ({condition})"


def recorded(name: str, match: str = "", *, window: str = "") -> str:
    """Return a selector of a series that a recording rule makes; `recording` says which there are."""
    return f"{name}{_braced(match)}{_ranged(window)}"


def _braced(match: str) -> str:
    return f"{{{match}}}" if match else ""


def _ranged(window: str) -> str:
    return f"[{window}]" if window else ""


def _shifted(offset: str) -> str:
    return f" offset {offset}" if offset else ""
