"""What is in force: told by the watch, checked against the list."""

import logging

import numpy as np
import pytest

from bayescaler.control.registry import Registry
from bayescaler.control.workload import Load, Seat
from bayescaler.policy import Health, Observation, Phase, Standing, decide
from bayescaler.policy.kernels import columns
from bayescaler.policy.steered import spent
from bayescaler.policy.trust import Charge

from .builders import ADDRESS, NOON, SETTINGS, Book, edited, flat, load_of, manifest


@pytest.fixture
def book():
    return Book()


def test_an_object_is_known_from_its_first_event_and_its_history_is_asked_for_once(book):
    obj = manifest()
    web = book.see(obj, "ADDED")
    assert book.see(obj, None) is web
    assert (web.label, web.generation, web.intent.policy.max_replicas) == ("shop/web", 1, 60)
    assert book.warmed == [web]


def test_what_the_operator_said_before_its_restart_is_remembered(book):
    web = book.see(manifest(status={"phase": "Trusted"}), None)
    assert web.told.status == {"phase": "Trusted"}


def test_an_older_generation_that_comes_late_changes_nothing(book):
    first = manifest()
    second = edited(first, maxReplicas=5)
    web = book.see(second)
    book.see(first)
    assert (web.generation, web.intent.policy.max_replicas) == (2, 5)


def test_our_own_status_writes_are_no_new_intent(book):
    obj = manifest()
    intent = book.see(obj, "ADDED").intent
    assert book.see({**obj, "status": {"phase": "Learning"}}).intent is intent


def test_a_deleted_object_is_dropped_and_its_reading_stops(book):
    class Reading:
        cancelled = False

        def cancel(self):
            self.cancelled = True

    obj = manifest()
    web = book.see(obj, "ADDED")
    web.reading = reading = Reading()
    assert book.see(obj, "DELETED") is None
    assert web.gone
    assert reading.cancelled
    assert book.gone == [web]


def test_an_object_that_is_being_deleted_is_left_alone_at_once(book):
    obj = manifest()
    book.see(obj, "ADDED")
    obj["metadata"]["deletionTimestamp"] = "2026-03-02T12:00:00Z"
    assert book.see(obj) is None


def test_the_deletion_of_a_predecessor_does_not_take_its_namesake_along(book):
    book.see(manifest(uid="old"), "ADDED")
    new = book.see(manifest(uid="new"), "ADDED")
    assert book.see(manifest(uid="old"), "DELETED") is new


def test_a_recreated_namesake_inherits_nothing(book):
    old = book.see(manifest(uid="old", status={"phase": "Trusted"}), "ADDED")
    old.last_scale_at = NOON
    new = book.see(manifest(uid="new"))
    assert new is not old
    assert (new.uid, new.last_scale_at, new.told.status) == ("new", None, {})
    assert old.gone
    assert book.gone == [old]
    assert book.warmed == [old, new]


def test_a_full_list_drops_ghosts_and_adds_what_was_missed(book, caplog):
    ghost, kept = book.see(manifest("ghost"), "ADDED"), manifest("kept")
    book.see(kept, "ADDED")
    book.registry.begin_list()
    with caplog.at_level(logging.WARNING):
        dropped = book.registry.replace([kept, manifest("missed")], now=17.0)
    assert dropped == 1
    assert ghost.gone
    assert sorted(w.name for w in book.registry) == ["kept", "missed"]
    assert book.registry.synced_at == 17.0
    assert "the watch did not say so" in caplog.text


def test_an_object_created_while_the_list_is_read_is_no_ghost(book):
    book.registry.begin_list()
    listed = [manifest("old")]
    fresh = book.see(manifest("fresh"), "ADDED")
    assert book.registry.replace(listed, now=1.0) == 0
    assert book.registry.get(("shop", "fresh")) is fresh


def test_an_object_recreated_while_the_list_is_read_is_not_replaced_by_its_listed_predecessor(book):
    book.registry.begin_list()
    new = book.see(manifest(uid="new"), "ADDED")
    book.registry.replace([manifest(uid="old")], now=1.0)
    assert book.registry.get(("shop", "web")) is new


