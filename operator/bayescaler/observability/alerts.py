"""Alerts: pages for what hurts users now, tickets for what will; each with its cause, which silences it.

Every expression ends in one series an object, or one an installation, so an alert fires once however many replicas of
the operator expose its metrics.
"""

from dataclasses import dataclass
from enum import StrEnum

from .promql import also, of, of_leader, recorded
from .recording import short_over

# Of a budget of 30 days, 14.4 times its rate spends 2 % in an hour, 6 times 5 % in six hours. A wide budget cannot burn
# so fast: then it is nearly all of the time that counts.
FAST_BURN, FAST_SHARE = 14.4, 0.9
SLOW_BURN, SLOW_SHARE = 6.0, 0.5
LIKELY = 0.2
CAPACITY_STEP = 0.2
NEAR_MAX = 0.9
INFERENCE_SECONDS = 0.2
TICK_SECONDS = 10.0
CONFLICTS = ("HorizontalPodAutoscaler", "ScaledObject", "SeveralAutoscalers", "TargetTaken", "GitOpsReverting")
NO_PODS = ("QuotaExceeded", "FailedCreate", "Unschedulable")
BEGINNINGS = ("NotReadYet", "TargetNotReadYet", "NoForecast")


class Severity(StrEnum):
    """Whom it wakes: critical pages, warning opens a ticket."""

    PAGE = "critical"
    TICKET = "warning"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `summary` and `description` may use Prometheus' templates.

    `caused_by` names the alerts that silence it on the same object, or everywhere if they are of the installation.
    """

    name: str
    severity: Severity
    expression: str
    lasts: str
    summary: str
    description: str
    caused_by: tuple[str, ...] = ()
    of_object: bool = True


def _in_force(expression: str) -> str:
    """Return an expression's objects that are really sized by us."""
    return also(expression, of_leader("state", 'mode=~"Auto|Floor"'))


def _burns(times: float, most: float, *windows: str) -> str:
    budget = f"clamp_max({times:g} * {of_leader('overload_budget')}, {most:g})"
    return _in_force(" and ".join(f"{recorded(short_over(window))} > {budget}" for window in windows))


def _in_state(match: str, *keep: str) -> str:
    return f"{of_leader('state', match, keep=keep)} == 1"


def _one_of(reasons: tuple[str, ...]) -> str:
    return "|".join(reasons)


_WHOLE_TICKS = of("tick_seconds", 'stage="total"', suffix="_bucket", window="10m")
_STOPPED = ("BayescalerLeaderMissing", "BayescalerNothingDecided")
_NO_LOAD = (*_STOPPED, "BayescalerLoadMissing")
_RUNS_SHORT = (*_STOPPED, "BayescalerPodsRefused", "BayescalerConflict")

