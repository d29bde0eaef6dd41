"""The index of the runbooks: the failures that have a page by hand, and the alerts, each with a page of its name."""

import re
from dataclasses import dataclass

from .alerts import ALERTS, Severity


@dataclass(frozen=True, slots=True)
class Failure:
    """What can go wrong with or without an alert; `page` is the file's name without its suffix."""

    page: str
    title: str
    seen: str


FAILURES = (
    Failure("wrong-decision", "Wrong decision", "too few replicas, far too many, or up and down"),
    Failure("no-data", "No data", "load cannot be read: Prometheus, the exporter, a label, a credential"),
    Failure("poisoned-data", "Poisoned data", "load is there and is not true: a load test, a doubled or zeroed query"),
    Failure("prior-mis-specified", "Prior mis-specified", "seasons, time zone, history or capacity were assumed wrong"),
    Failure("operator-overloaded", "Operator overloaded", "decisions are late: objects, Prometheus, CPU, memory"),
)

_HEAD = """\
<!-- Made from operator/bayescaler/observability/ by `bayescaler generate runbooks`; change it there. -->
# Runbooks

Stop all scaling of one workload, at any hour, and set the number by hand:

    kubectl bayescaler pause checkout -n shop
    kubectl scale deployment/checkout -n shop --replicas=20

The rest is in [Wrong decision](wrong-decision.md). [The game day](game-day.md) plays what can fail, before it does.

## By failure

| failure | what is seen |
|---|---|
"""

_ALERTS = """
## By alert

One page an alert. Those of severity `critical` page somebody, those of `warning` open a ticket. An alert is one series
an object (or an installation), however many replicas of the operator run, and it is silent while its cause fires:
[alertmanager.yaml](alertmanager.yaml) has the routes and the inhibition to copy.

| alert | who is woken | after | it says | silent while these fire |
|---|---|---|---|---|
"""


def runbooks_markdown() -> str:
    """Return the index of the runbooks."""
    failures = [f"| [{one.title}]({one.page}.md) | {one.seen} |" for one in FAILURES]
    alerts = []
    for alert in ALERTS:
        woken = "page" if alert.severity is Severity.PAGE else "ticket"
        causes = ", ".join(f"[{cause}]({cause}.md)" for cause in alert.caused_by) or "-"
        alerts.append(
            f"| [{alert.name}]({alert.name}.md) | {woken} | {alert.lasts} | {_plain(alert.description)} | {causes} |"
        )
    return _HEAD + "\n".join(failures) + "\n" + _ALERTS + "\n".join(alerts) + "\n"


def _plain(text: str) -> str:
    """Return a sentence whose value only the alert knows without that value."""
    return re.sub(r"\{\{.*?\}\}", "…", text)
