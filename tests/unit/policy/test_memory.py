"""What one decision leaves for the next: restarts, scale events, stabilization over time."""

from bayescaler.policy import Behavior, Limiter, PolicyType, ScalingPolicy, ScalingRules, State, decide

from .worlds import FREE, NOON, TICK, expecting, live, policy, settled

FOUR_A_MINUTE = ScalingRules((ScalingPolicy(PolicyType.PODS, 4, 60.0),), 0.0, tolerance=0.0)


def test_a_restart_in_a_lull_causes_no_dip():
    rules, lull, state = policy(), expecting(100.0), State()
    finals = []
    for tick in range(22):
        decision, state = decide(rules, live(12, 80.0), lull, state, now=NOON + tick * TICK)
        finals.append(decision.final)

    assert finals[:20] == [12] * 20  # five minutes, as long as a scale-down takes anyway
    assert finals[20] == 2


def test_replicas_switched_on_by_hand_are_given_the_window_too():
    rules, night = policy(), expecting(100.0)
    _, off = decide(rules, live(0, 80.0), night, settled(rules, 2, 80.0), now=NOON)
    decision, _ = decide(rules, live(12, 80.0), night, off, now=NOON + 3600.0)

    assert (decision.final, decision.limiter) == (12, Limiter.SCALE_DOWN_STABILIZATION)


def test_a_clock_set_back_starts_the_windows_anew():
    rules = policy()
    ahead = settled(rules, 12, 300.0, until=NOON + 3600.0)
    state, finals = ahead, []
    for tick in range(21):
        decision, state = decide(rules, live(12, 80.0), expecting(100.0), state, now=NOON + tick * TICK)
        finals.append(decision.final)

    assert finals == [12] * 20 + [2]


def test_policies_count_only_what_came_about():
    rules = policy(behavior=Behavior(scale_up=FOUR_A_MINUTE))
    flood = expecting(2500.0)
    state = settled(rules, 10, 400.0)

    first, state = decide(rules, live(10, 400.0), flood, state, now=NOON)
    refused, state = decide(rules, live(10, 400.0), flood, state, now=NOON + 15.0)
    counted, state = decide(rules, live(14, 400.0), flood, state, now=NOON + 30.0)
    later, state = decide(rules, live(14, 400.0), flood, state, now=NOON + 75.0)

    assert (first.final, refused.final) == (14, 14)  # the first patch was refused, so four are still free
    assert counted.final == 14  # now they are used up
    assert state.last_scale_at == NOON + 15.0  # counted from when they were asked for
    assert later.final == 18


def test_a_change_seen_late_still_counts_from_when_it_was_asked_for():
    rules = policy(behavior=Behavior(scale_up=FOUR_A_MINUTE))
    _, state = decide(rules, live(10, 400.0), expecting(2500.0), settled(rules, 10, 400.0), now=NOON)
    _, state = decide(rules, live(10, 400.0), expecting(500.0), state, now=NOON + 15.0)
    decision, state = decide(rules, live(14, 400.0), expecting(2500.0), state, now=NOON + 30.0)

    assert state.ups == ((NOON, 4),)
    assert (decision.final, decision.limiter) == (14, Limiter.SCALE_UP_POLICY)


def test_replicas_moved_by_somebody_else_use_up_no_allowance():
    rules = policy(behavior=Behavior(scale_up=FOUR_A_MINUTE))
    _, state = decide(rules, live(10, 400.0), expecting(2500.0), settled(rules, 10, 400.0), now=NOON)
    decision, state = decide(rules, live(12, 400.0), expecting(2500.0), state, now=NOON + 15.0)

    assert decision.final == 16
    assert state.ups == ()


def test_what_another_process_of_ours_added_uses_up_the_allowance():
    rules = policy(behavior=Behavior(scale_up=FOUR_A_MINUTE))
    standing_by = settled(rules, 10, 400.0).with_scaling(10, 14, now=NOON)

    taken_over, state = decide(rules, live(14, 400.0), expecting(2500.0), standing_by, now=NOON + 15.0)
    later, _ = decide(rules, live(14, 400.0), expecting(2500.0), state, now=NOON + 60.0)

    assert (taken_over.final, taken_over.limiter) == (14, Limiter.SCALE_UP_POLICY)
    assert later.final == 18
    assert standing_by.last_scale_at == NOON


def test_a_change_that_both_processes_asked_for_is_booked_once():
    rules = policy(behavior=Behavior(scale_up=FOUR_A_MINUTE))
    _, state = decide(rules, live(10, 400.0), expecting(2500.0), settled(rules, 10, 400.0), now=NOON)
    _, state = decide(
        rules, live(14, 400.0), expecting(2500.0), state.with_scaling(10, 14, now=NOON + 15.0), now=NOON + 15.0
    )

    assert state.ups == ((NOON, 4),)


def test_a_scale_up_window_waits_for_the_rise_to_last():
    patient = ScalingRules(Behavior().scale_up.policies, 60.0, tolerance=0.0)
    rules = policy(behavior=Behavior(scale_up=patient, scale_down=FREE))
    state = settled(rules, 10, 400.0)
    said = []
    for tick in range(5):
        decision, state = decide(rules, live(10, 400.0), expecting(600.0), state, now=NOON + tick * TICK)
        said.append((decision.final, decision.limiter))

    held = (10, Limiter.SCALE_UP_STABILIZATION)
    assert said == [held, held, held, (12, Limiter.FORECAST), (12, Limiter.FORECAST)]


def test_deciding_again_on_the_same_facts_changes_nothing():
    rules, forecast = policy(), expecting(571.0)
    first, state = decide(rules, live(10, 400.0), forecast, settled(rules, 10, 400.0), now=NOON)
    again, _ = decide(rules, live(first.final, 400.0), forecast, state, now=NOON + TICK)

    assert again.final == first.final
    assert not again.acts
