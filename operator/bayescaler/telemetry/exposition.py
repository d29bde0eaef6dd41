"""The series of objects as text: the same lines for Prometheus' own format and for OpenMetrics.

All of them are gauges, whose lines the two formats share. They are written here because a scrape of thousands of
objects through the client library's own families costs several times as much.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from .catalogue import LABELS, OBJECT_METRICS, STATE_LABELS


@dataclass(frozen=True, slots=True)
class WorkloadSample:
    """One object's numbers at scrape time, by the names of the list; None means that there is nothing to say.

    `state` has a word for each of STATE_LABELS, empty where there is none.
    """

    namespace: str
    name: str
    current_replicas: float | None = None
    desired_replicas: float | None = None
    min_replicas: float | None = None
    max_replicas: float | None = None
    load: float | None = None
    forecast_load: float | None = None
    forecast_load_median: float | None = None
    violation_probability: float | None = None
    overload_budget: float | None = None
    overload_spent: float | None = None
    forecast_coverage: float | None = None
    capacity_per_replica: float | None = None
    lead_time_seconds: float | None = None
    canary_loss_ratio: float | None = None
    state: tuple[str, ...] | None = None


_NUMBERS = tuple(metric for metric in OBJECT_METRICS if metric.name != "state")


def object_series(samples: Iterable[WorkloadSample]) -> str:
    """Return the lines of all objects, a family a metric; what is unknown or no finite number is no series."""
    families = {
        metric.name: [f"# HELP {metric.exposed} {metric.help}", f"# TYPE {metric.exposed} gauge"]
        for metric in OBJECT_METRICS
    }
    columns = [(metric.name, metric.exposed, families[metric.name].append) for metric in _NUMBERS]
    states = families["state"]
    for sample in samples:
        labels = f'{LABELS[0]}="{_escaped(sample.namespace)}",{LABELS[1]}="{_escaped(sample.name)}"'
        for name, exposed, add in columns:
            value = getattr(sample, name)
            if value is not None and isfinite(value):
                add(f"{exposed}{{{labels}}} {value:.6g}")  # six digits are more than is known of a load
        if sample.state is not None:
            words = zip(STATE_LABELS, sample.state, strict=True)
            told = ",".join(f'{label}="{_escaped(word)}"' for label, word in words if word)
            states.append(f"bayescaler_state{{{labels},{told}}} 1")
    return "".join(f"{line}\n" for family in families.values() for line in family)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
