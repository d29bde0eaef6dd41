"""The debug dashboard of one object: the forecast beside what came, what it rests on, and the operator's own work."""

from bayescaler.telemetry.catalogue import STAGES

from .alerts import INFERENCE_SECONDS, LIKELY, TICK_SECONDS
from .panels import GREEN, RED, SELECTED, YELLOW, Dashboard, Draw, Panel, Query, Row, Show, lines
from .promql import OBJECT, of, of_leader, recorded
from .recording import HPA_REPLICAS, KEPT, SHORT, short_over


def _of_object(name: str, legend: str = "") -> Query:
    return Query(of_leader(name, SELECTED), legend or name.replace("_", " "))


def _states(title: str, description: str, label: str, match: str = "", empty: str = "") -> Panel:
    """Return a panel of the words that one label of the state has had."""
    found = of_leader("state", ",".join(filter(None, (SELECTED, match))), keep=(label,))
    return Panel(
        title, description, Draw.STATES, Show.STATE, (Query(found, f"{{{{{label}}}}}"),), width=12, empty=empty
    )


def _percentile(share: float, name: str, by: str = "le") -> str:
    return (
        f"histogram_quantile({share:g}, sum by ({by}) (rate({of(name, suffix='_bucket', window='$__rate_interval')})))"
    )


def _of_hour(offset: str = "") -> str:
    """Return the mean load of an hour, whichever replica of the operator saw it: they are not those of yesterday."""
    return f"avg by ({OBJECT}) (avg_over_time({of('load', SELECTED, window='1h', offset=offset)}))"


_SERVES = f"{of_leader('capacity_per_replica', SELECTED)} * {of_leader('current_replicas', SELECTED)}"
_FORECAST = Row(
    "Forecast",
    (
        lines(
            "Load, forecast and what is served",
            "The fan is the highest load expected within the lead window: median and promised quantile. Load above "
            "the upper line is a miss; load above what the replicas serve is time short.",
            Show.NUMBER,
            _of_object("load"),
            _of_object("forecast_load_median", "forecast, median"),
            _of_object("forecast_load", "forecast, promised quantile"),
            Query(_SERVES, "served by the replicas"),
            width=24,
        ),
        lines(
            "Coverage",
            "Share of windows within the promised quantile: as the operator scores them; as Prometheus saw the last "
            "hour; and the promise. Levels other than the promised one are no metric: "
            "`bayescaler doctor forecast` has them.",
            Show.SHARE,
            _of_object("forecast_coverage", "coverage"),
            Query(f"avg_over_time({recorded(KEPT, SELECTED, window='1h')})", "kept within the last hour"),
            Query(f"1 - {of_leader('overload_budget', SELECTED)}", "promised"),
            thresholds=((None, RED), (0.85, YELLOW), (0.9, GREEN)),
        ),
        lines(
            "Width of the forecast",
            "The promised quantile over the median: the wider, the more room is kept for what is not known.",
            Show.NUMBER,
            Query(
                f"{of_leader('forecast_load', SELECTED)} / {of_leader('forecast_load_median', SELECTED)}", "over median"
            ),
            thresholds=((None, GREEN), (2.0, YELLOW), (5.0, RED)),
        ),
        lines(
            "Drift of the load",
            "Load of the last hour over that of the hour a day before; 1 is a usual day. Where a change was too much "
            "for the forecast, the charge below says so.",
            Show.NUMBER,
            Query(f"{_of_hour()} / {_of_hour(offset='1d')}", "today over yesterday"),
            thresholds=((None, YELLOW), (0.5, GREEN), (2.0, YELLOW)),
            empty="there is no day before yet",
        ),
        _states("Phase", "How far the forecast is trusted.", "phase"),
        _states(
            "Charge",
            "What a degraded forecast is charged with: coverage, change or skill.",
            "charge",
            'charge!=""',
            empty="the forecast is charged with nothing",
        ),
    ),
)

_DECISION = Row(
    "Decision",
    (
        lines(
            "Replicas",
            "What runs, what is wanted, the limits, and what an HPA at 70 % would hold.",
            Show.WHOLE,
            _of_object("current_replicas", "runs"),
            _of_object("desired_replicas", "wanted"),
            _of_object("min_replicas", "minReplicas"),
            _of_object("max_replicas", "maxReplicas"),
            Query(recorded(HPA_REPLICAS, SELECTED), "HPA"),
            width=12,
        ),
        lines(
            "Risk",
            "Probability of running short within the lead time, the share of the last hour that was short, and the "
            "share that may be.",
            Show.SHARE,
            _of_object("violation_probability", "probability"),
            Query(recorded(short_over("1h"), SELECTED), "short, last hour"),
            _of_object("overload_budget", "budget"),
            width=12,
            thresholds=((None, GREEN), (0.05, YELLOW), (LIKELY, RED)),
        ),
        _states("Limiter", "The rule that fixed the number.", "limiter"),
        _states("Rung", "Where the number comes from: the fallback ladder.", "rung"),
        _states("Load", "What is known of the load: Live, Absent, Stale, Implausible or Failed.", "load"),
        _states("Reason", "The worst that is wrong; Ready is nothing.", "reason"),
        lines(
            "Budget spent",
            "Share of the time that was short of late, as the operator counts it for objective.risk.",
            Show.SHARE,
            _of_object("overload_spent", "spent"),
            thresholds=((None, GREEN), (0.01, YELLOW), (0.05, RED)),
            width=12,
            empty="the object has no objective.risk",
        ),
        lines(
            "Short now",
            "1 while load is above what the replicas serve.",
            Show.STATE,
            Query(recorded(SHORT, SELECTED), "short"),
            thresholds=((None, GREEN), (1.0, RED)),
            width=12,
        ),
    ),
)

