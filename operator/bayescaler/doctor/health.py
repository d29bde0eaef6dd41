"""How an object fares, as its status tells: conditions, trust and change of the forecast, budget, limits."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from bayescaler.policy.conditions import as_it_should_be, cure_of
from bayescaler.policy.explain import percent, span
from bayescaler.policy.record import Judged, conditions_of, epoch, part, shown

from .finding import Finding, Level, Topic

Json = Mapping[str, Any]
STALE_SECONDS = 600.0
LEVELS: Mapping[str, Level] = {
    "Ready": Level.ERROR,
    "AbleToScale": Level.ERROR,
    "Conflicted": Level.ERROR,
    "ScalingActive": Level.ERROR,
    "FallbackActive": Level.WARNING,
    "ForecastTrusted": Level.INFO,
    "ScalingLimited": Level.INFO,
    "Paused": Level.INFO,
}
WARNED = frozenset({"QuotaExceeded", "FailedCreate", "Unschedulable", "TooManyReplicas", "Degraded"})


def check_status(obj: Json, *, now: float) -> list[Finding]:
    """Judge the status of an object at epoch seconds `now`."""
    status, where = part(obj, "status"), _label(obj)
    decided = epoch(part(status, "lastDecision").get("time"))
    if not status:
        what = "it has no status: no operator has seen it"
        cure = "see the findings on the operator, and whether it watches this namespace"
        return [Finding(Level.ERROR, Topic.OBJECT, where, what, cure)]
    found = [*_conditions(status, where), *_generation(obj, where)]
    if decided is not None and now - decided > STALE_SECONDS:
        what = f"its status was last written {span(now - decided)} ago"
        found.append(Finding(Level.WARNING, Topic.OBJECT, where, what, "see the findings on the operator"))
    if found:
        return found
    return [Finding(Level.OK, Topic.OBJECT, where, "every condition is as it should be")]


def check_forecast(obj: Json, prometheus: str) -> list[Finding]:
    """Judge the record of the forecast; `prometheus` is the address that a check of the posterior would read."""
    status, where = part(obj, "status"), _label(obj)
    calibration, deeper = part(status, "calibration"), _deeper(obj, prometheus)
    kept, nominal, windows = (calibration.get(key) for key in ("coverage", "nominal", "windows"))
    if not status or not isinstance(kept, int | float) or not isinstance(nominal, int | float):
        return []
    record = f"{percent(kept)} of {windows} disjoint windows kept, {percent(nominal)} promised"
    found = []
    if status.get("phase") == "Degraded":
        cure = f"look for what changed in the load; it earns trust again by itself. {deeper}"
        found.append(Finding(Level.WARNING, Topic.FORECAST, where, f"trust is lost: {record}", cure))
    change = part(calibration, "change")
    if change:
        what = f"the load's level changed at {shown(change.get('time'))} ({shown(change.get('direction'))})"
        cure = f"nothing, if that is known; {change.get('missed')} of {change.get('windows')} windows missed since"
        found.append(Finding(Level.INFO, Topic.FORECAST, where, what, cure))
    burn = part(status, "risk").get("burnRate")
    if isinstance(burn, int | float) and burn > 1.0:
        what = f"{burn:.3g} times the budget of objective.risk is spent"
        cure = (
            "raise maxReplicas or the budget, if limits hold it down (kubectl bayescaler explain); else it is steered"
        )
        found.append(Finding(Level.WARNING, Topic.FORECAST, where, what, cure))
    return found or [Finding(Level.OK, Topic.FORECAST, where, record, deeper)]


def _conditions(status: Json, where: str) -> Iterator[Finding]:
    wrong = [one for one in conditions_of(status.get("conditions")) if not as_it_should_be(one)]
    told: set[tuple[str, str]] = set()
    for one in sorted(wrong, key=lambda c: list(Level).index(_level(c)), reverse=True):
        if (one.reason, one.message) not in told:  # Ready repeats what another says
            told.add((one.reason, one.message))
            what = f"{one.type} is {one.status} ({one.reason}){f': {one.message}' if one.message else ''}"
            yield Finding(_level(one), Topic.OBJECT, where, shown(what), cure_of(one.reason))


def _level(condition: Judged) -> Level:
    level = LEVELS.get(condition.type, Level.WARNING)
    if level is Level.ERROR and condition.status == "Unknown":
        return Level.WARNING
    return Level.WARNING if level is Level.INFO and condition.reason in WARNED else level


def _generation(obj: Json, where: str) -> Iterator[Finding]:
    seen, is_now = part(obj, "status").get("observedGeneration"), part(obj, "metadata").get("generation")
    if isinstance(seen, int) and isinstance(is_now, int) and seen < is_now:
        what = f"the status speaks of generation {seen}, the spec is {is_now}: the last edit is not seen yet"
        yield Finding(Level.WARNING, Topic.OBJECT, where, what, "wait a tick; then see the findings on the operator")


def _deeper(obj: Json, prometheus: str) -> str:
    """Return the command that holds the posterior against one sampled by NUTS: R-hat, ESS and the distance."""
    load, forecast = part(part(obj, "spec"), "load"), part(part(obj, "status"), "forecast")
    query = str(part(load, "prometheus").get("query", ""))
    unit = {"Count": "count", "Gauge": "gauge"}.get(str(load.get("kind")), "rate")
    words = ["bayescaler", "doctor", "forecast", "--prometheus", prometheus or "URL", "--query", query]
    words += ["--unit", unit, "--step", str(load.get("step", "1m")), "--horizon", str(forecast.get("horizon", "2m"))]
    return f"R-hat, ESS and the distance from the sampled posterior: {shlex.join(words)}"


def _label(obj: Json) -> str:
    metadata = part(obj, "metadata")
    return shown(f"{metadata.get('namespace')}/{metadata.get('name')}")