def test_an_object_deleted_while_the_list_is_read_does_not_come_back(book):
    obj = manifest()
    book.see(obj, "ADDED")
    book.registry.begin_list()
    book.see(obj, "DELETED")
    book.registry.replace([obj], now=1.0)
    assert len(book.registry) == 0


def test_an_invalid_edit_is_a_problem_with_its_field_and_the_old_intent_is_dropped(book):
    obj = manifest()
    web = book.see(obj, "ADDED")
    book.see(edited(obj, capacity={"perReplica": -1}))
    assert web.intent is None
    assert web.spec_problem.reason == "SpecInvalid"
    assert "spec.capacity.perReplica" in web.spec_problem.message


def test_one_invalid_object_does_not_keep_the_list_from_the_others(book):
    book.registry.replace([manifest("bad", maxReplicas="many"), manifest("good")], now=1.0)
    assert book.registry.get(("shop", "bad")).spec_problem is not None
    assert book.registry.get(("shop", "good")).intent is not None


def test_a_mended_spec_is_in_force_again(book):
    obj = manifest()
    web = book.see(obj, "ADDED")
    broken = edited(obj, capacity={"perReplica": -1})
    book.see(broken)
    book.see(edited(broken, capacity={"perReplica": 20}))
    assert web.spec_problem is None
    assert web.intent.policy.capacity == 20.0


def seated(book, obj):
    web = book.see(obj, "ADDED")
    web.seat = Seat(bank=None, row=0, intent=web.intent, consumed_until=NOON)
    web.load = Load(value=100.0, at=NOON)
    web.fresh = [(NOON, 100.0)]
    book.warmed.clear()
    return web


@pytest.mark.parametrize(
    "change",
    [{"maxReplicas": 5}, {"paused": True}, {"objective": {"quantile": 0.99}}, {"capacity": {"perReplica": 20}}],
    ids=lambda change: next(iter(change)),
)
def test_an_edit_of_the_policy_keeps_posterior_and_load(book, change):
    obj = manifest()
    web = seated(book, obj)
    book.see(edited(obj, **change))
    assert book.warmed == []
    assert web.seat is not None
    assert web.load.value == 100.0


@pytest.mark.parametrize(
    "change",
    [
        {"forecast": {"history": "3d"}},
        {"forecast": {"horizon": "5m"}},
        {"forecast": {"timeZone": "Europe/Berlin"}},
        {"load": {"prometheus": {"query": "sum(rate(requests_total[1m]))", "serverAddress": "http://new:9090"}}},
    ],
    ids=["history", "horizon", "timeZone", "serverAddress"],
)
def test_another_forecast_of_the_same_load_is_asked_for_while_the_old_one_serves(book, change):
    obj = manifest()
    web = seated(book, obj)
    book.see(edited(obj, **change))
    assert book.warmed == [web]
    assert web.seat is not None
    assert web.load.value == 100.0


@pytest.mark.parametrize(
    "load",
    [load_of("sum(connections)"), load_of(step="30s"), load_of(kind="Gauge")],
    ids=["query", "step", "kind"],
)
def test_a_load_that_means_something_else_is_read_anew_and_old_numbers_do_not_serve(book, load):
    obj = manifest()
    web = seated(book, obj)
    book.see(edited(obj, load=load))
    assert book.warmed == [web]
    assert (web.load.value, web.load.at, web.fresh, web.outlook) == (None, None, [], None)


def test_a_load_changed_across_an_invalid_edit_is_still_a_changed_load(book):
    obj = manifest()
    web = seated(book, obj)
    broken = edited(obj, capacity={"perReplica": -1})
    book.see(broken)
    book.see(edited(broken, capacity={"perReplica": 20}, load=load_of("sum(connections)")))
    assert book.warmed == [web]
    assert web.load.value is None


