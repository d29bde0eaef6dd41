"""How the report writes its numbers and names: as many digits as they deserve, thousands apart, shares in percent."""

from math import floor, isfinite, log10

from bayescaler.policy import Policy
from bayescaler.policy.explain import percent, span
from bayescaler.replay.baselines import TARGET

NONE = "–"  # noqa: RUF001  # a dash where there is no number, as in any printed table
NAMES = {
    "hpa": f"HPA at {TARGET:.0%}".replace("%", " %"),
    "hpa-cpu": f"HPA on CPU at {TARGET:.0%}".replace("%", " %"),
    "keda": "KEDA",
    "kpa": "Knative KPA",
    "phpa": "PHPA",
    "aws": "AWS predictive",
    "crane": "Crane",
    "last-week": "Last week's load",
    "static": "Static",
    "clairvoyant": "Clairvoyant",
}


def named(name: str, policy: Policy) -> str:
    """Return what people call a policy."""
    if name != "bayescaler":
        return NAMES.get(name, name)
    plain = policy.budget is None and policy.price is None
    return f"Bayescaler at {percent(policy.quantile)}" if plain else f"Bayescaler, {policy.aim}"


def number(value: float) -> str:
    """Return a quantity: 12,345; 93.4; 0.57; a dash where there is none."""
    if not isfinite(value):
        return NONE
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 or value == 0 else f"{value:.1f}" if size >= 10 else f"{value:.2g}"


def share(value: float) -> str:
    """Return a share in percent and two digits: 24 %, 4.5 %, 0.91 %, 0 %; above a half by what is left."""
    if not isfinite(value):
        return NONE
    if 0.5 < value < 1.0:
        return f"{100 * value:.{max(1, _places(1.0 - value) - (value > 0.99))}f} %"
    return f"{100 * value:.{_places(value)}f} %" if value else "0 %"


def between(low: float, high: float) -> str:
    """Return the interval of a share, empty without one or where it is a point: 0.83 to 1.0 %."""
    if not (isfinite(low) and isfinite(high)) or low == high:
        return ""
    return f"{share(low).removesuffix(' %')} to {share(high)}"


def change(ratio: float) -> str:
    """Return how far a ratio is from 1, in percent: 2.2 %, 35 %."""
    distance = 100 * abs(ratio - 1.0)
    return f"{distance:.0f} %" if distance >= 9.95 else f"{distance:.1f} %"


def duration(seconds: float) -> str:
    """Return a time short: never, 92 min, 3h5m."""
    return "never" if seconds <= 0 else span(seconds)


def latency(seconds: float) -> str:
    """Return how long a request waits: 0 ms, 12 ms, 3.4 s, 5m10s; for ever where it is never served."""
    if not isfinite(seconds):
        return "for ever"
    if seconds >= 60.0:
        return span(seconds)
    return f"{seconds:.2g} s" if seconds >= 1.0 else f"{1000 * seconds:.0f} ms"


def _places(value: float) -> int:
    """Return the decimals that give a share in percent two digits."""
    return max(0, min(4, 1 - floor(log10(100 * value) + 1e-9))) if value else 0
