"""Clocks that ought to agree: ours, the API server's and Prometheus'."""

from bayescaler.policy.explain import span

from .finding import Finding, Level, Topic

# Loads are bucketed by Prometheus' clock and read by the operator's a scrape after their end.
WARNING_SECONDS = 5.0
ERROR_SECONDS = 60.0


def check_clock(whose: str, ahead_seconds: float, doubt_seconds: float = 0.0) -> list[Finding]:
    """Judge how far a clock is ahead of ours; `doubt_seconds` is how well that is known."""
    off = abs(ahead_seconds) - doubt_seconds
    if off <= WARNING_SECONDS:
        return [Finding(Level.OK, Topic.CLOCK, whose, "its clock and ours agree")]
    way = "ahead of" if ahead_seconds > 0 else "behind"
    level = Level.WARNING if off <= ERROR_SECONDS else Level.ERROR
    what = f"its clock is {span(abs(ahead_seconds))} {way} ours: new load looks old, or is not seen yet"
    return [
        Finding(
            level, Topic.CLOCK, whose, what, "set both by NTP (chrony, systemd-timesyncd); ours may be the wrong one"
        )
    ]
