"""What every word of a decision means and what to do about it: the one source of docs and of `explain`.

Every member of the enumerations in `reasons` has its entry, and the types and reasons of conditions have theirs;
what is missing fails a test. No cure suggests fewer replicas while load is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .reasons import Limiter, Phase, Rung


@dataclass(frozen=True, slots=True)
class Meaning:
    """One word: what it says, what to do, and how it reads in a message (made by the code, held to it by a test)."""

    meaning: str
    cure: str
    example: str


LIMITERS: Mapping[Limiter, Meaning] = {
    Limiter.FORECAST: Meaning(
        "The number is what the forecast asks for; no rule changed it.",
        "nothing to do; for another number change objective or capacity",
        "load up to 572/s with 10 % buffer expected within 2m at 95 %, 50/s each",
    ),
    Limiter.REACTIVE: Meaning(
        "There is no forecast to go by, so the number follows the load as it is, or the CPU of the pods.",
        "wait until the history has been read, or mend what condition Ready names",
        "no forecast to go by, load 420/s now at 70 % of 50/s each",
    ),
    Limiter.HOLD: Meaning(
        "Neither load nor CPU can be read: replicas stay as they are, for a while.",
        "bring the load back: condition ScalingActive says what is wrong with it",
        "held as they are, for 56m45s more at most",
    ),
    Limiter.FALLBACK_FLOOR: Meaning(
        "The hold is over and nothing can be read still: at least fallback.replicas run, and never fewer than now.",
        "bring the load back: condition ScalingActive says what is wrong with it",
        "at least the fallback floor of 10",
    ),
    Limiter.TRUST: Meaning(
        "The forecast has not earned trust: it may raise above what the load now asks for, not go below it.",
        "wait for trust (condition ForecastTrusted); fallback.reactive.targetUtilization says what load now asks for",
        "learning, so not below the 12 that load 420/s now asks for",
    ),
    Limiter.SAFETY_FLOOR: Meaning(
        "The load that is there now has to be served, whatever the forecast says.",
        "nothing to do, it goes with the load; if it comes often, look at the record of the forecast",
        "load is 620/s now, 50/s each",
    ),
    Limiter.SCALE_IN_HELD: Meaning(
        "Fewer replicas are asked for, but nothing is lowered on data that is missing, old or not yet complete.",
        "wait, if the operator has just started; else bring the load back (condition ScalingActive)",
        "not lowered to 5 until load has been usable for 1m",
    ),
    Limiter.TOLERANCE: Meaning(
        "The replicas that run are close enough to what is asked for.",
        "nothing to do; behavior.scaleUp.tolerance and behavior.scaleDown.tolerance say what is close",
        "12 are within tolerance of 13",
    ),
    Limiter.SCALE_UP_STABILIZATION: Meaning(
        "More are asked for, but within the scale-up window fewer were.",
        "wait, or shorten behavior.scaleUp.stabilizationWindowSeconds",
        "held by scale-up stabilization (4 recommended 1m30s ago)",
    ),
    Limiter.SCALE_DOWN_STABILIZATION: Meaning(
        "Fewer are asked for, but within the scale-down window more were.",
        "wait, or shorten behavior.scaleDown.stabilizationWindowSeconds",
        "held by scale-down stabilization (12 recommended 1m30s ago)",
    ),
    Limiter.SCALE_UP_POLICY: Meaning(
        "More are asked for than behavior.scaleUp.policies add at a time.",
        "wait for the next period, or allow more in behavior.scaleUp.policies",
        "scale-up policies allow at most 8 for now, 12 wanted",
    ),
    Limiter.SCALE_DOWN_POLICY: Meaning(
        "Fewer are asked for than behavior.scaleDown.policies take away at a time.",
        "wait for the next period, or allow more in behavior.scaleDown.policies",
        "scale-down policies allow no fewer than 11 for now, 5 wanted",
    ),
    Limiter.MIN_REPLICAS: Meaning(
        "Fewer would do, minReplicas does not allow them.",
        "lower minReplicas, if that few are safe without a forecast too",
        "minReplicas is 5, 3 wanted",
    ),
    Limiter.MAX_REPLICAS: Meaning(
        "More are asked for than maxReplicas allows: load may not be served.",
        "raise maxReplicas, if the cluster and what stands behind the pods have room",
        "maxReplicas is 10, 12 wanted",
    ),
    Limiter.OBSERVE: Meaning(
        "The number is told, not applied: the object observes.",
        "set mode: Auto to have it applied",
        "not applied: mode Observe",
    ),
    Limiter.PAUSED: Meaning(
        "The number is told, not applied: the object is paused.",
        "set paused: false to have it applied",
        "not applied: paused",
    ),
    Limiter.SCALED_TO_ZERO: Meaning(
        "Somebody set the target to 0 replicas although minReplicas is above: it stays off.",
        "set the target's replicas above 0 to resume",
        "switched off by hand, as minReplicas is 2; set replicas above 0 to resume",
    ),
}

PHASES: Mapping[Phase, Meaning] = {
    Phase.LEARNING: Meaning(
        "Too few windows have been scored: the forecast may raise above what the load now asks for, not go below it.",
        "wait; a longer forecast.history is replayed at once",
        "37 of 100 disjoint windows scored",
    ),
    Phase.TRUSTED: Meaning(
        "The forecast keeps its promise: it may raise and lower.",
        "nothing",
        "4.7 % of 1440 disjoint windows missed, 5 % promised, skill 0.42 against the last value",
    ),
    Phase.DEGRADED: Meaning(
        "The forecast misses clearly more than it promised: it may raise, not go below what the load now asks for.",
        "look for what changed in the load; it earns trust again by itself",
        "12 % of 500 disjoint windows missed, 5 % promised, skill 0.42 against the last value",
    ),
}

RUNGS: Mapping[Rung, Meaning] = {
    Rung.PREDICTIVE: Meaning(
        "The forecast on live load decides.",
        "nothing",
        "load up to 572/s with 10 % buffer expected within 2m at 95 %, 50/s each",
    ),
    Rung.STORED: Meaning(
        "Load is missing for a short time: the last forecast goes on, wider with time; nothing is lowered.",
        "bring the load back before fallback.after is over",
        "no usable load for 1m30s: failed (prometheus does not answer)",
    ),
    Rung.REACTIVE: Meaning(
        "There is no forecast, or no load: thresholds on what is left decide, the load itself or the CPU of the pods.",
        "without load: bring it back; with it: wait until the history has been read",
        "8 replicas ready at 90 % of requested CPU, target 70 %",
    ),
    Rung.HOLD: Meaning(
        "Neither load nor CPU can be read: replicas stay as they are.",
        "bring the load back (condition ScalingActive), or metrics.k8s.io",
        "held as they are, for 56m45s more at most",
    ),
    Rung.FLOOR: Meaning(
        "Nothing could be read for an hour and more: at least fallback.replicas run.",
        "bring the load back (condition ScalingActive); set fallback.replicas to what is safe without sight",
        "at least the fallback floor of 10",
    ),
}
