"""Who else moves what we size: other autoscalers on the target, people, GitOps. Told apart and said, never fought."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from bayescaler.cluster.client import FIELD_MANAGER
from bayescaler.cluster.scaler_store import ScalerStore
from bayescaler.cluster.scalers import Reference, Scaler, ScalerKind
from bayescaler.policy.conflicts import Interference, Tenure, Verdict, look
from bayescaler.policy.reasons import Mode
from bayescaler.telemetry.metrics import Metrics

from .containment import each
from .settings import Settings
from .workload import Conflict, Problem, Workload

NOT_READ = "AutoscalersNotRead"


class Rivals:
    """Looks, after the targets are known and before anything is decided, at everybody else who may move them."""

    def __init__(
        self, scalers: ScalerStore, settings: Settings, metrics: Metrics, *, may_write: Callable[[], bool]
    ) -> None:
        self._scalers, self._metrics, self._may_write = scalers, metrics, may_write
        self._deadline_seconds = settings.collect_deadline_seconds
        self._known, self._unread = scalers.known, scalers.unread()  # as of this look, for all workloads alike

    async def look(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Bring `scaler`, `conflict` and `tenure` of every workload up to date."""
        if any(_writes(workload) for workload in workloads):
            await self._wait_known()
        self._known, self._unread = self._scalers.known, self._scalers.unread()
        each(workloads, "observe", self._metrics, lambda w: self._look(w, now))

    async def _wait_known(self) -> None:
        """A first tick that knows of no HPA would write over one."""
        deadline = asyncio.get_running_loop().time() + self._deadline_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._scalers.wait_known()

    def _look(self, workload: Workload, now: float) -> None:
        workload.scaler, workload.conflict = None, None
        if not _writes(workload):
            workload.tenure = Tenure()
            return
        if workload.intent is None or workload.target is None:
            return  # nothing was seen: what is known of others stays
        if workload.intent.policy.mode is Mode.FLOOR:
            self._find_floor(workload)
        else:
            self._find_rival(workload)
        watched = _watched(workload)
        if watched is None:
            workload.tenure = workload.tenure if _unread(workload) and self._may_write() else Tenure()
            return
        value, uid, by = watched
        if not self._may_write():
            _follow_leader(workload, value, of=uid, by=by, now=now)
            return
        wanted = None if workload.decision is None else workload.decision.final
        taken_back = workload.tenure.value is None and wanted is not None and value > wanted
        if by == FIELD_MANAGER:  # of a process of ours that has ended since
            wanted = value
        workload.tenure, verdict = look(workload.tenure, value, of=uid, by=by, now=now, wanted=wanted)
        workload.conflict = _interference(workload, verdict) or workload.conflict
        # What was set while nothing was applied is let go as slowly as what is set under our hands.
        if (verdict.fresh or taken_back) and workload.scaler is None:
            workload.state = workload.state.with_edit(value, now=now)

    def _found(self, workload: Workload) -> tuple[Scaler, ...]:
        """The autoscalers of the target; of KEDA's pair the ScaledObject, unless it cannot be seen."""
        found = self._scalers.of(workload.namespace, _reference(workload))
        if not found:
            return ()
        seen = {scaler.name for scaler in found if scaler.kind is ScalerKind.SCALED_OBJECT}
        return tuple(scaler for scaler in found if scaler.keda is None or scaler.keda not in seen)

    def _find_floor(self, workload: Workload) -> None:
        found, ref, unread = self._found(workload), _reference(workload), self._unread
        if not self._known:
            workload.target_problem = Problem(NOT_READ, "HorizontalPodAutoscalers have not been listed yet")
        elif len(found) > 1:
            workload.target_problem = Problem(
                "SeveralAutoscalers", f"{_names(found)} all scale {_target(ref)}; keep one"
            )
        elif found and found[0].keda is None:
            workload.scaler = found[0]
        elif unread is not None:
            workload.target_problem = Problem(NOT_READ, _cannot_read(unread))
        else:
            workload.target_problem = Problem(
                "AutoscalerNotFound",
                f"mode Floor needs an autoscaler to raise the floor of, and no HorizontalPodAutoscaler or ScaledObject "
                f"scales {_target(ref)}; create one, or set mode: Auto",
            )
        if len(found) > 1 and workload.target_problem is not None:
            problem = workload.target_problem
            workload.conflict = Conflict(problem.reason, problem.message, f"{_names(found)} scale it too")

    def _find_rival(self, workload: Workload) -> None:
        if not self._known:
            why = "whether another autoscaler is on the target has not been read yet"
            workload.conflict = Conflict(NOT_READ, why, why)
            return
        found = self._found(workload)
        if not found:
            if self._unread is not None:
                workload.conflict = Conflict(NOT_READ, _cannot_read(self._unread), found=False)
            return
        first, ref = found[0], _reference(workload)
        made = f"ScaledObject {first.keda!r}" if first.keda is not None else ""
        names = made.replace("'", '"') or _names(found)
        keda = first.keda is not None or any(scaler.kind is ScalerKind.SCALED_OBJECT for scaler in found)
        reason = ScalerKind.SCALED_OBJECT if keda else ScalerKind.HPA
        cure = "delete it, or let both work by mode: Floor"
        workload.conflict = Conflict(
            reason.value,
            f"{names} scales {_target(ref)} too, so decisions are not applied; {cure}",
            f"{names} scales it",
        )


