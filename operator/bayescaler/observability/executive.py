"""The executive dashboard: what it costs and saves, what risk is taken, whether promises are kept."""

from .panels import GREEN, NAMESPACES, RED, SELECTED, YELLOW, Dashboard, Draw, Panel, Query, Row, Show, lines, stat
from .promql import of_leader, recorded
from .recording import HPA_REPLICAS, KEPT, NAMESPACE_HPA_REPLICAS, NAMESPACE_REPLICAS, REPLICAS, short_over

HOURS_OF_MONTH = 730
_HPA = "an HPA at 70 %"
_HOW = (
    "The HPA is a shadow: arithmetic on the same load and capacity, within the same limits, without its start-up time, "
    "and so at its best. In mode Observe our own replicas are those that would run."
)


def _mean(name: str, match: str = SELECTED) -> str:
    return f"sum(avg_over_time({recorded(name, match, window='$__range')}))"


_SAVED = f"1 - {_mean(REPLICAS)} / {_mean(HPA_REPLICAS)}"
_SAVED_BY_HOUR = (
    f"1 - sum({recorded(NAMESPACE_REPLICAS, NAMESPACES)}) / sum({recorded(NAMESPACE_HPA_REPLICAS, NAMESPACES)})"
)


def _of_hours(quantile: float) -> str:
    return f"quantile_over_time({quantile:g}, ({_SAVED_BY_HOUR})[$__range:$__interval])"


_SAVING = ((None, RED), (-0.05, YELLOW), (0.0, GREEN))
_COST = Row(
    "Cost",
    (
        stat(
            "Autoscalers",
            "Objects that are sized or observed.",
            Show.WHOLE,
            Query(f"count({of_leader('state', SELECTED)})"),
        ),
        stat("Replicas now", "All that run.", Show.WHOLE, Query(f"sum({recorded(REPLICAS, SELECTED)})")),
        stat(
            "Cost a month",
            "Mean replicas of the time shown, for 730 hours at the price above.",
            Show.MONEY,
            Query(f"{_mean(REPLICAS)} * {HOURS_OF_MONTH} * $price"),
        ),
        stat(
            f"Saved a month, against {_HPA}",
            _HOW,
            Show.MONEY,
            Query(f"({_mean(HPA_REPLICAS)} - {_mean(REPLICAS)}) * {HOURS_OF_MONTH} * $price"),
            thresholds=((None, RED), (0.0, GREEN)),
        ),
        stat(
            "Savings, and their range",
            "Of the replica-hours of the shadow HPA: in the mean of the time shown, and what one hour in ten was "
            "below and above. The range is of whole namespaces. " + _HOW,
            Show.SHARE,
            Query(_of_hours(0.1), "low"),
            Query(_SAVED, "mean"),
            Query(_of_hours(0.9), "high"),
            thresholds=_SAVING,
            width=8,
        ),
        lines(
            f"Replicas beside {_HPA}",
            _HOW,
            Show.WHOLE,
            Query(f"sum({recorded(REPLICAS, SELECTED)})", "Bayescaler"),
            Query(f"sum({recorded(HPA_REPLICAS, SELECTED)})", "HPA"),
            width=12,
        ),
        lines(
            "Savings by the hour",
            "Share of the shadow HPA's replica-hours that were not needed, of the hour before. Below zero it cost "
            "more, and the risk tells what for.",
            Show.SHARE,
            Query(_SAVED_BY_HOUR, "saved"),
            thresholds=_SAVING,
            width=12,
        ),
        Panel(
            "Where it is saved",
            "Mean replicas saved against the shadow HPA, most first.",
            Draw.TABLE,
            Show.NUMBER,
            (
                Query(
                    f"sort_desc(avg_over_time({recorded(HPA_REPLICAS, SELECTED, window='$__range')})"
                    f" - avg_over_time({recorded(REPLICAS, SELECTED, window='$__range')}))",
                    "replicas saved",
                ),
            ),
            thresholds=((None, RED), (0.0, GREEN)),
            width=24,
        ),
    ),
)

_BUDGET = of_leader("overload_budget", SELECTED)
_SHORT = recorded(short_over("1h"), SELECTED)
_RISK = Row(
    "Risk",
    (
        lines(
            "Time short of replicas",
            "Share of the last hour in which load was above what the replicas serve: the mean over objects and the "
            "worst, beside the least budget.",
            Show.SHARE,
            Query(f"avg({_SHORT})", "mean"),
            Query(f"max({_SHORT})", "worst"),
            Query(f"min({_BUDGET})", "least budget"),
            thresholds=((None, GREEN), (0.01, YELLOW), (0.05, RED)),
            empty="no capacity is known yet",
        ),
        lines(
            "Probability of running short",
            "Within the lead time, at the replicas decided on. The trend is the risk that is taken.",
            Show.SHARE,
            Query(f"avg({of_leader('violation_probability', SELECTED)})", "mean"),
            Query(f"max({of_leader('violation_probability', SELECTED)})", "worst"),
            thresholds=((None, GREEN), (0.05, YELLOW), (0.2, RED)),
        ),
        lines(
            "Budget spent",
            "Share of objective.risk.overloadBudget spent of late, as the operator counts it; 100 % is all.",
            Show.SHARE,
            Query(f"{of_leader('overload_spent', SELECTED)} / {_BUDGET}", "{{namespace}}/{{name}}"),
            thresholds=((None, GREEN), (0.8, YELLOW), (1.0, RED)),
            empty="no object has objective.risk",
        ),
    ),
)

_COVERAGE = of_leader("forecast_coverage", SELECTED)
_PROMISES = Row(
    "Promises",
    (
        lines(
            "Coverage kept",
            "Share of windows whose highest load stayed within the promised quantile, as the operator scores them, in "
            "the mean over objects, beside what they promise in the mean.",
            Show.SHARE,
            Query(f"avg({_COVERAGE})", "kept"),
            Query(f"avg(1 - {_BUDGET})", "promised"),
            thresholds=((None, RED), (0.85, YELLOW), (0.9, GREEN)),
            width=6,
        ),
        lines(
            "Worst beside its promise",
            "Coverage less what is promised, of the object where that is least. A little below zero is chance; phase "
            "Degraded says when it is not.",
            Show.SHARE,
            Query(f"min({_COVERAGE} - (1 - {_BUDGET}))", "worst"),
            thresholds=((None, RED), (-0.05, YELLOW), (-0.01, GREEN)),
            width=6,
        ),
        lines(
            "Kept within the last hour",
            "Share of the last hour in which load was within what was forecast a minute before: the same promise, "
            "checked by Prometheus alone.",
            Show.SHARE,
            Query(f"avg(avg_over_time({recorded(KEPT, SELECTED, window='1h')}))", "mean"),
            thresholds=((None, RED), (0.85, YELLOW), (0.9, GREEN)),
            width=6,
        ),
        lines(
            "Objects by phase",
            "Learning may only raise, Degraded has lost trust, Trusted does all.",
            Show.WHOLE,
            Query(f"count by (phase) ({of_leader('state', SELECTED, keep=('phase',))})", "{{phase}}"),
            width=6,
        ),
    ),
)

EXECUTIVE = Dashboard(
    "bayescaler-executive",
    "Bayescaler / Executive",
    "What it costs and saves, what risk is taken, and whether promises are kept.",
    (_COST, _RISK, _PROMISES),
    since="now-7d",
    refresh="5m",
    priced=True,
)
