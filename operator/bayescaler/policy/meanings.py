"""What every word of a decision means and what to do about it: the one source of docs and of `explain`.

Every member of the enumerations in `reasons` has its entry, and the types and reasons of conditions have theirs;
what is missing fails a test. No cure suggests fewer replicas while load is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .reasons import CanaryPhase, Limiter, Phase, Rung


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
    Limiter.SAFETY_FLOOR: Meaning(
        "The load that is there now has to be served, whatever the forecast says.",
        "nothing to do, it goes with the load; if it comes often, look at the record of the forecast",
        "load is 620/s now, 50/s each",
    ),
    Limiter.SURPRISE: Meaning(
        "More load came than was thought possible: for five minutes no forecast is followed below it and a margin.",
        "nothing to do, it ends by itself; if it comes often, look for what makes the load jump",
        "load beyond the forecast came a short while ago, so 110 % of 520/s now, 50/s each",
    ),
    Limiter.TRUST: Meaning(
        "The forecast has not earned trust: it may raise above what the load now asks for, not go below it.",
        "wait for trust (condition ForecastTrusted); fallback.reactive.targetUtilization says what load now asks for",
        "learning, so not below the 12 that load 420/s now asks for",
    ),
    Limiter.SCALE_IN_WINDOW: Meaning(
        "Fewer would do for the lead time, but within half an hour these will be wanted back.",
        "nothing to do: pods that come and go cost more than they save",
        "10 will be wanted back within 30m",
    ),
    Limiter.REVERSAL_GATE: Meaning(
        "The last move was a scale-in, and the few more that the forecast asks for gain too little to turn back.",
        "nothing to do: it raises once enough is gained, or the load itself asks for it",
        "not raised to 9 after a scale-in, as running short is no likelier than 25 %",
    ),
    Limiter.ACTIVATION: Meaning(
        "Neither load nor what is expected is above load.activationThreshold: nothing needs to run.",
        "nothing to do; lower load.activationThreshold to wake it earlier, or set minReplicas above 0",
        "load 0/s is not above activationThreshold 1/s, 0.5/s expected",
    ),
    Limiter.SCALE_IN_HELD: Meaning(
        "Fewer replicas are asked for, but nothing is lowered on data that is missing, old or not yet complete.",
        "wait, if the operator has just started; else bring the load back (condition ScalingActive)",
        "not lowered to 5 until load has been usable for 1m",
    ),
    Limiter.ROLLOUT_IN_PROGRESS: Meaning(
        "Fewer are asked for, but a rollout is replacing pods: nothing is lowered meanwhile.",
        "wait for the rollout to end; one that takes more than ten minutes holds nothing any more",
        "not lowered to 5 while a rollout replaces pods",
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
        "scale-up policies allow at most 16 for now, 24 wanted",
    ),
    Limiter.SCALE_DOWN_POLICY: Meaning(
        "Fewer are asked for than behavior.scaleDown.policies take away at a time.",
        "wait for the next period, or allow more in behavior.scaleDown.policies",
        "scale-down policies allow no fewer than 11 for now, 5 wanted",
    ),
    Limiter.SCHEDULE: Meaning(
        "A schedule in force asks for more, or allows no more.",
        "wait for its window to close, or change spec.schedules",
        "schedule sale asks for at least 20 until 2026-03-02 14:00 Europe/Berlin, 8 wanted",
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
    Limiter.QUOTA_EXCEEDED: Meaning(
        "The number stands, but a ResourceQuota refuses the pods.",
        "raise the quota, or lower maxReplicas to what it holds",
        "pods are refused: exceeded quota: team, requested: pods=1, used: pods=9, limited: pods=9; "
        "raise the quota or lower maxReplicas: the number stays, and they start once there is room",
    ),
    Limiter.FAILED_CREATE: Meaning(
        "The number stands, but the API server refuses the pods.",
        "mend the pod template, or the webhook or policy that refuses it",
        'pods are refused: pods "checkout-6f7d" is forbidden: violates PodSecurity "restricted:latest"; '
        "mend the pod template or what refuses it",
    ),
    Limiter.UNSCHEDULABLE: Meaning(
        "The number stands, but pods wait for a node.",
        "add nodes, or let pods request less",
        "2 of 12 pods wait for a node: 0/3 nodes are available: 3 Insufficient cpu; "
        "add nodes or lower maxReplicas: the number stays, and they start once there is room",
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
    Limiter.CONFLICT: Meaning(
        "The number is told, not applied: somebody else moves what this object sizes.",
        "condition Conflicted says who, and what to do about it",
        'not applied: HorizontalPodAutoscaler "checkout" scales it',
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
        "The forecast misses clearly more than it promised, of late or since the load changed, or does worse than a "
        "threshold: it may raise, not go below what the load now asks for.",
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

CANARIES: Mapping[CanaryPhase, Meaning] = {
    CanaryPhase.WARMING: Meaning(
        "The canary's history is read and replayed, or the live forecast has too little to show yet to compare with.",
        "wait",
        "seasons: [24h, 168h]: its history is being read; nothing is compared yet",
    ),
    CanaryPhase.RUNNING: Meaning(
        "Both forecast the same windows and their losses are compared; the canary decides nothing.",
        "wait; after weeks without a decision the two are as good as alike: remove it",
        "seasons: [24h, 168h] loses 9.1 % less than the live forecast (ratio 0.91, between 0.70 and 1.12) "
        "over 412 disjoint windows; evidence 2.6 of 20, nothing is decided before 10h6m are over",
    ),
    CanaryPhase.PROMOTED: Meaning(
        "The canary lost less, and forecasts in place of what spec.forecast says, as long as it stands there.",
        "move its fields to spec.forecast and remove the canary, in one change; to go back, remove the canary alone",
        "seasons: [24h, 168h] lost 13 % less than the live forecast (ratio 0.87, between 0.75 and 0.98) "
        "over 812 disjoint windows and forecasts now: move it to spec.forecast and remove the canary",
    ),
    CanaryPhase.ROLLED_BACK: Meaning(
        "The canary lost more and no longer runs; the live forecast was never touched.",
        "remove spec.forecast.canary, or try something else",
        "seasons: [] lost 31 % more than the live forecast (ratio 1.31, between 1.17 and 1.45) "
        "over 803 disjoint windows and no longer runs: remove spec.forecast.canary, or try something else",
    ),
}
