"""Canaries step by step: built beside, given each bucket once, put off when they fail, taken up again."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from bayescaler.api import CanaryStatus
from bayescaler.api.figures import figure
from bayescaler.control import canaries
from bayescaler.control.canaries import Canaries, in_force
from bayescaler.control.canary_status import canary_of, canary_phase
from bayescaler.control.estimate import BankPool, predict
from bayescaler.control.recall import saved_of, take_up
from bayescaler.control.registry import Registry
from bayescaler.control.samples import samples
from bayescaler.control.settings import Settings
from bayescaler.control.status import material, outline, render
from bayescaler.control.translate import beside, with_lead
from bayescaler.control.warmup import WarmUp
from bayescaler.policy.canary import Book, Trial
from bayescaler.policy.reasons import CanaryPhase, Phase
from bayescaler.policy.saved import pack, unpack
from bayescaler.policy.trust import Charge, Standing
from bayescaler.sources.port import SourceError
from bayescaler.telemetry.catalogue import STATE_LABELS

from .builders import ADDRESS, MINUTE, NOON, Load, edited, manifest, metrics, word_for_word

SETTINGS = Settings(default_server_address=ADDRESS, metric_lag_seconds=0.0, warmup_retry_seconds=30.0)
LIVE = {"history": "4h", "seasons": []}
TRIED = LIVE | {"canary": {"seasons": ["1h"], "after": "10m"}}


class Events:
    def __init__(self):
        self.told = []

    def record(self, ref, *, reason, note, action, event_type):
        self.told.append((reason, note))


class Room:
    """Registry, warm-up and canaries as `Operator` puts them together; `buckets` is what ticks would do."""

    def __init__(self, *, leads=True):
        rng = np.random.default_rng(7)
        self.source = Load(lambda t: 500.0 + 80.0 * rng.standard_normal(len(t)))
        self.banks, self.metrics, self.events = BankPool(), metrics(), Events()
        self.now, self.leads = NOON, leads
        self.warmup = WarmUp(self.source, self.banks, SETTINGS, self.metrics, clock=lambda: self.now)
        self.canaries = Canaries(
            self.source, self.banks, SETTINGS, self.metrics, self.events,
            may_write=lambda: self.leads, on_new_load=self.warmup.enqueue, clock=lambda: self.now,
        )  # fmt: skip
        self.registry = Registry(SETTINGS, on_new_load=self.warmup.enqueue, on_gone=self.canaries.forget)

    async def __aenter__(self):
        self.warmup.start()
        return self

    async def __aexit__(self, *_):
        await self.warmup.stop()
        await self.canaries.stop()

    async def see(self, obj):
        self.object = obj
        self.registry.observe("MODIFIED", obj)
        await self.warmup.idle()
        return self.registry.get(("shop", obj["metadata"]["name"]))

    async def tick(self, load=None, *, minutes=1):
        """A minute passes, with a bucket of this load."""
        self.now += minutes * MINUTE
        workloads = list(self.registry)
        for web in workloads:
            if load is not None and web.seat is not None:
                web.fresh = [(web.seat.consumed_until, load)]
        self.canaries.look(workloads, now=self.now)
        await self.banks.update(workloads)
        for web in workloads:
            predict(web, now=self.now)
        await self.canaries.compare(now=self.now)
        await self.canaries.idle()
        await self.warmup.idle()

    async def begin(self, **forecast):
        web = await self.see(manifest(forecast=TRIED | forecast))
        await self.tick(minutes=0)
        return web

    @property
    def rows(self):
        return sum(len(bank) for bank in self.banks._banks.values())


@pytest.fixture
async def room():
    async with Room() as made:
        yield made


async def test_a_second_posterior_is_built_from_the_same_history_and_follows_the_same_buckets(room):
    web = await room.begin()
    assert web.canary.seat.intent.forecast.seasons == (3600.0,)
    assert web.seat.intent.forecast.seasons == ()
    for load in (400.0, 450.0, 700.0):
        await room.tick(load)
    for seat in (web.seat, web.canary.seat):
        assert seat.bank.buckets_seen(seat.row) == 243
        assert seat.bank.last_time(seat.row) == NOON + 2 * MINUTE


async def test_a_bucket_that_comes_while_it_is_being_built_is_not_lost(room):
    web = await room.see(manifest(forecast=TRIED))
    room.source.held = asyncio.Event()
    for load in (400.0, 450.0):
        room.now += MINUTE
        web.fresh = [(web.seat.consumed_until, load)]
        room.canaries.look([web], now=NOON)
        await room.banks.update([web])
    assert web.canary.seat is None
    room.source.since = np.inf  # the history that is read ends before them
    room.source.held.set()
    await room.canaries.idle()
    room.source.since = -np.inf
    await room.tick()
    assert web.canary.seat.consumed_until >= web.seat.consumed_until == NOON + 2 * MINUTE


async def test_a_bucket_that_went_to_the_live_one_alone_is_had_from_the_history(room):
    web = await room.begin()
    for _ in range(3 * web.intent.lead + 1):
        await room.tick(500.0)
    known, seat = web.canary.trial, web.canary.seat
    room.now += MINUTE
    web.fresh = [(web.seat.consumed_until, 500.0)]
    await room.banks.update([web])  # an answer that came between two looks
    await room.tick(500.0)
    await room.tick(500.0)
    assert web.canary.seat is not seat
    assert web.canary.seat.consumed_until == web.seat.consumed_until
    assert web.canary.trial.book.windows >= known.book.windows


async def test_windows_are_disjoint_and_each_is_booked_once(room):
    web = await room.begin()
    lead = web.intent.lead
    for _ in range(6 * lead + 1):
        await room.tick(500.0)
    assert web.canary.trial.phase is CanaryPhase.RUNNING
    assert web.canary.trial.book.windows == 6


async def test_zeros_that_are_doubted_speak_for_neither_side(room):
    web = await room.begin()
    while web.canary.pair is None or web.canary.trial.book.windows < 2:
        await room.tick(500.0)
    assert (web.canary.pair.passed, web.intent.lead) == (0, 2)
    for doubted in (1, 2):
        await room.tick(0.0)
        assert web.doubted == doubted
    assert web.canary.trial.book.windows == 2, "nothing came that is known to be load"
    for _ in range(web.intent.lead):
        await room.tick(500.0)
    assert web.canary.trial.book.windows == 3


async def test_another_lead_builds_it_anew_and_what_was_shown_stays(room):
    web = await room.begin()
    for _ in range(3 * web.intent.lead + 1):
        await room.tick(500.0)
    known, seat = web.canary.trial, web.canary.seat
    web.intent = with_lead(web.intent, web.intent.lead + 1)
    room.warmup.enqueue(web)
    await room.warmup.idle()
    await room.tick()
    await room.tick()
    assert web.canary.seat is not seat
    assert web.canary.seat.intent.lead == web.seat.intent.lead == web.intent.lead
    assert web.canary.trial == known
    assert room.rows == 2


async def test_another_promise_begins_another_book(room):
    web = await room.begin()
    for _ in range(3 * web.intent.lead + 1):
        await room.tick(500.0)
    await room.see(edited(room.object, objective={"quantile": 0.99}))
    await room.tick(500.0)
    assert (web.canary.trial.book.level, web.canary.trial.book.windows) == (0.99, 0)


async def test_a_history_that_cannot_be_read_is_told_and_tried_again_ever_more_rarely(room):
    web = await room.see(manifest(forecast=TRIED))
    room.source.error = SourceError("prometheus does not answer", reason="Unreachable")
    waits = []
    for _ in range(3):
        await room.tick()
        waits.append(web.canary.due_at - room.now)
        room.now = web.canary.due_at
    assert waits == [30.0, 60.0, 120.0]
    assert "its history could not be read: prometheus does not answer" in canary_of(web, now=room.now)["message"]
    assert web.seat is not None
    room.source.error = None
    await room.tick()
    await room.tick(500.0)
    assert web.canary.seat is not None
    assert web.canary.problem == ""


async def test_without_a_load_there_is_nothing_to_compare_and_nothing_fails(room):
    room.source.rate = lambda t: np.full(len(t), np.nan)
    web = await room.begin()
    await room.tick()
    assert canary_phase(web) == "Warming"
    assert room.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "canary"}) is None


async def test_who_does_not_lead_compares_and_draws_no_conclusion():
    async with Room(leads=False) as room:
        web = await room.begin()
        web.canary.trial = replace(
            web.canary.trial, since=0.0, book=Book(0.95, 100.0, 500, 20.0, 2.0, 60.0, 6000.0, 4000.0)
        )
        await room.tick(500.0)
        assert web.canary.trial.phase is not CanaryPhase.PROMOTED
        room.leads = True
        await room.tick(500.0)
        assert web.canary.trial.phase is CanaryPhase.PROMOTED
        assert [reason for reason, _ in room.events.told] == ["CanaryPromoted"]


async def test_a_standby_that_takes_over_puts_the_promoted_seat_in_place_at_once(room):
    web = await room.begin()
    await room.tick(500.0)
    tried, reads = web.canary.seat, len(room.source.asked)
    theirs = replace(saved_of(web, web.intent), trial=replace(web.canary.trial, phase=CanaryPhase.PROMOTED))
    take_up(web, web.intent, theirs, SETTINGS)
    state, standing, serving = web.state, web.standing, web.serving
    live, told = web.seat, web.evidence
    await room.tick()
    assert (web.seat, web.seat.consumed_until) == (tried, live.consumed_until)
    assert web.evidence is not told, "it is judged by what it has shown itself, though no bucket came"
    await room.tick(500.0)
    assert (web.state, web.standing.phase, web.serving) == (state, standing.phase, serving)
    assert web.intent.forecast.seasons == (3600.0,)
    assert (room.rows, len(room.source.asked)) == (1, reads)


async def test_a_trial_of_other_settings_is_not_taken_up(room):
    web = await room.begin()
    theirs = replace(saved_of(web, web.intent), trial=Trial("of others", CanaryPhase.PROMOTED))
    take_up(web, web.intent, theirs, SETTINGS)
    await room.tick(500.0)
    assert web.intent.forecast.seasons == ()
    web.canary = None
    take_up(web, web.intent, theirs, SETTINGS)
    assert in_force(web, web.intent) is web.intent
    await room.tick(500.0)
    assert web.canary.trial.mark == web.intent.canary.mark


async def test_what_a_canary_has_shown_is_saved_with_the_rest(room):
    web = await room.begin()
    for _ in range(3 * web.intent.lead + 1):
        await room.tick(500.0)
    again = unpack(pack(saved_of(web, web.intent), web.uid).blob, web.uid).trial
    assert (again.mark, again.phase, again.since) == (
        web.canary.trial.mark,
        web.canary.trial.phase,
        web.canary.trial.since,
    )
    assert again.book.ratio == pytest.approx(web.canary.trial.book.ratio)


async def test_it_goes_on_while_the_live_forecast_is_degraded(room):
    web = await room.begin()
    await room.tick(500.0)
    for _ in range(3 * web.intent.lead):
        web.standing, web.evidence = Standing(Phase.DEGRADED, 0, Charge.COVERAGE), None
        await room.tick(5_000.0)
    assert web.phase is not Phase.TRUSTED
    assert web.canary.trial.book.windows == 3


async def test_an_object_that_goes_takes_its_canary_with_it(room):
    web = await room.begin()
    room.registry.begin_list()
    room.registry.replace([], now=room.now)
    assert web.canary is None
    assert room.rows == 1  # the live seat, which the operator itself gives back


async def test_status_and_metrics_tell_both_sides_and_what_is_material_is_the_phase(room):
    web = await room.begin()
    assert outline(web) == material(render(web, now=room.now))
    for _ in range(3 * web.intent.lead + 1):
        await room.tick(500.0)
    told = canary_of(web, now=room.now)
    assert (told["phase"], told["windows"], told["hash"]) == ("Running", 3, web.intent.canary.mark)
    assert told["live"]["value"] == figure(web.outlook.lead.quantile(0.95))
    assert told["canary"]["value"] == figure(web.canary.outlook.lead.quantile(0.95))
    assert told["lossRatio"] == pytest.approx(told["canary"]["loss"] / told["live"]["loss"], rel=1e-4)
    assert told["lossRatioLow"] <= told["lossRatio"] <= told["lossRatioHigh"]
    assert word_for_word(CanaryStatus, told)
    assert outline(web) == material(render(web, now=room.now))
    (sample,) = samples([web])
    state = dict(zip(STATE_LABELS, sample.state, strict=True))
    assert (sample.canary_loss_ratio, state["canary"]) == (web.canary.trial.book.ratio, "Running")


async def test_the_mark_is_of_what_is_compared_and_of_nothing_else(room):
    web = await room.begin()
    mark = web.intent.canary.mark
    same = (
        {"forecast": TRIED | {"horizon": "5m"}},
        {"forecast": TRIED | {"canary": {"seasons": ["60m"], "promote": "Never", "after": "1w"}}},
        {"objective": {"quantile": 0.99}},
    )
    other = ({"forecast": TRIED | {"history": "5h"}}, {"forecast": TRIED | {"canary": {"seasons": ["2h"]}}})
    for changes, alike in (*((one, True) for one in same), *((one, False) for one in other)):
        await room.see(edited(room.object, **changes))
        assert (web.intent.canary.mark == mark) is alike, changes


def test_what_is_tried_looks_as_far_ahead_as_the_live_forecast():
    made = Room()
    made.registry.observe("ADDED", manifest(forecast=TRIED))
    (web,) = made.registry
    longer = with_lead(web.intent, 7)
    assert beside(longer).forecast.leads == longer.forecast.leads
    assert beside(beside(longer)) == beside(longer)


def test_objects_without_a_canary_cost_nothing_but_a_look():
    made = Room()
    made.registry.observe("ADDED", manifest(forecast=LIVE))
    (web,) = made.registry
    made.canaries.look([web], now=NOON)
    assert web.canary is None
    assert made.canaries._beside == []
    assert (canary_phase(web), canary_of(web, now=NOON), canaries.message_of(web, now=NOON)) == (None, None, "")
