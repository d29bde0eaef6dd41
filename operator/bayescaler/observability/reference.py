"""The page made of the list: docs/reference/metrics.md."""

from collections.abc import Iterable, Iterator

from bayescaler.policy.reasons import Health, Limiter, Mode, Phase, Rung
from bayescaler.policy.trust import Charge
from bayescaler.telemetry.catalogue import LABELS, MAX_SERIES_PER_OBJECT, OBJECT_METRICS, OPERATOR_METRICS, MetricSpec

from .recording import RECORDINGS

_METRICS = f"""\
<!-- Made from operator/bayescaler/telemetry/catalogue.py by `bayescaler generate metrics`; change it there. -->
# Metrics

`/metrics` of every replica of the operator, in Prometheus' text format or as OpenMetrics, as the scraper asks for it
(with exemplars in the latter: `--enable-feature=exemplar-storage` of Prometheus keeps them). An object has at most
{MAX_SERIES_PER_OBJECT} series, which end when it is deleted; what is not known is no series, never a zero.

* Series of objects carry the labels `namespace` and `name`, of the object. A scrape that puts a label `namespace` of
  its own on its target has to be told to keep ours: `honorLabels: true` of a ServiceMonitor or PodMonitor.
* Standby replicas decide too, and so expose the same series. Ask the leader:
  `max by (namespace, name) (bayescaler_load and on (job, instance) (bayescaler_leader == 1))`.
* The id in an exemplar is that of the decision's log record and of `bayescaler explain --output json`.
* `bayescaler run --otlp-endpoint http://collector:4318` (extra `otel`) sends the same metrics, and decisions as spans,
  to an OpenTelemetry collector.
* Not metrics, as they would take more series than an object may have: reliability at levels other than the promised
  one, and the weights of the forecaster's experts ([the forecaster](../forecaster.md) tells how to read both).

The chart's dashboards and rules are made from this list: *Executive* (cost, savings against a shadow HPA with their
range over the hours, risk, promises kept), *On call* (what is wrong, with whom, where to go) and *Debug* (one object:
fan chart, coverage, limits, what was learned, the stages of a tick). [Runbooks](../runbooks/README.md) tell what to do
when an alert fires.
"""


def metrics_markdown() -> str:
    """Return the reference of metrics."""
    words = (("mode", Mode), ("phase", Phase), ("charge", (charge.value for charge in Charge)), ("rung", Rung))
    states: list[tuple[str, str]] = [(label, _listed(values)) for label, values in words]
    states += [
        ("limiter", f"{_listed(Limiter)}: [reasons](reasons.md#limiters)"),
        ("load", _listed(Health)),
        ("reason", "`Ready`, or the [reason](reasons.md#reasons-of-conditions) of the worst that is wrong"),
    ]
    lines = [
        _METRICS,
        "## Of an object",
        "",
        *_table(OBJECT_METRICS, LABELS),
        "",
        "The labels of `bayescaler_state`; one without a word is left out:",
        "",
        "| label | words |",
        "|---|---|",
        *(f"| `{label}` | {told} |" for label, told in states),
        "",
        "## Of the operator",
        "",
        *_table(OPERATOR_METRICS, ()),
        "",
        "## Recorded",
        "",
        "By the recording rules of the chart, for dashboards and alerts.",
        "",
        "| series | what it is |",
        "|---|---|",
        *(f"| `{one.name}` | {one.help} |" for one in RECORDINGS),
    ]
    return "\n".join(lines) + "\n"


def _table(metrics: Iterable[MetricSpec], shared: tuple[str, ...]) -> Iterator[str]:
    yield "| metric | type | unit | labels | what it is | what to look at |"
    yield "|---|---|---|---|---|---|"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in (*shared, *metric.labels)) or "-"
        yield f"| `{metric.exposed}` | {metric.kind} | {metric.unit} | {labels} | {metric.help} | {metric.look} |"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
