"""Canaries: a second posterior beside the live one, given the same buckets, compared, promoted or rolled back.

A canary decides nothing. What fails of it is counted and told, and costs the canary alone: its seat is built anew, the
live one is never touched but by a promotion, which puts the canary's seat in its place between two ticks; trust,
steering and capacity stay, and the next decision meets the usual limiters.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from math import inf, nan

import numpy as np

from bayescaler.cluster.events import EventRecorder, EventType
from bayescaler.policy import decide
from bayescaler.policy.canary import FEWEST_WINDOWS, LOSSES_A_UNIT, Pair, Trial
from bayescaler.policy.canary_told import sentence
from bayescaler.policy.freshness import closed_until
from bayescaler.policy.reasons import CanaryPhase
from bayescaler.sources.port import LoadSource, SourceError
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .estimate import BankPool, level_of, outlook_of
from .settings import Settings
from .translate import CanaryTerms, Intent, beside
from .warmup import LONGEST_RETRY_SECONDS, history
from .workload import Canary, Seat, Workload

log = logging.getLogger(__name__)
STAGE = "canary"


class Canaries:
    """All canaries. `on_new_load` asks for a live posterior; only who `may_write` draws conclusions."""

    def __init__(
        self,
        source: LoadSource,
        banks: BankPool,
        settings: Settings,
        metrics: Metrics,
        events: EventRecorder,
        *,
        may_write: Callable[[], bool],
        on_new_load: Callable[[Workload], None],
        clock: Callable[[], float],
    ) -> None:
        self._source, self._banks, self._settings, self._metrics = source, banks, settings, metrics
        self._events, self._may_write, self._on_new_load, self._clock = events, may_write, on_new_load, clock
        self._one_at_a_time = asyncio.Lock()  # live histories and live load go first
        self._building: set[asyncio.Task[None]] = set()
        self._beside: list[Workload] = []

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Follow the specs, begin what is to be built, and keep the buckets that the live seats are about to get."""
        self._beside = []
        for workload in workloads:
            intent = workload.intent
            if intent is None or (intent.canary is None and workload.canary is None):
                continue
            with contained(workload, STAGE, self._metrics):
                self._look_at(workload, intent, now)

    async def compare(self, *, now: float) -> None:
        """After the live ones have decided: give the canaries their buckets, and see who has lost less."""
        for workload in self._beside:
            canary = workload.canary
            if canary is None or canary.seat is None:
                continue
            try:
                await self._compare(workload, canary, canary.seat, now)
            except Exception:
                log.exception("canary failed", extra={"object": workload.label})
                self._metrics.failures.labels(STAGE).inc()
                self._put_off(canary, "it failed, and is built anew; the operator's log says how", now=now)

    async def idle(self) -> None:
        """Wait until nothing is being built."""
        while self._building:
            await asyncio.wait(self._building)

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._building:
            task.cancel()
        await asyncio.gather(*self._building, return_exceptions=True)

    def forget(self, workload: Workload) -> None:
        """Give up the canary of an object."""
        canary, workload.canary = workload.canary, None
        if canary is not None:
            self._free(canary)

    def _look_at(self, workload: Workload, intent: Intent, now: float) -> None:
        terms, canary = intent.canary, workload.canary
        if canary is not None and (terms is None or canary.trial.mark != terms.mark):
            self.forget(workload)
            canary = None
        if terms is None:
            return
        if canary is None:
            canary = workload.canary = Canary(Trial(terms.mark))
        if canary.trial.phase is CanaryPhase.PROMOTED:
            self._promote(workload, canary, intent)
        if canary.trial.over:
            self._free(canary)
            return
        self._beside.append(workload)
        live = workload.seat
        if canary.seat is not None and not _follows(canary, canary.seat, beside(intent), live):
            self._free(canary)
        if live is None or not live.intent.same_load(intent):
            return
        if canary.seat is None and canary.building is None and now >= canary.due_at:
            task = asyncio.create_task(self._build(workload, canary, beside(intent)), name=f"canary {workload.label}")
            canary.building, canary.pending = task, []
            self._building.add(task)
            task.add_done_callback(self._building.discard)
        canary.pending += workload.fresh

    def _promote(self, workload: Workload, canary: Canary, intent: Intent) -> None:
        """Let the canary's settings be the live ones; with its seat if that is in step, else by a new warm-up."""
        promoted, live, seat = beside(intent), workload.seat, canary.seat
        if intent.same_load(promoted):
            return
        workload.intent = promoted
        in_step = seat is not None and live is not None and seat.consumed_until == live.consumed_until
        if seat is None or live is None or not in_step or not seat.intent.same_load(promoted):
            self._on_new_load(workload)
            return
        workload.seat, canary.seat = seat, None
        self._banks.release(live)

    async def _build(self, workload: Workload, canary: Canary, intent: Intent) -> None:
        seat: Seat | None = None
        try:
            async with self._one_at_a_time:
                now = self._clock()
                step = intent.forecast.step_seconds
                end = closed_until(now, step, self._settings.metric_lag_seconds)
                times, values = await history(
                    self._source, intent, start=end - intent.history_seconds, end=end, now=now
                )
                until = float(times[-1]) + step if len(times) else end
                seat = await self._banks.fit(intent, times, values, until=until)
        except SourceError as error:
            self._metrics.source_errors.labels(error.reason).inc()
            self._put_off(canary, f"its history could not be read: {error}", now=self._clock())
        except Exception:
            log.exception("canary could not be built", extra={"object": workload.label})
            self._metrics.failures.labels(STAGE).inc()
            self._put_off(canary, "it could not be built; the operator's log says why", now=self._clock())
        finally:
            canary.building = None
        if seat is not None and (workload.canary is not canary or canary.trial.over):
            self._banks.release(seat)
        elif seat is not None:
            canary.seat, canary.pair, canary.problem = seat, None, ""

    def _put_off(self, canary: Canary, problem: str, *, now: float) -> None:
        """Try again later, ever more rarely."""
        self._free(canary)
        waited = canary.retry_seconds
        canary.retry_seconds = min(2 * waited, LONGEST_RETRY_SECONDS) if waited else self._settings.warmup_retry_seconds
        canary.problem, canary.due_at = problem, now + canary.retry_seconds

    def _free(self, canary: Canary) -> None:
        """Give the second seat back, and what belongs to it; one that is being built is given back when it is done."""
        if canary.seat is not None and not canary.seat.left:
            self._banks.release(canary.seat)
        canary.seat = canary.pair = canary.outlook = canary.state = canary.replicas = None
        canary.pending = []

    async def _compare(self, workload: Workload, canary: Canary, seat: Seat, now: float) -> None:
        fresh = [(at, load) for at, load in canary.pending if at >= seat.consumed_until]
        canary.pending = []
        if fresh:
            times, values = np.array(fresh, np.float64).T
            await self._banks.catch_up(seat, times, values)
        live, intent = workload.seat, workload.intent
        if workload.canary is not canary or intent is None or intent.canary is None or live is None:
            return  # the object changed meanwhile
        if not seat.bank.buckets_seen(seat.row):
            canary.problem = "no load was seen yet"
            return
        canary.retry_seconds = 0.0
        doubted = seat.bank.shown(seat.row, level_of(intent.policy.promised)).doubted
        _see(canary, _believed(fresh, doubted), seat.intent.scale)
        if live.consumed_until == seat.consumed_until and live.intent.lead == seat.intent.lead:
            _issue(canary, live, seat, intent.policy.promised, now=now)
        _would_decide(workload, canary, seat, now=now)
        if self._may_write():
            self._conclude(workload, canary, intent.canary, now=now)

    def _conclude(self, workload: Workload, canary: Canary, terms: CanaryTerms, *, now: float) -> None:
        before = canary.trial
        canary.trial = before.judged(promotes=terms.promotes, after_seconds=terms.after_seconds, now=now)
        after = canary.trial
        if after.phase is CanaryPhase.PROMOTED:
            self._tell(workload, "CanaryPromoted", "Promote", now=now)
        elif after.phase is CanaryPhase.ROLLED_BACK:
            self._tell(workload, "CanaryRolledBack", "RollBack", now=now)
        elif after.told and not before.told:
            self._tell(workload, "CanaryBetter", "Compare", now=now)

    def _tell(self, workload: Workload, reason: str, action: str, *, now: float) -> None:
        note = message_of(workload, now=now)
        log.info("canary judged", extra={"object": workload.label, "reason": reason, "why": note})
        self._events.record(workload.reference, reason=reason, note=note, action=action, event_type=EventType.NORMAL)


