"""Learn how long pods take to start, and forecast that far: pods are read beside the tick, while some may be starting.

A scale-up or rollout is open from the tick that sees more replicas wished for, or fewer ready than there are, until a
list in which all are ready. Meanwhile the pods are listed now and then, more rarely the longer they wait and the more
there are: the time of a pod's first readiness is in its condition, so only one that loses it again within a gap could
mislead. A pod that was ready before anybody looked, or has lost its readiness, teaches nothing.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isnan

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError
from bayescaler.cluster.pods import PodStart, pod_starts
from bayescaler.policy.explain import span
from bayescaler.policy.lead_time import STUCK_SECONDS, HeldLead, LeadTime, template_mark
from bayescaler.telemetry.metrics import Metrics

from .budget import Budget
from .containment import contained, each
from .jobs import Jobs
from .learned import Starts
from .settings import Settings
from .translate import Intent, auto_lead, with_lead
from .workload import Workload

log = logging.getLogger(__name__)
SHORTEST_GAP_SECONDS = 15.0
LONGEST_GAP_SECONDS = 600.0
PODS_A_SECOND = 20.0
"""Pods of one workload that may be read a second on average: a thousand of them every 50 s."""
REFUSED_SECONDS = 300.0
MOST_READS_IN_FLIGHT = 2


class LeadTimes:
    """Watches for starting pods, lists them within a budget, and adopts a new lead when it is there for good."""

    def __init__(
        self, client: KubeClient, settings: Settings, metrics: Metrics, *, on_new_lead: Callable[[Workload], None]
    ) -> None:
        self._client, self._settings, self._metrics = client, settings, metrics
        self._on_new_lead = on_new_lead
        self._budget = Budget(settings.pod_reads_per_second, burst=max(1.0, 15.0 * settings.pod_reads_per_second))
        self._jobs = Jobs(MOST_READS_IN_FLIGHT)
        self.stop, self.idle = self._jobs.stop, self._jobs.idle

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Do what is due at `now`, without waiting: leads that hold are adopted, lists begun, the longest due first."""
        seen = [w for w in workloads if w.intent is not None and w.target is not None]
        each(seen, "lead time", self._metrics, lambda w: self._look_at(w, now))
        due = [w for w in seen if _is_due(w.starts, now)]
        for workload in sorted(due, key=lambda w: w.starts.due_at):
            if not self._budget.take(now):
                return
            workload.starts.reading = self._jobs.begin(self._read(workload, now), f"pods {workload.label}")

    def _look_at(self, workload: Workload, now: float) -> None:
        starts, target = workload.starts, workload.target
        assert target is not None  # noqa: S101 - only workloads with a target are looked at
        if starts.lead_time is None:
            starts.lead_time = LeadTime(self._settings.startup_seconds)
            starts.p90_seconds = starts.lead_time.p90()
        rose = starts.replicas is not None and target.replicas > starts.replicas
        ready = target.ready_replicas
        unready = ready is not None and max(target.replicas, target.pods or 0) > ready
        starts.replicas = target.replicas
        if starts.open_since is None and (rose or unready):
            starts.open_since = now - 2 * self._settings.interval_seconds
            starts.due_at = min(starts.due_at, max(now, starts.refused_until))
        elif rose:
            starts.due_at = min(starts.due_at, max(now, starts.refused_until))
        self._adopt(workload, now)

    def _adopt(self, workload: Workload, now: float) -> None:
        """Ask for a posterior of the learned lead, once that is another one for good."""
        before, starts = workload.intent, workload.starts
        assert before is not None  # noqa: S101 - only workloads with an intent are looked at
        if not before.auto_horizon or starts.p90_seconds is None:
            return
        held = starts.held or HeldLead(before.lead, before.forecast.step_seconds)
        starts.held = held.asked(_wanted(before, starts.p90_seconds, self._settings), now=now)
        after = with_held_lead(starts, before, self._settings)
        if after is not before:
            log.info(
                "lead time changed",
                extra={
                    "object": workload.label,
                    "lead_time_seconds": workload.starts.p90_seconds,
                    "lead_buckets": after.lead,
                    "before": before.lead,
                },
            )
            workload.intent = after
            self._on_new_lead(workload)

    async def _read(self, workload: Workload, now: float) -> None:
        starts, target = workload.starts, workload.target
        refused = True
        try:
            with contained(workload, "lead time", self._metrics):
                if target is None or not target.selector:
                    # An empty selector would mean every pod of the namespace.
                    starts.problem = "the target's scale names no pod selector: declare labelSelectorPath"
                    return
                try:
                    async with self._jobs.seats:
                        pods = await pod_starts(self._client, workload.namespace, target.selector)
                except ClusterError as error:
                    starts.problem = str(error)
                    log.info("pods could not be listed", extra={"object": workload.label, "why": str(error)})
                    return
                starts.problem = ""
                take(starts, pods, now=now, wanted=target.replicas)
                log.debug(
                    "pods listed",
                    extra={"object": workload.label, "pods": len(pods), "starting": len(starts.waiting)},
                )
                starts.due_at, refused = now + _gap(pods, now), False
        finally:
            starts.reading = None
            if refused:
                starts.due_at = starts.refused_until = now + REFUSED_SECONDS


