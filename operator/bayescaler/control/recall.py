"""What is saved of a workload, and how it goes on from it after a restart or when another replica has led."""

from dataclasses import replace

from bayescaler.policy.capacity import CapacityEvidence
from bayescaler.policy.saved import Saved, mark_of
from bayescaler.policy.saved_state import of_another_load

from .canaries import recall as recall_trial
from .lead_times import recall as recall_lead_time
from .settings import Settings
from .translate import Intent, meaning_of_use
from .workload import Workload


def saved_of(workload: Workload, intent: Intent) -> Saved:
    """Return what to save; all of it is immutable, so that it may be packed beside the tick."""
    starts, serving = workload.starts, workload.serving
    learned = intent.learn is not None
    return Saved(
        state=workload.state,
        standing=workload.standing,
        load=load_mark(intent),
        use=use_mark(intent),
        lead_time=() if starts.lead_time is None else starts.lead_time.to_floats(),
        held=starts.held,
        evidence=serving.evidence.to_floats() if learned else (),
        capacity=serving.in_force if learned else None,
        tenure=workload.tenure,
        trial=None if workload.canary is None else workload.canary.trial,
    )


def take_up(workload: Workload, intent: Intent, saved: Saved, settings: Settings) -> tuple[str, ...]:
    """Go on from a saved state, of which what speaks of another load or use is left; return what was refused, and why.

    A part that is refused costs nothing but itself. Before the first intent is in force, so that the first posterior
    already has the lead that was learned.
    """
    refused = list(saved.refused)
    same_load, same_use = saved.load == load_mark(intent), saved.use == use_mark(intent)
    try:
        _take_up_lead_time(workload, intent, saved, settings)
    except ValueError as error:
        refused.append(str(error))
    try:
        if saved.evidence and same_use and intent.learn is not None:
            evidence = CapacityEvidence.from_floats(saved.evidence)
            workload.serving.evidence, workload.serving.capacity = evidence, None
            workload.serving.in_force = saved.capacity
    except ValueError as error:
        refused.append(str(error))
    workload.state = saved.state if same_load else of_another_load(saved.state)
    workload.resuming = True
    if same_load:
        workload.phase, workload.standing = saved.standing.phase, saved.standing
    if saved.tenure is not None:
        workload.tenure = saved.tenure
    if saved.trial is not None:
        recall_trial(workload, saved.trial)
    return tuple(refused)


def take_up_conclusions(workload: Workload, saved: Saved) -> None:
    """Take up what only a leader concludes, however old: what it learned of other writers, how a canary ended."""
    known = workload.tenure
    if saved.tenure is not None and saved.tenure.of == known.of:
        workload.tenure = replace(saved.tenure, value=known.value)
    if saved.trial is not None and saved.trial.over:
        recall_trial(workload, saved.trial)


def _take_up_lead_time(workload: Workload, intent: Intent, saved: Saved, settings: Settings) -> None:
    if not saved.lead_time:
        return
    recall_lead_time(workload.starts, saved.lead_time, settings)
    if saved.held is not None and saved.held.step_seconds == intent.forecast.step_seconds:
        workload.starts.held = saved.held


def load_mark(intent: Intent) -> str:
    """Return a mark of what numbers of the load mean; capacity is of their unit."""
    return mark_of(intent.query.query, intent.query.step_seconds, str(intent.forecast.kind))


def use_mark(intent: Intent) -> str:
    """Return a mark of what a learned capacity was learned from; empty where none is."""
    meaning = meaning_of_use(intent)
    return "" if meaning is None else mark_of(*(str(part) for part in meaning))


def newer(saved: Saved, workload: Workload, *, pause_seconds: float) -> bool:
    """Whether another replica's state is to be preferred to one's own: it led, and until a moment ago."""
    theirs, ours = saved.state.decided_at, workload.state.decided_at
    return theirs is not None and (ours is None or theirs >= ours - pause_seconds)
