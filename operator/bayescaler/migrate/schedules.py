"""KEDA's cron triggers as schedules: a start that stays a start, and an end that becomes a duration."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from cronsim import CronSim, CronSimError
from pydantic import ValidationError

from bayescaler import api
from bayescaler.api.schedules import ScheduleSpec

from .given import CronMetadata, Trigger, read
from .notes import Notes, Topic

_MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - the clock of the trigger's own zone, before any change of it
_LOOKED_AT = 400  # windows: a year of days, and the leap years of what comes once a year


def schedules_of(triggers: Sequence[Trigger], most: int, notes: Notes) -> list[dict[str, Any]]:
    """Return the schedules of the cron triggers, of no more than `most` replicas; notes what cannot be one."""
    made = []
    for index, trigger in enumerate(triggers):
        if trigger.type != "cron":
            continue
        title = f"trigger {index} (cron)"
        cron = read(CronMetadata, trigger.metadata, f"spec.triggers[{index}].metadata")
        notes.leave_out(cron.unread(f"spec.triggers[{index}].metadata"))
        schedule, why = _schedule(f"cron-{index}", cron, most)
        window = f"{cron.desired_replicas} replicas from {cron.start} to {cron.end} {cron.timezone}"
        if schedule is None:
            notes.add(Topic.LEFT_OUT, f"{title}: {window}: {why}")
            continue
        made.append(schedule)
        notes.add(
            Topic.DIFFERS,
            f"{title}: {window}: schedule {schedule['name']} holds at least {schedule['minReplicas']} for "
            f"{schedule['duration']}, which is elapsed time when clocks change, and from one horizon earlier, so that "
            "pods are ready at the start",
        )
    return made


def _schedule(name: str, cron: CronMetadata, most: int) -> tuple[dict[str, Any] | None, str]:
    """Return the schedule, or None and why there is none."""
    if not cron.desired_replicas.isascii() or not cron.desired_replicas.isdigit() or int(cron.desired_replicas) < 1:
        return None, "desiredReplicas is no number above 0"
    duration = _duration(cron.start, cron.end)
    if duration is None:
        return None, "its windows are not all of one length, as those of a schedule are: write one schedule for each"
    made = {
        "name": name,
        "start": " ".join(cron.start.split()),
        "duration": api.duration_text(duration.total_seconds()),
        "timeZone": cron.timezone,
        "minReplicas": min(int(cron.desired_replicas), most),
    }
    try:
        ScheduleSpec.model_validate(made)
    except ValidationError as error:
        return None, str(api.SpecError.of(error, name))
    return made, ""


def _duration(start: str, end: str) -> timedelta | None:
    """Return how long from each start to the end after it, None where that differs or neither comes about."""
    lengths = set[timedelta]()
    try:
        for begins in islice(CronSim(start, _MONDAY), _LOOKED_AT):
            ends = next(CronSim(end, begins), None)
            if ends is None:
                return None
            lengths.add(ends - begins)
            if len(lengths) > 1:
                return None
    except CronSimError:
        return None
    return lengths.pop() if lengths else None
