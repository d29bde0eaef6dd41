"""What is booked against a budget of time: what served, every bucket once, and no rest."""

import pytest

from bayescaler.policy import Budget, Health, Mode, State, decide
from bayescaler.policy.kernels import books as ladder
from bayescaler.policy.steered import spent

from .worlds import NOON, blind, expecting, live, policy

MINUTE, LAG = 60.0, 15.0
BUDGET = Budget(0.01, MINUTE, startup_seconds=60.0, lag_seconds=LAG)


def lived(rules, buckets, *, state=None, expected=400.0, **changes):
    """The state after so many buckets of (replicas, load), decided on once each when they are known."""
    state = state or State()
    for place, (replicas, load) in enumerate(buckets):
        end = NOON + place * MINUTE
        sight = live(replicas, load, load_at=end, **changes)
        _, state = decide(rules, sight, expecting(expected), state, now=end + LAG)
    return state


def figures(state):
    return state.steering.figures


@pytest.mark.parametrize(
    "changes",
    [{"mode": Mode.OBSERVE}, {"paused": True}, {"mode": Mode.FLOOR}, {}],
    ids=["observe", "paused", "floor", "auto"],
)
def test_pods_that_are_asked_for_and_do_not_serve_are_missed(changes):
    """Twelve are asked for, of which eight serve: 500/s at 50/s each wants ten."""
    state = lived(policy(budget=BUDGET, **changes), [(12, 500.0)] * 20, serving=8)
    assert spent(state) > 0.9  # of the first bucket nobody knows


@pytest.mark.parametrize(
    "changes",
    [{"mode": Mode.OBSERVE}, {"paused": True}, {"mode": Mode.FLOOR}, {}],
    ids=["observe", "paused", "floor", "auto"],
)
def test_pods_that_serve_and_were_not_asked_for_are_not_missed(changes):
    """A floor of four below an HPA that runs twelve."""
    assert spent(lived(policy(budget=BUDGET, **changes), [(4, 500.0)] * 20, serving=12)) == 0.0


def test_in_a_conflict_what_runs_is_booked_not_what_is_wanted():
    state = lived(policy(budget=BUDGET), [(4, 500.0)] * 20, conflict="an HPA is on it too")
    assert spent(state) > 0.9


def test_a_pod_serves_from_when_it_is_seen_to():
    """Nobody adds a start-up time to pods that are ready already."""
    buckets = [(8, 500.0)] * 5 + [(12, 500.0)] * 5
    state = State()
    for place, (ready, load) in enumerate(buckets):
        end = NOON + place * MINUTE
        sight = live(12, load, load_at=end, serving=ready)
        _, state = decide(policy(budget=BUDGET), sight, expecting(400.0), state, now=end + LAG)
    assert figures(state)[ladder.SHORT] == pytest.approx(5.0, rel=2e-3)  # six with one


def test_buckets_that_come_together_are_each_booked_once_in_their_order():
    rules = policy(budget=BUDGET)
    before = lived(rules, [(8, 300.0)] * 5, serving=8)
    loads = [700.0, 300.0, 700.0, 300.0, 300.0]
    ends = [NOON + (5 + place) * MINUTE for place in range(len(loads))]
    alone = together = before
    for end, load in zip(ends, loads, strict=True):
        sight = live(8, load, load_at=end, serving=8)
        _, alone = decide(rules, sight, expecting(400.0), alone, now=end + LAG)
    earlier = tuple(zip(ends, loads, strict=True))
    last = live(8, loads[-1], load_at=ends[-1], serving=8, earlier=earlier)
    for now in (ends[-1] + LAG, ends[-1] + 2 * LAG):  # told once more, they are booked no more
        _, together = decide(rules, last, expecting(400.0), together, now=now)

    for sum_of in (ladder.AT, ladder.SHORT, ladder.WEIGHT, ladder.FLEET):
        assert figures(together)[sum_of] == pytest.approx(figures(alone)[sum_of], rel=1e-12)
    assert figures(together)[ladder.SHORT] == pytest.approx(2.0, rel=1e-3)