def in_force(workload: Workload, said: Intent) -> Intent:
    """Return what to forecast by: what the spec says, with the settings of its canary where that was promoted."""
    trial = None if workload.canary is None else workload.canary.trial
    if trial is None or said.canary is None or trial.mark != said.canary.mark:
        return said
    return beside(said) if trial.phase is CanaryPhase.PROMOTED else said


def recall(workload: Workload, trial: Trial) -> None:
    """Go on from where a canary stood; a seat that is there already goes on too."""
    if workload.canary is None:
        workload.canary = Canary(trial)
    elif workload.canary.trial.mark == trial.mark:
        workload.canary.trial = trial


def message_of(workload: Workload, *, now: float) -> str:
    """Return where a canary stands, in a sentence; empty without one."""
    canary, intent = workload.canary, workload.intent
    if canary is None or intent is None or intent.canary is None:
        return ""
    terms = intent.canary
    return sentence(
        canary.trial,
        fields=terms.fields,
        promotes=terms.promotes,
        after_seconds=terms.after_seconds,
        problem=canary.problem,
        now=now,
    )


def _follows(canary: Canary, seat: Seat, intent: Intent, live: Seat | None) -> bool:
    """Whether a seat is what is wanted, and no bucket went to the live one alone, as when that was built anew; what
    came while the seat was built is kept for it.
    """
    if not seat.intent.same_load(intent):
        return False
    kept_from = canary.pending[0][0] if canary.pending else inf
    return live is None or live.consumed_until <= seat.consumed_until or kept_from <= seat.consumed_until


