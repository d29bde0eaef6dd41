"""Recording rules: what several panels and alerts ask for, worked out once.

Series are named level:metric:operation. The shadow HPA is arithmetic on the same load: it wants 70 % of what a replica
serves, looks back five minutes before it lowers, and stays within the object's own limits. It knows no start-up time,
so it is the HPA at its best.
"""

from dataclasses import dataclass

from .promql import also, of_leader, recorded

HPA_UTILIZATION = 0.7
REPLICAS = "object:bayescaler_replicas:max"
HPA_WANTED = "object:bayescaler_hpa_wanted:ceil"
HPA_REPLICAS = "object:bayescaler_hpa_replicas:max5m"
SHORT = "object:bayescaler_short:bool"
KEPT = "object:bayescaler_forecast_kept:bool"
NAMESPACE_REPLICAS = "namespace:bayescaler_replicas:avg1h"
NAMESPACE_HPA_REPLICAS = "namespace:bayescaler_hpa_replicas:avg1h"
SHORT_WINDOWS = ("5m", "30m", "1h", "6h")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded series and what it is."""

    name: str
    expression: str
    help: str


def short_over(window: str) -> str:
    """Return the name of the share of a window that was short."""
    return f"object:bayescaler_short:avg{window}"


def _within_limits(wanted: str) -> str:
    """Return an expression held between the object's minReplicas and maxReplicas."""
    least, most = of_leader("min_replicas"), of_leader("max_replicas")
    raised = f"({wanted} >= {least} or {least} and {wanted})"
    return f"{raised} <= {most} or {most} and {wanted}"


_APPLIED = of_leader("state", 'mode!="Observe"')
_LOAD, _CAPACITY = of_leader("load"), of_leader("capacity_per_replica")

RECORDINGS = (
    Recording(
        REPLICAS,
        f"{also(of_leader('current_replicas'), _APPLIED)} or {of_leader('desired_replicas')}",
        "Replicas that run; in mode Observe those that would.",
    ),
    Recording(
        HPA_WANTED,
        f"ceil({_LOAD} / ({HPA_UTILIZATION:g} * {_CAPACITY}))",
        "Replicas that an HPA would want for the load of now.",
    ),
    Recording(
        HPA_REPLICAS,
        _within_limits(f"max_over_time({recorded(HPA_WANTED, window='5m')})"),
        "Replicas that an HPA would hold.",
    ),
    Recording(
        NAMESPACE_REPLICAS,
        f"sum by (namespace) (avg_over_time({recorded(REPLICAS, window='1h')}))",
        "Replica-hours of the last hour.",
    ),
    Recording(
        NAMESPACE_HPA_REPLICAS,
        f"sum by (namespace) (avg_over_time({recorded(HPA_REPLICAS, window='1h')}))",
        "Replica-hours of the last hour of the shadow HPA.",
    ),
    Recording(
        SHORT,
        f"{_LOAD} > bool ({_CAPACITY} * {recorded(REPLICAS)})",
        "1 while load is above what the replicas serve.",
    ),
    *(
        Recording(
            short_over(window),
            f"avg_over_time({recorded(SHORT, window=window)})",
            f"Share of the last {window} that was short.",
        )
        for window in SHORT_WINDOWS
    ),
    Recording(
        KEPT,
        f"{_LOAD} <= bool {of_leader('forecast_load', offset='1m')}",
        "1 while load is within what was forecast a minute before.",
    ),
)
