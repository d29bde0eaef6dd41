"""How numbers are put into words: amounts, shares, durations."""


def amount(value: float, unit: str = "") -> str:
    """Return a load in three digits and its unit: 571/s, 12.3/s, 0.04."""
    return f"{value:.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"


def percent(share: float) -> str:
    """Return a share in percent: 95 %, 99.9 %."""
    return f"{share * 100:.4g} %"


def span(seconds: float) -> str:
    """Return a duration in its two largest units: 45s, 4m10s, 1h5m, 2d3h."""
    left = round(max(seconds, 0.0))
    if left < 60:
        return f"{left}s"
    if left < 3600:
        large, big, small, little = 60, "m", 1, "s"
    elif left < 86400:
        large, big, small, little = 3600, "h", 60, "m"
    else:
        large, big, small, little = 86400, "d", 3600, "h"
    rest = left % large // small
    return f"{left // large}{big}" + (f"{rest}{little}" if rest else "")


def replicas(count: int) -> str:
    """Return a count with its noun."""
    return "1 replica" if count == 1 else f"{count} replicas"


def chance(probability: float) -> str:
    """Return a probability in percent, never as certain as it is not: 12 %, less than 0.01 %."""
    if probability < 1e-4:
        return "less than 0.01 %"
    return "more than 99.9 %" if probability > 0.999 else f"{probability * 100:.3g} %"