def _believed(fresh: Sequence[tuple[float, float]], doubted: int) -> list[tuple[float, float]]:
    """Call the newest zeros that are doubted missing: by them the lower forecast would win."""
    first = len(fresh) - doubted
    return [(at, nan if load == 0.0 and place >= first else load) for place, (at, load) in enumerate(fresh)]


def _see(canary: Canary, fresh: Sequence[tuple[float, float]], scale: float) -> None:
    """Let the window under way see its buckets, and book it when it is over."""
    for at, load in fresh:
        if canary.pair is None:
            return
        canary.pair = canary.pair.then(at, load * scale)
        if canary.pair is not None and canary.pair.ended:
            canary.trial, canary.pair = canary.trial.after_window(canary.pair), None


def _issue(canary: Canary, live: Seat, seat: Seat, level: float, *, now: float) -> None:
    """Begin the next window where both forecasts know the same, once it is known what losses are counted in."""
    scale, lead, book = live.intent.scale, live.intent.lead, canary.trial.book
    if book is None or book.level != level:
        shown = live.bank.diagnostics(live.row, lead)
        unit = LOSSES_A_UNIT * scale * shown.pinball[level_of(level)]
        if shown.disjoint_windows < FEWEST_WINDOWS or not unit > 0.0:
            canary.problem = f"the live forecast has {shown.disjoint_windows} of {FEWEST_WINDOWS} windows to show"
            return
        canary.trial, canary.pair = canary.trial.begun(level, unit, now=now), None
    canary.problem = ""
    if canary.pair is not None:
        return
    theirs, ours = (one.bank.predict(one.row, lead) for one in (live, seat))
    canary.pair = Pair(
        theirs.issued_at,
        theirs.step_seconds,
        lead,
        scale * theirs.quantile(level),
        scale * ours.quantile(level),
    )


def _would_decide(workload: Workload, canary: Canary, seat: Seat, *, now: float) -> None:
    """Decide by the canary what the live forecast has just decided, with a memory of its own."""
    canary.outlook, decision = outlook_of(seat, now=now), workload.decision
    if decision is None:
        canary.replicas = None
        return
    case = decision.case
    outlook = None if case.outlook is None else canary.outlook
    own, canary.state = decide(case.policy, case.observation, outlook, canary.state or workload.state, now=now)
    canary.replicas = own.final
