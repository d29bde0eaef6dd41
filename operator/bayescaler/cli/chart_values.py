"""The page of the chart's values, from the comments of its values.yaml."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KEY = re.compile(r"^( *)([A-Za-z]+):")
INDENT = 2
INTRODUCTION = """\
<!-- Made from charts/bayescaler/values.yaml by `bayescaler generate {name}`; change it there. -->
# {title}

{text}

| value | default | what it is |
|---|---|---|
"""
README = """\
A Kubernetes operator that sizes workloads from the quantiles of an online Bayesian forecast of their load. Kubernetes
{kubernetes}; Helm 3 and 4.

    helm install bayescaler charts/bayescaler --namespace bayescaler-system --create-namespace \\
      --set prometheus.address=http://prometheus.monitoring:9090

Other ways, one namespace, high availability and every right it asks for: docs/install.md of the repository."""
REFERENCE = """\
What `--set` and `--values` take ([how to install](../install.md)). A key that is not here, or a value of the wrong
type, is refused by `helm install` with its path."""


def values_page(chart: Path) -> str:
    """Return the reference page of the values of the chart in a folder."""
    head = INTRODUCTION.format(name="values", title="Values of the Helm chart", text=REFERENCE)
    return head + _table(chart)


def chart_readme(chart: Path) -> str:
    """Return the README of the chart in a folder."""
    kubernetes = yaml.safe_load((chart / "Chart.yaml").read_text())["kubeVersion"]
    needs = re.sub(r"^>=(\d+\.\d+).*$", r"\1 or newer", kubernetes)
    head = INTRODUCTION.format(name="chart-readme", title="Bayescaler", text=README.format(kubernetes=needs))
    return head + _table(chart)


def _table(chart: Path) -> str:
    text = (chart / "values.yaml").read_text()
    defaults = yaml.safe_load(text)
    rows = [
        f"| `{'.'.join(path)}` | `{json.dumps(_at(defaults, path))}` | {comment} |" for path, comment in _leaves(text)
    ]
    return "\n".join(rows) + "\n"


def _leaves(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Every value with its comment; a mapping none of whose keys has a comment of its own is one value.

    Raises ValueError for a value that nothing tells of.
    """
    told = list(_commented(text))
    leaves: list[tuple[tuple[str, ...], str]] = []
    for path, own in told:
        in_the_last = bool(leaves) and path[: len(leaves[-1][0])] == leaves[-1][0]
        if in_the_last or any(comment and one[: len(path)] == path and one != path for one, comment in told):
            continue
        comment = leaves[-1][1] if own is None and leaves and leaves[-1][0][:-1] == path[:-1] else own
        if not comment:
            raise ValueError(f"values.yaml: {'.'.join(path)} has no comment: say there what it is")
        leaves.append((path, comment))
    return leaves


def _commented(text: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Every key by its path, with the lines of comment right above it; None for a neighbour that shares those above."""
    path: tuple[str, ...] = ()
    comment: list[str] | None = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment = [*(comment or ()), line.strip(" #")]
        elif found := KEY.match(line):
            path = (*path[: len(found[1]) // INDENT], found[2])
            yield path, None if comment is None else " ".join(comment).replace("|", "\\|")
            comment = None
        else:
            comment = []


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values[key]
    return values