_LEARNED = Row(
    "What it rests on",
    (
        lines(
            "Capacity of a replica",
            "Load one replica is taken to serve; of a learned one the low quantile. A step is a release, or an edit.",
            Show.NUMBER,
            _of_object("capacity_per_replica", "load a replica"),
            width=12,
        ),
        lines(
            "A canary's loss",
            "Pinball loss of forecast.canary over that of the live forecast; below 1 it is better.",
            Show.NUMBER,
            _of_object("canary_loss_ratio", "canary over live"),
            thresholds=((None, GREEN), (1.0, RED)),
            empty="no canary runs",
            width=12,
        ),
        lines(
            "Lead time",
            "P90 of the time from a pod's creation to its being ready: how far ahead is to be looked.",
            Show.SECONDS,
            _of_object("lead_time_seconds", "P90"),
            thresholds=((None, GREEN), (180.0, YELLOW), (600.0, RED)),
            width=12,
            empty="no pod was seen to start yet",
        ),
    ),
)

_WORK = Row(
    "The operator's work",
    (
        lines(
            "Stages of a tick, P95",
            f"{', '.join(STAGES[:-1])}, and the total; near the interval decisions come late.",
            Show.SECONDS,
            Query(_percentile(0.95, "tick_seconds", "le, stage"), "{{stage}}"),
            thresholds=((None, GREEN), (5.0, YELLOW), (TICK_SECONDS, RED)),
        ),
        lines(
            "Inference of a tick",
            "Time in the forecaster's kernels for all objects; the service level is P95 below 200 ms.",
            Show.SECONDS,
            *(Query(_percentile(share, "inference_seconds"), f"P{100 * share:g}") for share in (0.5, 0.95, 0.99)),
            thresholds=((None, GREEN), (0.1, YELLOW), (INFERENCE_SECONDS, RED)),
        ),
        lines(
            "One decision",
            "Time to decide on one object; the exemplars name the slowest of a tick, as its log record does.",
            Show.SECONDS,
            *(Query(_percentile(share, "decision_seconds"), f"P{100 * share:g}") for share in (0.5, 0.99)),
            thresholds=((None, GREEN), (0.001, YELLOW), (0.01, RED)),
        ),
        lines(
            "Decisions",
            "Of every replica: standbys decide too, and write nothing.",
            Show.PER_SECOND,
            Query(f"sum by (instance) (rate({of('decisions', window='$__rate_interval')}))", "{{instance}}"),
        ),
        lines(
            "Objects",
            "Known, and of them those whose history is still being read.",
            Show.WHOLE,
            Query(f"max({of('objects')})", "known"),
            Query(f"max({of('objects_warming')})", "warming up"),
        ),
        lines(
            "Status writes, Events, saved states",
            "By result; anything but ok, gone, posted and restored is worth a look.",
            Show.PER_SECOND,
            *(
                Query(f"sum by (result) (rate({of(name, window='$__rate_interval')}))", f"{told} {{{{result}}}}")
                for name, told in (
                    ("status_writes", "status"),
                    ("events", "Event"),
                    ("state_writes", "state"),
                    ("state_reads", "state read"),
                )
            ),
            empty="nothing has been written yet",
        ),
        lines(
            "Faults",
            "Contained faults by place; each has its traceback in the log.",
            Show.PER_SECOND,
            Query(f"sum by (where) (rate({of('failures', window='$__rate_interval')}))", "{{where}}"),
            thresholds=((None, GREEN), (0.001, RED)),
            empty="no fault was contained",
        ),
        lines(
            "Requests to the operator",
            "By server and the status of the answer. 401 and 403 in numbers: somebody tries.",
            Show.PER_SECOND,
            Query(
                f"sum by (server, code) (rate({of('http_requests', window='$__rate_interval')}))",
                "{{server}} {{code}}",
            ),
            empty="nobody has asked",
        ),
    ),
)

DEBUG = Dashboard(
    "bayescaler-debug",
    "Bayescaler / Debug",
    "One object: the forecast beside what came, what it rests on, and the operator's own work.",
    (_FORECAST, _DECISION, _LEARNED, _WORK),
    since="now-6h",
    refresh="30s",
    one_object=True,
)
