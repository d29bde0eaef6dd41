"""The rules as Prometheus loads them, and the inhibition as Alertmanager does."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import yaml

from bayescaler.telemetry.catalogue import LABELS

from .alerts import ALERTS, NAMED, Alert, Severity
from .recording import RECORDINGS

RUNBOOKS = "https://bayescaler.dev/runbooks"
_MADE = "# Made from operator/bayescaler/observability by `bayescaler generate {name}`; change it there.\n"


def recording_yaml() -> str:
    """Return the recording rules: `groups` of a rule file, and of a PrometheusRule's spec."""
    rules = [{"record": one.name, "expr": one.expression} for one in RECORDINGS]
    return _dumped("recording-rules", {"groups": [{"name": "bayescaler.recording", "interval": "30s", "rules": rules}]})


def alerts_yaml() -> str:
    """Return the alerts, in a group of pages and one of tickets."""
    groups = [
        {
            "name": f"bayescaler.{severity.name.lower()}s",
            "rules": [_rule(alert) for alert in ALERTS if alert.severity is severity],
        }
        for severity in Severity
    ]
    return _dumped("alerts", {"groups": groups})


def alertmanager_yaml() -> str:
    """Return routes that group, and rules that silence what has a known cause; receivers are the reader's."""
    ours = 'component="bayescaler"'
    configuration = {
        "route": {
            "receiver": "nobody",
            "routes": [
                {
                    "matchers": [ours, f'severity="{Severity.PAGE}"'],
                    "receiver": "pager",
                    "group_by": ["alertname", "namespace"],
                    "group_wait": "30s",
                    "group_interval": "5m",
                    "repeat_interval": "4h",
                },
                {
                    "matchers": [ours, f'severity="{Severity.TICKET}"'],
                    "receiver": "tickets",
                    "group_by": ["alertname", "namespace"],
                    "group_wait": "5m",
                    "group_interval": "1h",
                    "repeat_interval": "24h",
                },
            ],
        },
        "receivers": [{"name": name} for name in ("nobody", "pager", "tickets")],
        "inhibit_rules": [_inhibition(cause, effects) for cause, effects in _effects().items()],
    }
    return _dumped("alertmanager", configuration)


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        **({} if alert.lasts == "0m" else {"for": alert.lasts}),
        "labels": {"severity": str(alert.severity), "component": "bayescaler"},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{RUNBOOKS}/{alert.name}/",
        },
    }


def _effects() -> dict[Alert, list[Alert]]:
    """Return what each cause silences."""
    effects = defaultdict(list)
    for alert in ALERTS:
        for cause in alert.caused_by:
            effects[NAMED[cause]].append(alert)
    return effects


def _inhibition(cause: Alert, effects: Iterable[Alert]) -> dict[str, Any]:
    names = "|".join(effect.name for effect in effects)
    return {
        "source_matchers": [f'alertname="{cause.name}"'],
        "target_matchers": [f'alertname=~"{names}"'],
        **({"equal": list(LABELS)} if cause.of_object else {}),
    }


def _dumped(name: str, content: dict[str, Any]) -> str:
    return _MADE.format(name=name) + yaml.safe_dump(content, sort_keys=False, width=10_000)
