"""What Grafana does with a dashboard before it draws it: variables are filled in, queries are asked."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.prometheus import PrometheusServer

LABEL_VALUES = re.compile(r"label_values\((?P<match>.+), (?P<label>\w+)\)")
# What Grafana itself fills in, for the five minutes that a test lasts.
BUILT_IN = {"__rate_interval": "30s", "__range": "5m", "__interval": "5s"}


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


def filled_in(text: str, chosen: Mapping[str, str]) -> str:
    """Put values where the variables stand; one that has none stays, and fails as a query."""
    values = {**BUILT_IN, **chosen}
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values.get(found[1] or found[2], found[0]), text)
