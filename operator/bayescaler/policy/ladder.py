"""The fallback ladder: which rung to stand on, by how long load has been missing and by what is left.

* load usable, forecast there: Predictive, may lower
* load usable, no forecast: Reactive on load, may lower
* outage < after, forecast there: Stored, on the stored posterior, which widens; may only raise
* utilization of the pods there: Reactive on utilization, may only raise
* outage < after + hold: Hold
* otherwise: Floor, never below what runs

The way down is taken at once. An outage ends only when load has been usable for `recover_seconds` on end;
until then the rung stays, live data may raise, and nothing is lowered.
"""

from dataclasses import dataclass

from .explain import span
from .reasons import Health, Rung
from .types import Fallback, Observation, State


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the ladder stands; times as in `State`, `recovering_seconds` None unless an outage is ending."""

    rung: Rung
    rung_since: float
    live: bool
    usable_at: float | None
    usable_since: float | None
    missing_since: float | None
    recovering_seconds: float | None
    hold_left_seconds: float


def stand(fallback: Fallback, observation: Observation, forecast: bool, state: State, now: float) -> Standing:
    """Return the rung at `now`; `forecast` says whether there is a usable one."""
    live = observation.health is Health.LIVE
    # A clock set back must not stretch an outage or a recovery: no start lies ahead of now.
    missing_since = None if state.missing_since is None else min(state.missing_since, now)
    usable_since = recovering = None
    hold_left = 0.0
    if live:
        usable_since = now if state.usable_since is None else min(state.usable_since, now)
        if missing_since is not None and now - usable_since < fallback.recover_seconds:
            recovering, rung = now - usable_since, state.rung
        else:
            missing_since, rung = None, Rung.PREDICTIVE if forecast else Rung.REACTIVE
    else:
        if missing_since is None:
            missing_since = now if state.usable_at is None else min(state.usable_at, now)
        outage = now - missing_since
        hold_left = fallback.after_seconds + fallback.hold_seconds - outage
        if forecast and outage < fallback.after_seconds:
            rung = Rung.STORED
        elif observation.utilization is not None:
            rung = Rung.REACTIVE
        else:
            rung = Rung.HOLD if hold_left > 0 else Rung.FLOOR
    unchanged = rung is state.rung and state.rung_since is not None
    return Standing(
        rung=rung,
        rung_since=min(state.rung_since, now) if unchanged and state.rung_since is not None else now,
        live=live,
        usable_at=now if live else state.usable_at,
        usable_since=usable_since,
        missing_since=missing_since,
        recovering_seconds=recovering,
        hold_left_seconds=hold_left,
    )


def circumstance(standing: Standing, observation: Observation, fallback: Fallback, now: float) -> str:
    """Return the clause that tells of an outage, with durations; empty in good times."""
    if standing.missing_since is None:
        return ""
    if standing.recovering_seconds is not None:
        return (
            f"load usable again for {span(standing.recovering_seconds)} "
            f"of the {span(fallback.recover_seconds)} that end an outage"
        )
    outage = span(now - standing.missing_since)
    if standing.usable_at is None or standing.usable_at <= standing.missing_since:
        told = f"no usable load for {outage}"
    else:
        told = f"no steady load for {outage}, last usable {span(now - standing.usable_at)} ago"
    told += f": {observation.health.lower()}"
    return f"{told} ({observation.health_message})" if observation.health_message else told