def _follow_leader(workload: Workload, value: int, *, of: str, by: str | None, now: float) -> None:
    """Another replica of the operator leads: what it sets is no edit, and it uses up what the policies allow."""
    before = workload.tenure.value if workload.tenure.of == of else None
    if before is not None and before != value and by == FIELD_MANAGER and workload.scaler is None:
        workload.state = workload.state.with_scaling(before, value, now=now)
    workload.tenure = Tenure(of=of, value=value)


def _writes(workload: Workload) -> bool:
    intent = workload.intent
    return intent is not None and intent.policy.mode is not Mode.OBSERVE and not intent.policy.paused


def _reference(workload: Workload) -> Reference:
    assert workload.intent is not None  # noqa: S101 - only workloads with an intent are looked at
    ref = workload.intent.target
    return Reference.of(ref.api_version, ref.kind, ref.name)


def _watched(workload: Workload) -> tuple[int, str, str | None] | None:
    """The number that we move, of what, and who wrote it last; None where somebody else is known to move it."""
    if workload.scaler is not None:
        return workload.scaler.floor, workload.scaler.uid, workload.scaler.set_by
    target = workload.target
    assert workload.intent is not None  # noqa: S101 - as above
    if (
        target is None
        or (workload.conflict is not None and workload.conflict.withholds)
        or workload.intent.policy.mode is Mode.FLOOR
    ):
        return None
    return target.replicas, target.uid, target.set_by


def _unread(workload: Workload) -> bool:
    """Whether it could not be seen just now who else moves the number, so that nothing is known to have changed."""
    return any(said is not None and said.reason == NOT_READ for said in (workload.conflict, workload.target_problem))


def _interference(workload: Workload, verdict: Verdict) -> Conflict | None:
    tenure, scaler = workload.tenure, workload.scaler
    if verdict.interference is Interference.NONE:
        return None
    field = "spec.replicas" if scaler is None else f"spec.{scaler.field}"
    what = field if scaler is None else f"{field} of {scaler}"
    who = f'field manager "{tenure.by}"' if tenure.by else "somebody else"
    if verdict.interference is Interference.EDITED:
        reason = "ReplicasEdited" if scaler is None else "FloorEdited"
        return Conflict(
            reason,
            f"{what} was set from {tenure.edited_from} to {tenure.value} by {who}; decisions go on from there "
            "(to keep a number by hand, set paused: true)",
        )
    return Conflict(
        Interference.REVERTING.value,
        f"{what} is put back to {tenure.returned_to} by {who} each time it is set, as GitOps does with a number in its "
        f"manifest; left alone for 15m at a time. Take {field} out of the manifest, or have it ignored "
        "(Argo CD: ignoreDifferences)",
        f"{who} puts it back to {tenure.returned_to}",
    )


def _cannot_read(error: Exception) -> str:
    return f"other autoscalers cannot be read: {error}; grant list and watch on them, see docs/conflicts.md"


def _names(found: Iterable[Scaler]) -> str:
    return " and ".join(str(scaler) for scaler in found)


def _target(ref: Reference) -> str:
    return f'{ref.kind} "{ref.name}"'