def decided(web):
    """The same object after a decision by a budget, with a surprise and a forecast that is trusted no more."""
    policy = web.intent.policy
    for place, load in enumerate([100.0, 100.0, 5000.0]):
        at = NOON + 60.0 * place
        sight = Observation(9, 9, Health.LIVE, load, load_at=at)
        _, web.state = decide(policy, sight, flat(100.0), web.state, now=at + 15.0)
    web.standing, web.unbooked = Standing(Phase.DEGRADED, 120, Charge.SKILL), [(NOON, 100.0)]
    return web


BUDGET = {"risk": {"overloadBudget": 0.01}}


def test_of_another_load_nothing_is_known_but_pods_and_times(book):
    obj = manifest(objective=BUDGET)
    web = decided(seated(book, obj))
    before = web.state
    assert spent(before) is not None
    book.see(edited(obj, load=load_of("sum(connections)")))
    assert (spent(web.state), web.state.price, web.standing, web.unbooked) == (None, None, Standing(), [])
    for column in (columns.SURPRISING, columns.TOLD_AT, columns.SURPRISED_AT):
        assert np.isnan(web.state.memory[column])
    assert (web.state.highest, web.state.asked, web.state.decided_at) == (
        before.highest,
        before.asked,
        before.decided_at,
    )


def test_an_invalid_edit_and_its_cure_forget_nothing_of_the_same_load(book):
    obj = manifest(objective=BUDGET)
    web = decided(seated(book, obj))
    state, standing = web.state, web.standing
    broken = edited(obj, capacity={"perReplica": -1})
    book.see(broken)
    book.see(edited(broken, capacity={"perReplica": 50}))
    assert web.state is state
    assert (web.standing, web.load.value) == (standing, 100.0)


def test_without_any_address_the_field_and_both_cures_are_named():
    web = Book(type(SETTINGS)()).see(manifest(), "ADDED")
    assert "spec.load.prometheus.serverAddress" in web.spec_problem.message
    assert "--prometheus" in web.spec_problem.message
    assert Book().see(manifest(), "ADDED").intent.query.server_address == ADDRESS


def test_a_standby_goes_on_from_what_the_leader_told_last():
    leads = False
    registry = Registry(SETTINGS, on_new_load=lambda _: None, on_gone=lambda _: None, may_write=lambda: leads)
    obj = manifest(status={"lastScaleTime": "2026-01-01T00:00:00Z"})
    registry.observe("ADDED", obj)
    registry.observe("MODIFIED", obj | {"status": {"lastScaleTime": "2026-03-01T00:00:00Z"}})
    web = registry.get(("shop", "web"))
    assert web.told.status == {"lastScaleTime": "2026-03-01T00:00:00Z"}
    leads = True
    registry.observe("MODIFIED", obj | {"status": {"lastScaleTime": "2020-01-01T00:00:00Z"}})
    assert web.told.status == {"lastScaleTime": "2026-03-01T00:00:00Z"}, "our own echo is no news"


def test_an_object_that_cannot_be_taken_in_costs_only_itself_and_is_tried_again_with_the_next_list(caplog):
    faults, broken = [], {"metadata": {"namespace": "shop", "name": "broken"}}

    def recall(workload, _):
        if workload.name == "odd" and registry.synced_at is None:
            raise ZeroDivisionError

    registry = Registry(
        SETTINGS, on_new_load=lambda _: None, on_gone=lambda _: None, recall=recall, failed=lambda: faults.append(1)
    )
    objects = [{}, broken, manifest("odd"), manifest("web")]
    registry.replace(objects, now=1.0)
    registry.observe("ADDED", broken)
    assert registry.synced_at == 1.0
    assert registry.get(("shop", "web")).intent is not None
    assert (len(faults), caplog.text.count("object not understood")) == (4, 4)
    odd = registry.get(("shop", "odd"))
    assert (odd.intent, odd.generation) == (None, -1)
    registry.begin_list()
    registry.replace(objects, now=2.0)
    assert (odd.intent is not None, odd.generation) == (True, 1)
