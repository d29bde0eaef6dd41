"""What the console shows, as JSON, from the records of the operator. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from enum import IntEnum
from typing import Any

from bayescaler.api import ConditionType
from bayescaler.control.conditions import Condition, assess
from bayescaler.control.decision_log import complete
from bayescaler.control.status import steering_of
from bayescaler.control.workload import Workload
from bayescaler.policy import Outlook
from bayescaler.policy.conditions import is_good
from bayescaler.policy.record import read
from bayescaler.policy.story import tell
from bayescast import LEVELS

from .memory import Memory, Trace, told

Json = dict[str, Any]
BEGINNINGS = frozenset({"NotReadYet", "TargetNotReadYet", "NoForecast", "CapacityNotLearned"})
PODS_LACKING = frozenset({"QuotaExceeded", "FailedCreate", "Unschedulable"})
NOTABLE_LIMITS = PODS_LACKING | {"TooManyReplicas", "ScaleUpLimit"}
MOST_ROWS = 2000
"""Objects of one answer; the filter finds the others."""


class State(IntEnum):
    """How an object fares, worst first."""

    BAD = 0
    NOTICE = 1
    GOOD = 2


def standing(workload: Workload) -> tuple[State, str, str]:
    """Return how an object fares, and the reason and the sentence of the condition that says so."""
    found = [(_weight(one), one) for one in assess(workload)]
    state, worst = min(found, key=lambda one: one[0])  # of several that are alike bad: the first
    steering = steering_of(workload)
    if state is not State.BAD and steering is not None and steering.burn_rate > 1.0:
        return State.BAD, "Overspent", f"the budget of time short is spent {steering.burn_rate:.2g} times over of late"
    return (state, worst.reason, worst.message) if state is not State.GOOD else (state, "Ready", "")


def _weight(condition: Condition) -> State:
    """How much a condition matters: a limit that is meant to hold is no fault."""
    status = "True" if condition.status else "False"
    if is_good(condition.type, status):
        warned = condition.reason in {"LoadLiveWithWarnings", "LearningHindered"}
        return State.NOTICE if warned else State.GOOD
    if condition.type is ConditionType.SCALING_LIMITED:
        if condition.reason in PODS_LACKING:
            return State.BAD
        return State.NOTICE if condition.reason in NOTABLE_LIMITS else State.GOOD
    unwell = condition.type in {ConditionType.READY, ConditionType.ABLE_TO_SCALE, ConditionType.SCALING_ACTIVE}
    return State.BAD if unwell and condition.reason not in BEGINNINGS else State.NOTICE


def row(workload: Workload) -> Json:
    """Return one object as the list shows it; what is not known is None."""
    intent, decision, target = workload.intent, workload.decision, workload.target
    kept, steering = workload.evidence, steering_of(workload)
    state, reason, message = standing(workload)
    return {
        "namespace": workload.namespace,
        "name": workload.name,
        "state": state.name.lower(),
        "reason": reason,
        "message": message,
        "target": None if intent is None else f"{intent.target.kind}/{intent.target.name}",
        "mode": None if intent is None else str(intent.policy.mode),
        "paused": intent is not None and intent.policy.paused,
        "phase": str(workload.phase),
        "rung": None if decision is None else str(decision.rung),
        "replicas": None if target is None else target.replicas,
        "ready": None if target is None else target.ready_replicas,
        "wanted": None if decision is None else decision.final,
        "limiter": None if decision is None else str(decision.limiter),
        "kept": None if kept is None else told(kept.coverage),
        "promised": None if kept is None or kept.coverage is None else told(kept.nominal),
        "burn": None if steering is None else told(steering.burn_rate),
    }


def listing(rows: Iterable[Json], *, namespaces: Collection[str], words: str = "") -> Json:
    """Return the rows of these namespaces that have every word in them, worst first, as many as one answer holds."""
    asked = words.lower().split()
    found = [one for one in rows if one["namespace"] in namespaces and all(word in _searched(one) for word in asked)]
    found.sort(key=lambda one: (State[one["state"].upper()], -(one["burn"] or 0.0), one["namespace"], one["name"]))
    return {"total": len(found), "objects": found[:MOST_ROWS]}


def _searched(one: Json) -> str:
    keys = ("namespace", "name", "target", "reason", "phase", "rung", "limiter", "mode")
    return " ".join(one[key] or "" for key in keys).lower()


def page(workload: Workload, memory: Memory, *, now: float) -> Json:
    """Return one object in full: its row, the story of its last decision, those before, and what its chart shows."""
    trace = memory.of(workload)
    return {
        **row(workload),
        "story": _story(workload, now),
        "decisions": [asdict(past) | {"load": told(past.load)} for past in reversed(trace.decisions)],
        "chart": _chart(workload, trace),
    }


def _story(workload: Workload, now: float) -> Json | None:
    """Tell the last decision in the words of `bayescaler explain`."""
    decision = workload.decision
    if decision is None:
        return None
    record = {**complete(workload), "object": workload.label, "message": decision.message}
    story = tell(read(record), now=now)
    return {
        "headline": {"text": story.headline.text, "tone": str(story.headline.tone)},
        "when": story.when,
        "sections": [
            {
                "title": section.title,
                "lines": [{"text": line.text, "tone": str(line.tone)} for line in section.lines],
            }
            for section in story.sections
        ],
    }


def _chart(workload: Workload, trace: Trace) -> Json:
    intent, decision, target = workload.intent, workload.decision, workload.target
    each = None if decision is None else told(decision.case.policy.capacity)
    ready = None if target is None else target.replicas if target.ready_replicas is None else target.ready_replicas
    return {
        "unit": "" if intent is None else intent.policy.unit,
        "quantile": None if intent is None else intent.policy.promised,
        "each": each,
        "serves": None if each is None or ready is None else told(each * ready),
        "willServe": None if each is None or decision is None or not decision.acts else told(each * decision.final),
        "startSeconds": workload.starts.p90_seconds,
        "leadSeconds": None if intent is None else intent.lead_seconds,
        "load": None if workload.load.value is None else [workload.load.at, told(workload.load.value)],
        "loads": trace.loads.rows(),
        "ticks": trace.ticks.rows(),
        "forecast": None if workload.outlook is None else _forecast(workload.outlook),
    }


def _forecast(outlook: Outlook) -> Json:
    """The quantiles of the highest load up to two moments ahead."""
    return {
        "issuedAt": outlook.lead.issued_at,
        "levels": list(LEVELS),
        "ahead": [
            {
                "at": one.issued_at + one.lead * one.step_seconds,
                "values": [told(value) for value in one.values.tolist()],
            }
            for one in (outlook.lead, outlook.window)
        ],
    }


def summary(rows: Iterable[Json]) -> dict[str, int]:
    """Count how objects fare."""
    counts = {state.name.lower(): 0 for state in State}
    for one in rows:
        counts[one["state"]] += 1
    return counts
