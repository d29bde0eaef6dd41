"""What Grafana does with a dashboard before it draws it: variables are filled in, queries are asked."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.prometheus import PrometheusServer

LABEL_VALUES = re.compile(r"label_values\((?P<match>.+), (?P<label>\w+)\)")
# What Grafana itself fills in, for the five minutes that a test lasts.
BUILT_IN = {"__rate_interval": "30s", "__range": "5m", "__interval": "5s"}

# In two minutes of a healthy operator nothing is wrong, and there is no yesterday.
NOTHING_WRONG = {
    "A canary's loss",
    "Alerts that fire",
    "Charge",
    "Drift of the load",
    "Faults",
    "Load that could not be read",
    "Objects that are not well",
    "Requests to the console",
    "Status writes, Events, saved states",
}


@dataclass(frozen=True)
class Asked:
    """One query of one panel; `empty` is what the panel shows where nothing is found."""

    panel: str
    expression: str
    empty: str


class DashboardFile:
    """A dashboard as it is imported."""

    def __init__(self, path: Path) -> None:
        self.json: dict[str, Any] = json.loads(path.read_text())

    def choices(self, prometheus: PrometheusServer, chosen: Mapping[str, str]) -> dict[str, list[str]]:
        """Give what each variable that is asked for offers, once those before it are chosen."""
        offered = {}
        for variable in self.json["templating"]["list"]:
            if variable["type"] == "query":
                found = LABEL_VALUES.fullmatch(variable["query"])
                assert found is not None, variable["query"]
                offered[variable["name"]] = prometheus.label_values(found["label"], filled_in(found["match"], chosen))
        return offered

    def asked(self, chosen: Mapping[str, str]) -> Iterator[Asked]:
        """Give every query of every panel, ready to be asked."""
        defaults = {v["name"]: v["query"] for v in self.json["templating"]["list"] if v["type"] == "textbox"}
        for panel in self.json["panels"]:
            for target in panel.get("targets", ()):
                empty = panel["fieldConfig"]["defaults"].get("noValue", "")
                yield Asked(panel["title"], filled_in(target["expr"], {**defaults, **chosen}), empty)


def have_data(prometheus: PrometheusServer, queries: Sequence[Asked], *, may_be_empty: Set[str]) -> bool:
    """Tell that every panel has data, or is one that may have none and then says why; `AssertionError` if not."""
    empty = [asked for asked in queries if not prometheus.query(asked.expression)]
    assert not {asked.panel for asked in empty} - may_be_empty
    assert all(asked.empty for asked in empty), "a panel that may be empty says why"
    return True


def shown(prometheus: PrometheusServer, queries: Sequence[Asked]) -> Iterator[str]:
    """Give what panels would show, a line a query."""
    for asked in queries:
        found = prometheus.query(asked.expression)
        values = ", ".join(f"{one.value:.4g}" for one in found[:4])
        yield f"{asked.panel:40} {values or asked.empty or 'NOTHING'}"


def filled_in(text: str, chosen: Mapping[str, str]) -> str:
    """Put values where the variables stand; one that has none stays, and fails as a query."""
    values = {**BUILT_IN, **chosen}
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values.get(found[1] or found[2], found[0]), text)
