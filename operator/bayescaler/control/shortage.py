"""Pods that were asked for and do not come, and rollouts on the way: what the cluster does with a number."""

import asyncio
from collections.abc import Iterable
from itertools import takewhile
from math import inf

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError
from bayescaler.cluster.waiting import Waiting, unschedulable
from bayescaler.policy.reasons import Limiter
from bayescaler.policy.types import Shortfall

from .budget import Budget
from .settings import Settings
from .workload import Workload

LOOK_SECONDS = 60.0
SEATS = 4
ROLLOUT_SECONDS = 600.0  # a Deployment's own progressDeadlineSeconds, unless it says otherwise
CURE = "the number stays, and they start once there is room"


class Shortages:
    """Finds out why pods are missing; pods are listed once a minute at most, and within a budget for all objects."""

    def __init__(self, client: KubeClient, settings: Settings) -> None:
        self._client, self._seats = client, asyncio.Semaphore(SEATS)
        per_second = settings.pod_lists_per_second
        self._budget = Budget(per_second, burst=max(1.0, per_second * settings.interval_seconds))

    def follow(self, workloads: Iterable[Workload], *, now: float) -> tuple[Workload, ...]:
        """Note since when pods are missing or replaced; return whose pods are to be listed now, the longest due first.

        So that with more of them than the budget allows each has its turn.
        """
        due = [workload for workload in workloads if self._is_due(workload, now)]
        due.sort(key=lambda one: (one.shortfall_read_at or -inf, one.short_since or now))
        chosen = tuple(takewhile(lambda _: self._budget.take(now), due))
        for workload in chosen:
            workload.shortfall_read_at = now
        return chosen

    def _is_due(self, workload: Workload, now: float) -> bool:
        target, intent = workload.target, workload.intent
        if target is None or intent is None:
            return False
        workload.rollout_since = _since(workload.rollout_since, now, holds=target.rolling_out)
        missing = target.ready_replicas is not None and target.ready_replicas < target.replicas
        workload.short_since = since = _since(workload.short_since, now, holds=missing)
        if since is None:
            workload.shortfall, workload.shortfall_message, workload.shortfall_read_at = None, "", None
            return False
        if target.refusal:
            workload.shortfall, workload.shortfall_message = _refused(target.refusal), ""
            return False
        if workload.shortfall is not None and workload.shortfall.limiter is not Limiter.UNSCHEDULABLE:
            workload.shortfall = None
        read_at = workload.shortfall_read_at
        due = now - since > intent.lead_seconds and (read_at is None or not 0 <= now - read_at < LOOK_SECONDS)
        return due and bool(target.selector)

    async def read(self, workload: Workload) -> None:
        """List the pods that wait; what cannot be read is said, and costs nothing else."""
        target = workload.target
        if target is None or not target.selector:
            return
        try:
            async with self._seats:
                waiting = await unschedulable(self._client, workload.namespace, target.selector)
        except ClusterError as error:
            workload.shortfall, workload.shortfall_message = None, f"why pods are missing could not be read: {error}"
            return
        workload.shortfall, workload.shortfall_message = _unschedulable(waiting, target.replicas), ""


def is_rolling_out(workload: Workload, *, now: float) -> bool:
    """Whether a rollout is under way, and has not been for longer than one may take: a stuck one holds nothing."""
    target, since = workload.target, workload.rollout_since
    return target is not None and target.rolling_out and since is not None and 0 <= now - since < ROLLOUT_SECONDS


def _since(before: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if before is None else min(before, now)  # a clock set back must not stretch it


def _refused(sentence: str) -> Shortfall:
    if "exceeded quota" in sentence:
        told = sentence[sentence.index("exceeded quota") :]
        return Shortfall(
            Limiter.QUOTA_EXCEEDED, f"pods are refused: {told}; raise the quota or lower maxReplicas: {CURE}"
        )
    return Shortfall(Limiter.FAILED_CREATE, f"pods are refused: {sentence}; mend the pod template or what refuses it")


def _unschedulable(waiting: Waiting | None, replicas: int) -> Shortfall | None:
    if waiting is None:
        return None
    told = f"{waiting.pods} of {replicas} pods wait for a node: {waiting.message.rstrip('.')}"
    return Shortfall(Limiter.UNSCHEDULABLE, f"{told}; add nodes or lower maxReplicas: {CURE}")
