"""The reference page of the resource (docs/reference/resource.md), made from the schema of the CRD."""

from collections.abc import Iterator
from typing import Any

from .crd import COLUMNS, crd
from .resource import KIND, SHORT

EXAMPLE = """\
apiVersion: bayescaler.dev/v1alpha1
kind: BayesianAutoscaler
metadata:
  name: checkout
  namespace: shop
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: checkout}
  minReplicas: 2
  maxReplicas: 60
  mode: Auto
  load:
    prometheus:
      query: sum(rate(http_requests_total{namespace="shop",service="checkout"}[1m]))
      serverAddress: http://prometheus.monitoring:9090
      authRef: {name: prometheus-auth}
    kind: Rate
    step: 1m
  capacity: {perReplica: 50}
  forecast: {family: Auto, history: 14d, seasons: [24h, 168h], timeZone: Europe/Berlin, horizon: 3m}
  objective: {quantile: 0.95, buffer: 0.1}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 300, tolerance: 0.1}
  fallback: {after: 3m, reactive: {targetUtilization: 0.7}, replicas: 10}
  paused: false
"""

TITLE = f"""\
<!-- Made from operator/bayescaler/api by `bayescaler generate reference`; change it there. -->
# {KIND} (`{SHORT}`)
"""

INTRODUCTION = f"""
```yaml
{EXAMPLE}```

Numbers are written as numbers, without quotes. Durations are whole numbers with units, largest first:
`14d`, `1w`, `1d12h`, `90s`; bare and negative numbers are refused. A part that is left out takes its
defaults.

The load is read in buckets of `load.step`, aligned to the epoch. Prometheus evaluates at instants: a bucket
is the value of the query at its end, so that `sum(rate(x[1m]))` with a step of one minute covers it all.
"""


def reference_markdown() -> str:
    """Return the reference page."""
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [TITLE, schema["description"], INTRODUCTION]
    for part in ("spec", "status"):
        described = schema["properties"][part]
        lines += [f"## {part}", "", described["description"], ""]
        if "x-kubernetes-validations" in described:
            lines += ["What several fields must agree on:", "", *_rules(described), ""]
        for path, field, required in _fields(part, described):
            lines += [*_entry(path, field, required=required), ""]
    lines += ["## Columns of `kubectl get`", "", *_columns(), ""]
    return "\n".join(lines)


def _fields(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    items = schema.get("items", {})
    inner, path = (items, f"{path}[]") if "properties" in items else (schema, path)
    for name, field in inner.get("properties", {}).items():
        yield f"{path}.{name}", field, name in inner.get("required", ())
        yield from _fields(f"{path}.{name}", field)


def _entry(path: str, field: dict[str, Any], *, required: bool) -> list[str]:
    facts = [_type(field), *(["required"] if required and path.startswith("spec") else []), *_bounds(field)]
    return [f"### `{path}`", "", f"*{', '.join(facts)}*", "", field["description"], *_listed_rules(field)]


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    return "duration" if field.get("format") == "duration" else str(field["type"])


def _bounds(field: dict[str, Any]) -> Iterator[str]:
    for key, open_words, closed_words in (("minimum", "above", "at least"), ("maximum", "below", "at most")):
        if key in field:
            exclusive = field.get(f"exclusive{key.capitalize()}")
            yield f"{open_words if exclusive else closed_words} {field[key]:.12g}"
    if "maxItems" in field:
        yield f"at most {field['maxItems']} entries"
    if "maxLength" in field and "enum" not in field and field.get("format") != "duration":
        yield f"at most {field['maxLength']} characters"


def _rules(field: dict[str, Any]) -> list[str]:
    return [f"* {rule['message']}" for rule in field["x-kubernetes-validations"]]


def _listed_rules(field: dict[str, Any]) -> list[str]:
    return ["", *_rules(field)] if "x-kubernetes-validations" in field else []


def _columns() -> Iterator[str]:
    yield "| column | from | shown |"
    yield "|---|---|---|"
    for name, _, path, priority in COLUMNS:
        yield f"| {name} | `{path}` | {'with `-o wide`' if priority else 'always'} |"