ALERTS = (
    Alert(
        "BayescalerLeaderMissing",
        Severity.PAGE,
        f"sum by (job) ({of('leader')}) < 1 or absent({of('leader')})",
        "2m",
        "No Bayescaler writes",
        "No replica of the operator has held the Lease for two minutes, or none is scraped: no workload is resized.",
        of_object=False,
    ),
    Alert(
        "BayescalerNothingDecided",
        Severity.PAGE,
        f"sum by (job) (rate({of('decisions', window='5m')}) and on (job, instance) ({of('leader')} == 1)) == 0 "
        f"and on (job) max by (job) ({of('objects')}) > 0",
        "5m",
        "Bayescaler decides nothing",
        "The leader knows objects and has decided on none for ten minutes.",
        caused_by=("BayescalerLeaderMissing",),
        of_object=False,
    ),
    Alert(
        "BayescalerAtMaxViolationLikely",
        Severity.PAGE,
        _in_force(
            f"{of_leader('violation_probability')} > {LIKELY:g} and "
            f"{of_leader('desired_replicas')} >= {of_leader('max_replicas')}"
        ),
        "5m",
        "{{ $labels.namespace }}/{{ $labels.name }} is at maxReplicas and likely to run short",
        "All replicas that spec.maxReplicas allows are wanted, and with a probability of "
        "{{ $value | humanizePercentage }} the load of the lead window is more than they serve.",
        caused_by=(*_STOPPED, "BayescalerConflict"),
    ),
    Alert(
        "BayescalerBudgetBurnFast",
        Severity.PAGE,
        _burns(FAST_BURN, FAST_SHARE, "1h", "5m"),
        "2m",
        "{{ $labels.namespace }}/{{ $labels.name }} burns its overload budget fast",
        "{{ $value | humanizePercentage }} of the last hour was short of replicas, and it goes on: at this rate a "
        "month's budget is gone in two days.",
        caused_by=(*_RUNS_SHORT, "BayescalerAtMaxViolationLikely"),
    ),
    Alert(
        "BayescalerBudgetBurnSlow",
        Severity.TICKET,
        _burns(SLOW_BURN, SLOW_SHARE, "6h", "30m"),
        "15m",
        "{{ $labels.namespace }}/{{ $labels.name }} burns its overload budget",
        "{{ $value | humanizePercentage }} of the last six hours was short of replicas, and it goes on: at this rate a "
        "month's budget is gone in five days.",
        caused_by=(*_RUNS_SHORT, "BayescalerAtMaxViolationLikely", "BayescalerBudgetBurnFast"),
    ),
    Alert(
        "BayescalerNearMax",
        Severity.TICKET,
        _in_force(f"{of_leader('desired_replicas')} / {of_leader('max_replicas')} > {NEAR_MAX:g}"),
        "1h",
        "{{ $labels.namespace }}/{{ $labels.name }} is near its maxReplicas",
        "{{ $value | humanizePercentage }} of spec.maxReplicas have been wanted for an hour: the next rise may find no "
        "room.",
        caused_by=(*_STOPPED, "BayescalerAtMaxViolationLikely"),
    ),
    Alert(
        "BayescalerLoadMissing",
        Severity.TICKET,
        _in_state('load!="Live"', "load"),
        "10m",
        "{{ $labels.namespace }}/{{ $labels.name }}: load is {{ $labels.load }}",
        "The load has not been live for ten minutes. Nothing is lowered; the number comes from the fallback ladder.",
        caused_by=_STOPPED,
    ),
    Alert(
        "BayescalerCalibrationLost",
        Severity.TICKET,
        _in_state('phase="Degraded",charge="coverage"'),
        "1h",
        "{{ $labels.namespace }}/{{ $labels.name }}: the forecast misses more than it promises",
        "For an hour it has been nearly certain that the load is above the promised quantile more than half as often "
        "again as promised. The forecast may raise, not lower.",
        caused_by=_NO_LOAD,
    ),
    Alert(
        "BayescalerForecastDrift",
        Severity.TICKET,
        _in_state('phase="Degraded",charge="change"'),
        "30m",
        "{{ $labels.namespace }}/{{ $labels.name }}: the load has changed and the forecast has not followed",
        "Since the last change of the load's level the forecast has missed more than it promises. It may raise, not "
        "lower.",
        caused_by=_NO_LOAD,
    ),
    Alert(
        "BayescalerForecastOutdone",
        Severity.TICKET,
        _in_state('phase="Degraded",charge="skill"'),
        "6h",
        "{{ $labels.namespace }}/{{ $labels.name }}: a threshold would forecast better",
        "The newest load times a constant has clearly lost less than the forecast for six hours. The forecast may "
        "raise, not lower.",
        caused_by=_NO_LOAD,
    ),
    Alert(
        "BayescalerCapacityChanged",
        Severity.TICKET,
        f"abs({of_leader('capacity_per_replica')} / {of_leader('capacity_per_replica', offset='1h')} - 1)"
        f" > {CAPACITY_STEP:g}",
        "15m",
        "{{ $labels.namespace }}/{{ $labels.name }}: what a replica serves has changed",
        "It is {{ $value | humanizePercentage }} away from an hour ago: a release made the workload slower or faster, "
        "or the spec was edited.",
        caused_by=_STOPPED,
    ),
    Alert(
        "BayescalerPodsRefused",
        Severity.TICKET,
        _in_state(f'reason=~"{_one_of(NO_PODS)}"', "reason"),
        "10m",
        "{{ $labels.namespace }}/{{ $labels.name }}: pods do not come ({{ $labels.reason }})",
        "Replicas were asked for and the cluster has not given their pods for ten minutes: a quota, an admission or a "
        "lack of nodes.",
        caused_by=_STOPPED,
    ),
    Alert(
        "BayescalerConflict",
        Severity.TICKET,
        _in_state(f'reason=~"{_one_of(CONFLICTS)}"', "reason"),
        "10m",
        "{{ $labels.namespace }}/{{ $labels.name }}: somebody else sizes it too ({{ $labels.reason }})",
        "Another autoscaler, or what applies manifests, moves the replicas that this object sizes.",
        caused_by=_STOPPED,
    ),
    Alert(
        "BayescalerNotReady",
        Severity.TICKET,
        _in_state(
            f'load="Live",reason!~"Ready|{_one_of((*CONFLICTS, *NO_PODS, *BEGINNINGS))}"',
            "reason",
        ),
        "15m",
        "{{ $labels.namespace }}/{{ $labels.name }} is not sized: {{ $labels.reason }}",
        "Load is live, and still the object is not ready: the reason says what is in the way.",
        caused_by=_STOPPED,
    ),
    Alert(
        "BayescalerInferenceSlow",
        Severity.TICKET,
        f"histogram_quantile(0.95, sum by (job, le) (rate({of('inference_seconds', suffix='_bucket', window='10m')})))"
        f" > {INFERENCE_SECONDS:g}",
        "15m",
        "Bayescaler's inference is slow",
        "The 95th percentile of a tick's inference is {{ $value | humanizeDuration }}; its service level is 200 ms.",
        caused_by=_STOPPED,
        of_object=False,
    ),
    Alert(
        "BayescalerTickSlow",
        Severity.TICKET,
        f"histogram_quantile(0.95, sum by (job, le) (rate({_WHOLE_TICKS}))) > {TICK_SECONDS:g}",
        "15m",
        "Bayescaler's ticks are slow",
        "The 95th percentile of a tick is {{ $value | humanizeDuration }}: near the interval decisions come late.",
        caused_by=_STOPPED,
        of_object=False,
    ),
    Alert(
        "BayescalerFaults",
        Severity.TICKET,
        # A label's counter may begin with its first fault, which is no increase yet; or with none.
        f"sum by (job, where) (increase({of('failures', window='30m')}) > 0 "
        f"or ({of('failures')} > 0 unless {of('failures', offset='30m')}))",
        "0m",
        "Bayescaler has contained a fault in {{ $labels.where }}",
        "Something happened that nobody foresaw. The objects concerned were passed over, the others went on; the log "
        "has the traceback.",
        of_object=False,
    ),
)

NAMED = {alert.name: alert for alert in ALERTS}
