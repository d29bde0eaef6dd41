"""The ladder as an outage tells it, rung by rung, and the way back."""

import pytest

from bayescaler.policy import Behavior, Fallback, Health, Limiter, Rung, ScalingRules, State, decide

from .worlds import FREE, NOON, TICK, blind, expecting, live, policy, settled

QUICK_DOWN = Behavior(ScalingRules(Behavior().scale_up.policies, 0.0, tolerance=0.0), FREE)


def outage(rules, seen, forecast, *, at, before=None, replicas=12):
    """The decision when load was last usable `at` seconds ago, decided on every tick since."""
    state = settled(rules, replicas, 300.0) if before is None else before
    decision = None
    for tick in range(int(at / TICK)):
        decision, state = decide(rules, seen, forecast, state, now=NOON + tick * TICK)
    return decision, state


@pytest.mark.parametrize(
    ("at", "rung", "final"),
    [
        pytest.param(15.0, Rung.STORED, 13, id="first the stored forecast stands in, and may raise"),
        pytest.param(165.0, Rung.STORED, 13, id="for less than three minutes"),
        pytest.param(180.0, Rung.HOLD, 12, id="then, with nothing else to go by, all is held"),
        pytest.param(3765.0, Rung.HOLD, 12, id="for an hour"),
        pytest.param(3780.0, Rung.FLOOR, 15, id="and at last the fallback floor is raised to"),
    ],
)
def test_an_outage_goes_down_the_ladder_by_time(at, rung, final):
    rules = policy(fallback=Fallback(replicas=15))
    decision, _ = outage(rules, blind(12), expecting(650.0), at=at)

    assert (decision.rung, decision.final) == (rung, final)


def test_the_reactive_rung_goes_by_the_pods_own_utilization():
    rules = policy()
    busy = blind(9, ready_replicas=9, utilization=0.93, health_message="no series")
    decision, _ = outage(rules, busy, expecting(320.0), at=270.0, replicas=9)

    assert (decision.rung, decision.final, decision.limiter) == (Rung.REACTIVE, 12, Limiter.REACTIVE)
    assert decision.message == (
        "12 replicas: 9 replicas ready at 93 % of requested CPU, target 70 %; "
        "no usable load for 4m30s: absent (no series)"
    )


def test_idle_pods_are_no_reason_to_lower_while_load_is_missing():
    decision, _ = outage(policy(), blind(9, utilization=0.05), None, at=270.0, replicas=9)

    assert (decision.raw, decision.final, decision.limiter) == (1, 9, Limiter.SCALE_IN_HELD)


def test_pods_that_are_not_ready_count_as_idle():
    half_up = blind(12, ready_replicas=6, utilization=0.9)
    decision, _ = outage(policy(), half_up, None, at=270.0)

    assert (decision.raw, decision.final) == (8, 12)


def test_the_floor_never_lowers_what_runs():
    rules = policy(fallback=Fallback(replicas=5))
    decision, _ = outage(rules, blind(12), None, at=7200.0)

    assert (decision.rung, decision.final, decision.limiter) == (Rung.FLOOR, 12, Limiter.FALLBACK_FLOOR)


def test_the_floor_is_no_matter_of_tolerance():
    rules = policy(behavior=Behavior(), fallback=Fallback(replicas=13))
    decision, _ = outage(rules, blind(12), None, at=7200.0)

    assert decision.final == 13


def test_without_a_fallback_count_the_last_rung_stays_where_it_is():
    decision, _ = outage(policy(), blind(12), None, at=7200.0)

    assert (decision.rung, decision.final) == (Rung.FLOOR, 12)
    assert "no fallback.replicas" in decision.message


def test_a_hold_says_how_long_it_may_still_last():
    decision, _ = outage(policy(), blind(12, Health.FAILED, health_message="connection refused"), None, at=615.0)

    assert decision.message == (
        "12 replicas: held as they are, for 52m45s more at most; no usable load for 10m15s: failed (connection refused)"
    )


def test_an_operator_that_starts_blind_counts_from_its_start():
    rules = policy(fallback=Fallback(after_seconds=180.0, hold_seconds=60.0, replicas=15))
    early, _ = outage(rules, blind(12), None, at=TICK, before=State())
    late, _ = outage(rules, blind(12), None, at=270.0, before=State())

    assert (early.rung, late.rung) == (Rung.HOLD, Rung.FLOOR)


def test_the_way_back_takes_a_minute_of_usable_load():
    rules = policy(behavior=QUICK_DOWN)
    _, state = outage(rules, blind(12), None, at=600.0)
    back, rungs, finals = NOON + 600.0, [], []
    for tick in range(6):
        decision, state = decide(rules, live(12, 300.0), expecting(320.0), state, now=back + tick * TICK)
        rungs.append(decision.rung)
        finals.append(decision.final)

    assert rungs == [Rung.HOLD] * 4 + [Rung.PREDICTIVE] * 2
    assert finals == [12] * 4 + [7] * 2


def test_on_the_way_back_live_load_raises_at_once():
    rules = policy()
    _, state = outage(rules, blind(12), None, at=600.0)
    decision, _ = decide(rules, live(12, 800.0), expecting(820.0), state, now=NOON + 600.0)

    assert (decision.rung, decision.final, decision.limiter) == (Rung.HOLD, 17, Limiter.FORECAST)
    assert decision.message.endswith("load usable again for 0s of the 1m that end an outage")


def test_a_flicker_of_data_does_not_end_an_outage():
    rules = policy()
    _, state = outage(rules, blind(12), expecting(320.0), at=120.0)
    _, state = decide(rules, live(12, 300.0), expecting(320.0), state, now=NOON + 120.0)
    decision, _ = decide(rules, blind(12), expecting(320.0), state, now=NOON + 195.0)

    assert decision.rung is Rung.HOLD
    assert decision.message.endswith("no steady load for 3m30s, last usable 1m15s ago: absent")


def test_zero_load_is_live():
    rules = policy()
    decision, _ = decide(rules, live(12, 0.0), expecting(10.0), settled(rules, 12, 300.0), now=NOON)

    assert (decision.rung, decision.raw) == (Rung.PREDICTIVE, 1)


def test_the_rung_remembers_since_when_it_is_stood_on():
    rules = policy()
    _, state = outage(rules, blind(12), None, at=600.0)
    assert (state.rung, state.rung_since) == (Rung.HOLD, NOON)


def test_a_clock_set_back_lengthens_no_way_back():
    rules = policy()
    _, state = outage(rules, blind(12), None, at=600.0)
    _, state = decide(rules, live(12, 300.0), expecting(320.0), state, now=NOON + 600.0)
    yesterday = NOON - 86400.0
    for tick in range(5):
        decision, state = decide(rules, live(12, 300.0), expecting(320.0), state, now=yesterday + tick * TICK)

    assert decision.rung is Rung.PREDICTIVE


def test_a_clock_set_back_lengthens_no_hold():
    rules = policy(fallback=Fallback(hold_seconds=60.0))
    _, state = outage(rules, blind(12), None, at=120.0)
    yesterday = NOON - 86400.0
    for tick in range(17):
        decision, state = decide(rules, blind(12), None, state, now=yesterday + tick * TICK)

    assert decision.rung is Rung.FLOOR
