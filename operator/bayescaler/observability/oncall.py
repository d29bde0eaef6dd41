"""The on-call dashboard: what is wrong, with whom, and where to go from there."""

from bayescaler.telemetry.catalogue import STATE_LABELS

from .alerts import FAST_BURN, INFERENCE_SECONDS, LIKELY, SLOW_BURN
from .panels import GREEN, RED, SELECTED, YELLOW, Dashboard, Draw, Link, Note, Panel, Query, Row, Show, lines, stat
from .promql import of, of_leader, recorded
from .recording import REPLICAS, short_over
from .rules import RUNBOOKS

_NAMED = "{{namespace}}/{{name}}"
_DEBUG = Link(
    "Debug this object",
    "/d/bayescaler-debug?var-datasource=${datasource}"
    "&var-namespace=${__data.fields.namespace}&var-autoscaler=${__data.fields.name}",
)
_RUNBOOK = Link("Runbook", f"{RUNBOOKS}/${{__data.fields.alertname}}/")
_FINE: tuple[tuple[float | None, str], ...] = ((None, GREEN), (1.0, RED))
_COMMANDS = """\
Why it is this number, and what it would take to be another:

    kubectl bayescaler explain -n $namespace $autoscaler
    kubectl bayescaler explain -n $namespace $autoscaler --at -30m

Stop it now: what runs stays, nothing is written until it is taken back with `false`.

    kubectl patch bas $autoscaler -n $namespace --type merge -p '{"spec":{"paused":true}}'

Every alert has a page: [runbooks](RUNBOOKS). A row's link opens the object in the debug dashboard.
""".replace("RUNBOOKS", RUNBOOKS)


def _count(match: str) -> str:
    return f"count({of_leader('state', f'{SELECTED},{match}')} == 1) or vector(0)"


_OPERATOR = Row(
    "The operator",
    (
        stat(
            "Leaders",
            "Replicas that write: one.",
            Show.WHOLE,
            Query(f"sum({of('leader')})"),
            thresholds=((None, RED), (1.0, GREEN), (2.0, RED)),
        ),
        stat(
            "Last tick",
            "Time since the leader's last tick ended.",
            Show.SECONDS,
            Query(f"time() - max({of('last_tick_timestamp_seconds')} and on (job, instance) ({of('leader')} == 1))"),
            thresholds=((None, GREEN), (60.0, YELLOW), (300.0, RED)),
        ),
        stat(
            "Inference, P95",
            "Service level: below 200 ms a tick.",
            Show.SECONDS,
            Query(
                "histogram_quantile(0.95, sum by (le) "
                f"(rate({of('inference_seconds', suffix='_bucket', window='$__rate_interval')})))"
            ),
            thresholds=((None, GREEN), (0.1, YELLOW), (INFERENCE_SECONDS, RED)),
        ),
        stat("Not ready", "Objects that something is in the way of.", Show.WHOLE, Query(_count('reason!="Ready"')),
             thresholds=_FINE),
        stat("Degraded", "Objects whose forecast has lost trust.", Show.WHOLE, Query(_count('phase="Degraded"')),
             thresholds=_FINE),
        stat("At maxReplicas", "Objects that want more than they may have.", Show.WHOLE,
             Query(_count('limiter="MaxReplicas"')), thresholds=_FINE),
    ),
)  # fmt: skip

_WRONG = Row(
    "What is wrong",
    (
        Panel(
            "Alerts that fire",
            "A click on a row opens its runbook.",
            Draw.TABLE,
            Show.WHOLE,
            (Query('ALERTS{alertname=~"Bayescaler.*",alertstate="firing"}'),),
            width=12,
            empty="no alert fires",
            links=(_RUNBOOK,),
            thresholds=_FINE,
        ),
        Panel(
            "Objects that are not well",
            "Degraded, without live load, or with a reason other than Ready. A click on a row opens it.",
            Draw.TABLE,
            Show.WHOLE,
            (
                Query(
                    " or ".join(
                        of_leader("state", f"{SELECTED},{match}", keep=STATE_LABELS)
                        for match in ('phase="Degraded"', 'load!="Live"', 'reason!="Ready"')
                    ),
                ),
            ),
            width=12,
            empty="all are well",
            links=(_DEBUG,),
            thresholds=_FINE,
        ),
        lines(
            "Budget burn",
            f"Share of the last hour that was short, over what the objective allows. {FAST_BURN:g} pages, "
            f"{SLOW_BURN:g} over six hours is a ticket.",
            Show.NUMBER,
            Query(f"{recorded(short_over('1h'), SELECTED)} / {of_leader('overload_budget', SELECTED)}", _NAMED),
            thresholds=((None, GREEN), (1.0, YELLOW), (FAST_BURN, RED)),
            empty="no object has a budget: objective.costs promises none",
        ),
        lines(
            "How near to maxReplicas",
            "Wanted over allowed; 100 % leaves no room for the next rise.",
            Show.SHARE,
            Query(
                f"{of_leader('desired_replicas', SELECTED)} / {of_leader('max_replicas', SELECTED)}",
                _NAMED,
            ),
            thresholds=((None, GREEN), (0.9, YELLOW), (1.0, RED)),
        ),
        lines(
            "Probability of running short",
            "Within the lead time, at the replicas decided on; above 20 % at maxReplicas it pages.",
            Show.SHARE,
            Query(of_leader("violation_probability", SELECTED), _NAMED),
            thresholds=((None, GREEN), (0.05, YELLOW), (LIKELY, RED)),
        ),
    ),
)

_DECISIONS = Row(
    "Last decisions",
    (
        Panel(
            "Last decisions",
            "What was wanted last and what runs; the limiter is the rule that fixed the number. A click opens it.",
            Draw.TABLE,
            Show.NUMBER,
            (
                Query(of_leader("state", SELECTED, keep=("mode", "phase", "rung", "limiter", "load"))),
                Query(of_leader("current_replicas", SELECTED), "runs"),
                Query(of_leader("desired_replicas", SELECTED), "wanted"),
                Query(of_leader("load", SELECTED), "load now"),
                Query(of_leader("violation_probability", SELECTED), "chance to run short"),
            ),
            width=24,
            links=(_DEBUG,),
        ),
        lines("Replicas", "What runs.", Show.WHOLE, Query(recorded(REPLICAS, SELECTED), _NAMED)),
        lines(
            "Writes",
            "Patches of scales by result: anything but ok and moved is refused.",
            Show.PER_SECOND,
            Query(f"sum by (result) (rate({of('scale_writes', window='$__rate_interval')}))", "{{result}}"),
            empty="nothing has been written yet",
        ),
        lines(
            "Load that could not be read",
            "By reason; docs/reference/reasons has the cures.",
            Show.PER_SECOND,
            Query(f"sum by (reason) (rate({of('source_errors', window='$__rate_interval')}))", "{{reason}}"),
            empty="all load could be read",
            thresholds=((None, GREEN), (0.1, RED)),
        ),
        Note("From here", _COMMANDS, height=7),
    ),
)

ON_CALL = Dashboard(
    "bayescaler-oncall",
    "Bayescaler / On call",
    "What is wrong, with whom, and where to go from there.",
    (_OPERATOR, _WRONG, _DECISIONS),
    since="now-6h",
    refresh="30s",
)
