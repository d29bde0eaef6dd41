"""What the conditions of an object mean: their types, and every reason they can carry."""

from collections.abc import Mapping
from dataclasses import dataclass

from .meanings import Meaning
from .record import Judged


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of condition: the status that is as it should be, and its words."""

    good: str
    words: Meaning


TYPES: Mapping[str, Kind] = {
    "Ready": Kind(
        "True",
        Meaning(
            "The spec is valid, the target is there, load is live, a forecast is made of it, writes are accepted.",
            "see its reason",
            "prometheus does not answer",
        ),
    ),
    "AbleToScale": Kind(
        "True",
        Meaning(
            "The target's scale can be read and written.",
            "see its reason",
            'Deployment "checkout" is not in namespace "shop"; create it',
        ),
    ),
    "ScalingActive": Kind(
        "True", Meaning("Replicas follow live load.", "see its reason", "prometheus does not answer")
    ),
    "ScalingLimited": Kind(
        "False",
        Meaning(
            "A limit holds the number away from what is asked for.",
            "see the limiter; a limit that is meant to hold is no fault",
            "10 replicas: load up to 600/s expected within 2m at 95 %, 50/s each; maxReplicas is 10, 12 wanted",
        ),
    ),
    "ForecastTrusted": Kind(
        "True",
        Meaning("The forecast alone may lower replicas.", "see the phase", "37 of 100 disjoint windows scored"),
    ),
    "FallbackActive": Kind(
        "False",
        Meaning(
            "The number comes from another rung than the forecast of live load.",
            "see the rung",
            "12 replicas: no forecast to go by, load 420/s now at 70 % of 50/s each",
        ),
    ),
    "Conflicted": Kind(
        "False",
        Meaning(
            "Somebody else moves what this object sizes.",
            "see its reason",
            'HorizontalPodAutoscaler "checkout" scales Deployment "checkout" too, so decisions are not applied; '
            "delete it, or let both work by mode: Floor",
        ),
    ),
    "Paused": Kind(
        "False",
        Meaning("spec.paused is true.", "set paused: false", "spec.paused is true: nothing is written to the target"),
    ),
}

BRING_BACK = "bring the load back; until then nothing is lowered"
WAIT = "wait: it is just beginning"
NOTHING = "nothing"

# By reason: what it says, and what to do where the message does not say it.
REASONS: Mapping[str, tuple[str, str]] = {
    # of the object itself and its target
    "Ready": ("all is well", NOTHING),
    "SpecInvalid": (
        "the spec has a mistake that only the operator can see",
        "correct the field that the message names",
    ),
    "SucceededGetScale": ("the target's scale can be read and written", NOTHING),
    "TargetNotReadYet": ("the target has not been read yet", WAIT),
    "TargetNotFound": ("there is no such target", "create it, or correct spec.scaleTargetRef"),
    "TargetTaken": ("another BayesianAutoscaler sizes the same target", "delete one of the two"),
    "ScaleNotRead": ("the target's scale was not read in time", "look at the API server's load; it is tried again"),
    "FailedUpdateScale": ("replicas could not be written", "see the message; it is tried again at every tick"),
    "FailedUpdateFloor": ("the autoscaler's floor could not be written", "see the message; it is tried again"),
    "NoSuchKind": ("the API server knows no such kind", "install its CRD, or correct spec.scaleTargetRef"),
    "NoScale": ("the target's kind has no scale subresource", "name a kind that can be scaled"),
    "BadName": ("a name that cannot be one", "correct it"),
    # of the API server, where it refused
    "Forbidden": ("the operator may not do it", "grant it: the chart's rbac.extraScaleTargets, or its Role"),
    "NotFound": ("the API server does not have it", "create it, or correct its name"),
    "Unauthorized": ("the operator's credentials are not taken", "look at its ServiceAccount"),
    "Conflict": ("it was changed meanwhile", "nothing: it is tried again"),
    "Gone": ("the list was too old", "nothing: it is tried again"),
    "Unprocessable": ("the API server finds it invalid", "see the message"),
    "TooManyRequests": ("the API server asks for patience", "nothing: it is tried again; look at its load"),
    "ServerError": ("the API server has a fault", "look at its log; it is tried again"),
    "Unreachable": ("the API server does not answer", "look at the network between; it is tried again"),
    "ApiError": ("the API server refused", "see the message"),
    "ClusterError": ("the cluster could not be read or written", "see the message"),
    "BadConfiguration": ("no usable credentials", "see the message"),
    "Moved": ("the target was changed meanwhile", "nothing: it is decided anew"),
    "BadSecret": ("a Secret that cannot be read", "correct its keys"),
    # of the load
    "NotReadYet": ("load has not been read yet", WAIT),
    "LoadLive": ("load is read and current", NOTHING),
    "LoadLiveWithWarnings": ("load is live, Prometheus warns of it", "read the warnings"),
    "LoadAbsent": ("the query gives no data", BRING_BACK),
    "LoadStale": ("data stopped coming", BRING_BACK),
    "LoadImplausible": (
        "the query gives what cannot be a load: negative, infinite or absurd, or 0 where it hardly ever was 0",
        BRING_BACK,
    ),
    "LoadFailed": ("load could not be read", BRING_BACK),
    "LoadUnavailable": ("load could not be read", BRING_BACK),
    "NotAllowed": ("the operator may not ask this address", "allow it: prometheus.allow in the chart's values"),
    "AuthMissing": ("the Secret of authRef is not there", "create it in the object's namespace"),
    "AuthInvalid": ("the Secret of authRef cannot be used", "correct its keys"),
    "AuthFailed": ("Prometheus refuses the credentials", "renew the Secret of authRef"),
    "QueryFailed": ("Prometheus refuses the query", "try it in its UI"),
    "SeveralSeries": ("the query gives several series", "wrap it in sum()"),
    "TooLarge": ("the answer is too large", "narrow the query, or shorten forecast.history"),
    "BadAnswer": ("the answer is not that of a Prometheus", "correct serverAddress"),
    "Timeout": ("Prometheus did not answer in time", "make the query cheaper (a recording rule), or look at its load"),
    "ServerUnreachable": ("Prometheus does not answer", "look at it and at the network between"),
    "ScalingDisabled": ("somebody set the target to 0 replicas", "set them above 0 to resume"),
    "LearningHindered": ("load is live, but lead time or capacity cannot be learned", "see the message"),
    "CapacityNotLearned": (
        "what one replica serves is not known yet",
        "wait, or give capacity.perReplica as a start",
    ),
    # of limits
    "DesiredWithinRange": ("no limit holds the number", NOTHING),
    "TooFewReplicas": ("minReplicas holds the number up", "lower minReplicas, if that is safe"),
    "TooManyReplicas": ("maxReplicas holds the number down", "raise maxReplicas, if there is room"),
    "ScaleUpLimit": ("behavior.scaleUp.policies slow it down", "wait, or allow more"),
    "ScaleDownLimit": ("behavior.scaleDown.policies slow it down", "wait, or allow more"),
    "ScaleUpStabilized": ("the scale-up window holds it down", "wait, or shorten the window"),
    "ScaleDownStabilized": ("the scale-down window holds it up", "wait, or shorten the window"),
    "ScaleInHeld": ("nothing is lowered on missing data", "see limiter ScaleInHeld"),
    "ScaleInWindow": ("within half an hour they will be wanted back", "nothing: it is cheaper to keep them"),
    "ReversalGate": ("a raise after a scale-in gains too little", "nothing: the load itself raises at once"),
    "RolloutInProgress": ("nothing is lowered during a rollout", "wait"),
    "Schedule": ("a schedule holds the number", "wait, or change spec.schedules"),
    "QuotaExceeded": ("a ResourceQuota refuses pods", "raise the quota"),
    "FailedCreate": ("the API server refuses pods", "mend the pod template, or what refuses it"),
    "Unschedulable": ("pods wait for a node", "add nodes"),
    # of others who move the number
    "NoConflict": ("nobody else moves what this object sizes", NOTHING),
    "HorizontalPodAutoscaler": ("an HPA is on the target", "delete it, or let both work by mode: Floor"),
    "ScaledObject": ("a KEDA ScaledObject is on the target", "delete it, or let both work by mode: Floor"),
    "SeveralAutoscalers": ("several autoscalers are on the target", "delete all but one"),
    "AutoscalerNotFound": (
        "mode Floor, and there is no autoscaler on the target",
        "create one, or set mode: Auto",
    ),
    "AutoscalersNotRead": (
        "whether another autoscaler is on the target is not known",
        "wait; or grant what the message names",
    ),
    "ReplicasEdited": (
        "somebody set the replicas by hand: decisions go on from there",
        "nothing; to keep a number by hand, set paused: true",
    ),
    "FloorEdited": (
        "somebody set the autoscaler's floor by hand: decisions go on from there",
        "nothing; to keep a number by hand, set paused: true",
    ),
    "GitOpsReverting": (
        "the number is put back each time it is set",
        "take it out of the manifest, or have it ignored there",
    ),
    # of the forecast
    "NoForecast": ("there is no forecast yet", WAIT),
    "Learning": ("too few windows have been scored", "wait"),
    "Trusted": ("the forecast keeps its promise", NOTHING),
    "Degraded": ("the forecast misses more than it promised", "look for what changed in the load"),
    "NoDecision": ("nothing is decided", "see condition Ready"),
    "Predictive": ("the live forecast decides", NOTHING),
    "PredictiveOnStoredPosterior": ("load is missing, the last forecast goes on", BRING_BACK),
    "Reactive": ("thresholds decide, without a forecast", "see condition Ready"),
    "Hold": ("nothing can be read: replicas are held", BRING_BACK),
    "Floor": ("nothing could be read for long: the floor runs", BRING_BACK),
    # of the mode
    "Running": ("decisions are applied", NOTHING),
    "Observe": ("decisions are told, not applied", "set mode: Auto to have them applied"),
    "Paused": ("nothing is written to the target", "set paused: false"),
}


def as_it_should_be(condition: Judged) -> bool:
    """Whether a condition is as it should be."""
    return is_good(condition.type, condition.status)


def is_good(kind: str, status: str) -> bool:
    """Whether a condition of this type should be so; of a type that is not known here it should be True."""
    known = TYPES.get(kind)
    return status == ("True" if known is None else known.good)


def cure_of(reason: str) -> str:
    """Return what to do about a reason, as far as it is known here."""
    return REASONS.get(reason, ("", "see the message"))[1]
