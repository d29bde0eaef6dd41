"""Who else moves a number that we move: told apart by what it does after we wrote, without a clock of its own.

A number (replicas of a target, or the floor of an autoscaler) is looked at every tick. It changes because we asked for
it, because somebody edits it, or because somebody takes our writes back, again and again to one value, as a GitOps
controller does that has the number in its manifest. Edits are accepted; a GitOps controller is left alone for a while.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

EDIT_TOLD_SECONDS = 600.0
# GitOps controllers come by every few seconds to every ten minutes.
RETURN_SECONDS = 900.0
RETURNS_WITHIN_SECONDS = 2700.0
RETURNS = 3
RETURNS_OF_GITOPS = 2
HANDS_OFF_SECONDS = 900.0
# A reverter that has been quiet for so long after a write of ours is believed to be gone.
FORGIVEN_SECONDS = 3600.0
GITOPS_MANAGERS = frozenset(
    {"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"}
)


class Interference(StrEnum):
    """What somebody else does to the number."""

    NONE = "NoConflict"
    EDITED = "Edited"
    REVERTING = "GitOpsReverting"


@dataclass(frozen=True, slots=True)
class Tenure:
    """What is remembered of one number; an empty Tenure is a start. `of` tells which number (a uid).

    `value` is the number as it was last seen or written. `wrote` is our last write: when, and to what. `returns` are
    the times at which it was taken back to `returned_to`. `hands_off_until` and `reverted_at` speak of the last time
    that this was found to be a GitOps controller.
    """

    of: str = ""
    value: int | None = None
    wrote: tuple[float, int] | None = None
    returned_to: int | None = None
    returns: tuple[float, ...] = ()
    hands_off_until: float | None = None
    reverted_at: float | None = None
    edited_at: float | None = None
    edited_from: int | None = None
    by: str = ""


class Verdict(NamedTuple):
    """What was found by now, and whether it is news."""

    interference: Interference
    fresh: bool = False


def wrote(tenure: Tenure, value: int, *, now: float) -> Tenure:
    """Return the tenure after a write of ours that was accepted."""
    return replace(tenure, value=value, wrote=(now, value))


def attempted(tenure: Tenure, value: int, *, now: float) -> Tenure:
    """Return the tenure before a write whose answer may be lost: the number may become ours."""
    return replace(tenure, wrote=(now, value))


def look(
    tenure: Tenure, value: int, *, of: str, by: str | None, now: float, wanted: int | None = None
) -> tuple[Tenure, Verdict]:
    """Take in the number as it is now, of the field manager `by` as far as that is known.

    Whoever writes what we wrote or want (`wanted`, the last decision) edits nothing and takes nothing back.
    """
    if tenure.of != of or tenure.value is None:
        return Tenure(of=of, value=value), Verdict(Interference.NONE)
    before, ours = tenure, value == wanted or (tenure.wrote is not None and value == tenure.wrote[1])
    if value != tenure.value:
        tenure = replace(tenure, value=value) if ours else _moved(tenure, value, by or "", now)
    fresh = tenure.edited_at != before.edited_at or tenure.hands_off_until != before.hands_off_until
    if tenure.hands_off_until is not None and 0 < tenure.hands_off_until - now <= HANDS_OFF_SECONDS:
        return tenure, Verdict(Interference.REVERTING, fresh)
    if tenure.edited_at is not None and 0 <= now - tenure.edited_at < EDIT_TOLD_SECONDS:
        return tenure, Verdict(Interference.EDITED, fresh)
    return tenure, Verdict(Interference.NONE)


def _moved(tenure: Tenure, value: int, by: str, now: float) -> Tenure:
    """Somebody else has moved the number."""
    moved = replace(tenure, value=value, edited_at=now, edited_from=tenure.value, by=by)
    if not _takes_back(tenure, now):
        return moved
    earlier = tenure.returns if value == tenure.returned_to else ()
    returns = (*(at for at in earlier if 0 <= now - at < RETURNS_WITHIN_SECONDS), now)
    moved = replace(moved, returned_to=value, returns=returns[-RETURNS:])
    if len(returns) < _needed(tenure, value, by, now):
        return moved
    return replace(moved, hands_off_until=now + HANDS_OFF_SECONDS, reverted_at=now)


def _takes_back(tenure: Tenure, now: float) -> bool:
    """Whether what is moved is what we wrote, not long ago."""
    return tenure.wrote is not None and tenure.value == tenure.wrote[1] and 0 <= now - tenure.wrote[0] < RETURN_SECONDS


def _needed(tenure: Tenure, value: int, by: str, now: float) -> int:
    """How many returns show a GitOps controller; one that was found before is known by the first."""
    if tenure.reverted_at is not None and value == tenure.returned_to and now - tenure.reverted_at < FORGIVEN_SECONDS:
        return 1
    return RETURNS_OF_GITOPS if by in GITOPS_MANAGERS else RETURNS