def test_what_came_before_the_first_decision_is_nobodys():
    earlier = tuple((NOON - place * MINUTE, 5000.0) for place in range(9, 0, -1))
    _, state = decide(
        policy(budget=BUDGET), live(8, 300.0, load_at=NOON, earlier=earlier), expecting(400.0), State(), now=NOON + LAG
    )
    assert figures(state)[ladder.WEIGHT] == 1.0


def test_a_rest_is_not_short_and_spares_no_budget():
    """At 20/s, below the threshold, none runs and none is to; at 400/s four are short of eight."""
    rules = policy(min_replicas=0, activation_threshold=30.0, budget=BUDGET)
    busy = [(4, 400.0)] * 10
    rested = lived(rules, [*busy, *[(0, 20.0)] * 40])
    assert spent(rested) == pytest.approx(spent(lived(rules, busy)))
    assert figures(rested)[ladder.WEIGHT] == pytest.approx(figures(lived(rules, busy))[ladder.WEIGHT])
    assert figures(rested)[ladder.AT] == NOON + 49 * MINUTE


def test_a_workload_that_has_only_rested_has_a_price_and_spent_nothing():
    state = lived(policy(min_replicas=0, budget=BUDGET), [(0, 0.0)] * 10)
    assert spent(state) is None
    assert state.price > 0.0


def test_a_load_of_nothing_is_time_for_those_that_never_rest():
    state = lived(policy(budget=BUDGET), [(1, 0.0)] * 10)
    assert spent(state) == 0.0
    assert figures(state)[ladder.WEIGHT] == pytest.approx(10.0, rel=1e-2)


def test_after_a_pause_nobody_is_short_for_what_ran_before_it():
    """Four ran when the state was saved; six hours later twelve run, and 500/s want ten."""
    saved, later = lived(policy(budget=BUDGET), [(4, 500.0)] * 20), NOON + 6 * 3600.0
    resumed = saved.resumed(12, now=later, pause_seconds=60.0)
    _, state = decide(policy(budget=BUDGET), live(12, 500.0, load_at=later - LAG), expecting(400.0), resumed, now=later)
    assert figures(state)[ladder.SHORT] < figures(saved)[ladder.SHORT]
    assert figures(state)[ladder.AT] == later - LAG


def test_a_surprise_is_measured_by_the_forecast_that_was_there_last():
    """1000/s is beyond what was expected of 400/s; not of what that has widened to, nor where nothing was expected."""
    rules = policy()

    def surprised_after(*meanwhile):
        _, state = decide(rules, live(8, 300.0, load_at=NOON), expecting(400.0), State(), now=NOON + LAG)
        for tick, outlook in enumerate(meanwhile, 1):
            quiet = blind(8, Health.STALE, load_at=NOON)
            _, state = decide(rules, quiet, outlook, state, now=NOON + tick * MINUTE)
        at = NOON + (len(meanwhile) + 1) * MINUTE
        decision, _ = decide(rules, live(8, 1000.0, load_at=at), expecting(400.0), state, now=at + LAG)
        return any(step.limiter == "Surprise" for step in decision.steps)

    assert surprised_after()
    assert surprised_after(expecting(400.0))
    assert not surprised_after(expecting(400.0), expecting(1200.0))
    assert not surprised_after(expecting(400.0), None)


def test_a_state_that_was_saved_long_ago_expects_nothing():
    rules, later = policy(), NOON + 6 * 3600.0
    resumed = lived(rules, [(8, 300.0)] * 3).resumed(8, now=later, pause_seconds=60.0)
    decision, _ = decide(rules, live(8, 1000.0, load_at=later - LAG), expecting(400.0), resumed, now=later)
    assert not any(step.limiter == "Surprise" for step in decision.steps)