def with_held_lead(starts: Starts, intent: Intent, settings: Settings) -> Intent:
    """Return `intent` with the lead that was learned, itself where that is no other or not for it to learn."""
    held, step = starts.held, intent.forecast.step_seconds
    starts.beyond = ""
    if not intent.auto_horizon or held is None or starts.p90_seconds is None:
        return intent
    if held.step_seconds != step:
        starts.held = held = HeldLead(_wanted(intent, starts.p90_seconds, settings), step)
    if held.buckets == intent.lead:
        return intent
    try:
        return with_lead(intent, held.buckets)
    except ValueError:
        starts.beyond = (
            f"{span(held.buckets * step)} would have to be looked ahead, which is too many buckets of {span(step)}: "
            f"the horizon stays {span(intent.lead_seconds)}; give a longer load.step"
        )
        return intent


def _wanted(intent: Intent, startup_seconds: float, settings: Settings) -> int:
    return auto_lead(intent.forecast.step_seconds, intent.window_seconds, startup_seconds, settings)


def recall(starts: Starts, saved: Sequence[float], settings: Settings) -> None:
    """Go on from a saved state, before the object's intent is made; raises ValueError where it is damaged or newer."""
    starts.lead_time = LeadTime.from_floats(saved, prior_seconds=settings.startup_seconds)
    starts.p90_seconds = starts.lead_time.p90()
    starts.held = HeldLead(0, 0.0)  # in no buckets yet: `with_held_lead` counts them


def take(starts: Starts, pods: Sequence[PodStart], *, now: float, wanted: int) -> None:
    """Learn from the pods as they were at `now`: each pod once, when it is ready for the first time."""
    lead_time = starts.lead_time
    assert lead_time is not None  # noqa: S101 - it is there before anything is read
    lead_time = _of_template(starts, lead_time, pods)
    took, waiting, settled = list[float](), dict[str, float](), set[str]()
    since = float("inf") if starts.open_since is None else starts.open_since
    for pod in pods:
        if pod.uid in starts.settled or not (pod.starting or pod.ready_at is not None):
            settled.add(pod.uid)
        elif pod.ready_at is None:
            waiting[pod.uid] = pod.created_at
        else:
            settled.add(pod.uid)
            if pod.uid in starts.waiting or pod.created_at >= since:
                took.append(max(0.0, pod.ready_at - pod.created_at))
    starts.lead_time = lead_time.started(took)
    starts.p90_seconds = starts.lead_time.p90(now - created for created in waiting.values())
    starts.waiting, starts.settled = waiting, frozenset(settled)
    starts.templates = frozenset(pod.template for pod in pods)
    broken = any(not pod.starting and pod.ready_at is None for pod in pods)
    if not waiting and not broken and len(pods) >= wanted:
        starts.open_since = None


def _of_template(starts: Starts, lead_time: LeadTime, pods: Sequence[PodStart]) -> LeadTime:
    """Widen what is known when the youngest pod is of a template that neither it nor the list before knew."""
    if not pods:
        return lead_time
    newest = max(pods, key=lambda pod: pod.created_at).template
    mark = template_mark(newest)
    if lead_time.template == mark:
        return lead_time
    if (
        isnan(lead_time.template) or newest in starts.templates
    ):  # during a rollout pods of the older template may be made too
        return replace(lead_time, template=mark)
    starts.rollouts += 1
    return lead_time.rolled_out(mark)


def _is_due(starts: Starts, now: float) -> bool:
    return starts.open_since is not None and starts.reading is None and now >= starts.due_at


def _gap(pods: Sequence[PodStart], now: float) -> float:
    """Seconds until the pods are listed again; the youngest that is not ready tells how much is going on."""
    age = min((now - pod.created_at for pod in pods if pod.ready_at is None), default=0.0)
    if age >= STUCK_SECONDS:
        return LONGEST_GAP_SECONDS
    return min(max(SHORTEST_GAP_SECONDS, age / 8.0, len(pods) / PODS_A_SECOND), LONGEST_GAP_SECONDS)
