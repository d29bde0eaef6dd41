"""The decision table: one row, one story; ten quiet minutes came before each."""

import pytest

from bayescaler.policy import Behavior, Health, Limiter, Mode, Phase, Rung, ScalingRules, Select, decide, lines

from .worlds import FREE, NOON, blind, expecting, live, policy, settled, uniform

UP = Behavior().scale_up
EASY = Behavior(scale_up=ScalingRules(UP.policies, 0.0, tolerance=0.1), scale_down=FREE)
QUICK_DOWN = Behavior(scale_up=ScalingRules(UP.policies, 0.0, tolerance=0.0), scale_down=FREE)


def row(story, *, given=None, seen, forecast, final, limiter, rung=Rung.PREDICTIVE):
    return pytest.param(policy(**(given or {})), seen, forecast, final, limiter, rung, id=story)


STORIES = [
    row(
        "a rise is forecast, so pods are added before it comes",
        seen=live(10, 400.0),
        forecast=expecting(571.0),
        final=12,
        limiter=Limiter.FORECAST,
    ),
    row(
        "the buffer is put on the demand, not on the pods",
        given={"buffer": 0.1},
        seen=live(10, 400.0),
        forecast=expecting(571.0),
        final=13,
        limiter=Limiter.FORECAST,
    ),
    row(
        "a demand that fits exactly needs no pod for float noise",
        given={"buffer": 0.1},
        seen=live(10, 400.0),
        forecast=expecting(500.0),
        final=11,
        limiter=Limiter.FORECAST,
    ),
    row(
        "the load falls and the forecast with it, but twelve were wanted within five minutes",
        seen=live(12, 300.0),
        forecast=expecting(320.0),
        final=12,
        limiter=Limiter.SCALE_DOWN_STABILIZATION,
    ),
    row(
        "without a window the replicas follow the forecast down",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 300.0),
        forecast=expecting(320.0),
        final=7,
        limiter=Limiter.FORECAST,
    ),
    row(
        "the forecast expects a fall, but what runs now must be served",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 430.0),
        forecast=expecting(320.0),
        final=9,
        limiter=Limiter.SAFETY_FLOOR,
    ),
    row(
        "a surprise beyond the forecast is served at once",
        seen=live(12, 800.0),
        forecast=expecting(320.0),
        final=16,
        limiter=Limiter.SAFETY_FLOOR,
    ),
    row(
        "a forecast still learning does not go below the reactive number",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 300.0, phase=Phase.LEARNING),
        forecast=expecting(320.0),
        final=9,
        limiter=Limiter.TRUST,
    ),
    row(
        "a forecast still learning may raise above the reactive number",
        seen=live(10, 300.0, phase=Phase.LEARNING),
        forecast=expecting(571.0),
        final=12,
        limiter=Limiter.FORECAST,
    ),
    row(
        "a forecast that lost trust is treated like one still learning",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 300.0, phase=Phase.DEGRADED),
        forecast=expecting(320.0),
        final=9,
        limiter=Limiter.TRUST,
    ),
    row(
        "no forecast yet, so the load itself asks, at the target utilization",
        seen=live(10, 571.0),
        forecast=None,
        final=17,
        limiter=Limiter.REACTIVE,
        rung=Rung.REACTIVE,
    ),
    row(
        "without a forecast live load may lower too",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 300.0),
        forecast=None,
        final=9,
        limiter=Limiter.REACTIVE,
        rung=Rung.REACTIVE,
    ),
    row(
        "a forecast that is no number counts as none",
        seen=live(10, 571.0),
        forecast=uniform(float("nan")),
        final=17,
        limiter=Limiter.REACTIVE,
        rung=Rung.REACTIVE,
    ),
    row(
        "a raise within the tolerance is not worth a pod",
        given={"behavior": EASY},
        seen=live(20, 400.0),
        forecast=expecting(1050.0),
        final=20,
        limiter=Limiter.TOLERANCE,
    ),
    row(
        "a scale-in within the tolerance is not worth one either",
        given={"behavior": EASY},
        seen=live(20, 400.0),
        forecast=expecting(920.0),
        final=20,
        limiter=Limiter.TOLERANCE,
    ),
    row(
        "tolerance never leaves load unserved that is already there",
        given={"behavior": EASY},
        seen=live(20, 1040.0),
        forecast=expecting(1000.0),
        final=21,
        limiter=Limiter.SAFETY_FLOOR,
    ),
    row(
        "a flood is followed as fast as the policies allow",
        seen=live(10, 400.0),
        forecast=expecting(2500.0),
        final=20,
        limiter=Limiter.SCALE_UP_POLICY,
    ),
    row(
        "scale-up can be disabled",
        given={"behavior": Behavior(scale_up=ScalingRules(UP.policies, 0.0, Select.DISABLED))},
        seen=live(10, 900.0),
        forecast=expecting(900.0),
        final=10,
        limiter=Limiter.SCALE_UP_POLICY,
    ),
    row(
        "scale-down can be disabled",
        given={"behavior": Behavior(scale_down=ScalingRules(UP.policies, 0.0, Select.DISABLED))},
        seen=live(10, 100.0),
        forecast=expecting(100.0),
        final=10,
        limiter=Limiter.SCALE_DOWN_POLICY,
    ),
    row(
        "the maximum is the maximum",
        given={"max_replicas": 12},
        seen=live(10, 700.0),
        forecast=expecting(900.0),
        final=12,
        limiter=Limiter.MAX_REPLICAS,
    ),
    row(
        "the minimum is kept on a quiet night",
        given={"min_replicas": 3, "behavior": QUICK_DOWN},
        seen=live(10, 0.0),
        forecast=expecting(20.0),
        final=3,
        limiter=Limiter.MIN_REPLICAS,
    ),
    row(
        "more than the maximum runs, and is brought inside at once",
        given={"max_replicas": 12},
        seen=live(40, 700.0),
        forecast=expecting(900.0),
        final=12,
        limiter=Limiter.MAX_REPLICAS,
    ),
    row(
        "less than the minimum runs, and is brought inside at once although policies allow less",
        given={"min_replicas": 30},
        seen=live(2, 10.0),
        forecast=expecting(20.0),
        final=30,
        limiter=Limiter.MIN_REPLICAS,
    ),
    row(
        "zero load needs zero replicas where zero is allowed",
        given={"min_replicas": 0, "behavior": QUICK_DOWN},
        seen=live(3, 0.0),
        forecast=uniform(0.0),
        final=0,
        limiter=Limiter.FORECAST,
    ),
    row(
        "from zero, load wakes the workload where zero is allowed",
        given={"min_replicas": 0},
        seen=live(0, 90.0),
        forecast=expecting(95.0),
        final=2,
        limiter=Limiter.FORECAST,
    ),
    row(
        "the slightest load keeps one replica",
        given={"min_replicas": 0, "behavior": QUICK_DOWN},
        seen=live(3, 1e-9),
        forecast=uniform(0.0),
        final=1,
        limiter=Limiter.SAFETY_FLOOR,
    ),
    row(
        "somebody set it to zero by hand, so it is left alone",
        seen=live(0, 500.0),
        forecast=expecting(571.0),
        final=0,
        limiter=Limiter.SCALED_TO_ZERO,
    ),
    row(
        "before the objects were listed anew nothing scales in",
        given={"behavior": QUICK_DOWN},
        seen=live(12, 300.0, scale_in_allowed=False),
        forecast=expecting(320.0),
        final=12,
        limiter=Limiter.SCALE_IN_HELD,
    ),
    row(
        "before the objects were listed anew not even a lower maximum scales in",
        given={"max_replicas": 12},
        seen=live(40, 300.0, scale_in_allowed=False),
        forecast=expecting(320.0),
        final=40,
        limiter=Limiter.SCALE_IN_HELD,
    ),
    row(
        "before the objects were listed anew a raise goes ahead",
        seen=live(10, 400.0, scale_in_allowed=False),
        forecast=expecting(571.0),
        final=12,
        limiter=Limiter.FORECAST,
    ),
    *(
        row(
            f"load is {health.lower()}, so the stored forecast may not lower",
            given={"behavior": QUICK_DOWN},
            seen=blind(12, health),
            forecast=expecting(320.0),
            final=12,
            limiter=Limiter.SCALE_IN_HELD,
            rung=Rung.STORED,
        )
        for health in Health
        if health is not Health.LIVE
    ),
    row(
        "load is gone, but the stored forecast still raises",
        seen=blind(10),
        forecast=expecting(571.0),
        final=12,
        limiter=Limiter.FORECAST,
        rung=Rung.STORED,
    ),
]


@pytest.mark.parametrize(("rules", "seen", "forecast", "final", "limiter", "rung"), STORIES)
def test_decision(rules, seen, forecast, final, limiter, rung):
    before = settled(rules, seen.replicas, 1.0) if seen.replicas else settled(rules, 1, 1.0)

    decision, _ = decide(rules, seen, forecast, before, now=NOON)

    assert (decision.final, decision.limiter, decision.rung) == (final, limiter, rung)
    assert decision.acts is (final != seen.replicas)
    assert decision.message.startswith(f"{final} replica")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"mode": Mode.OBSERVE}, Limiter.OBSERVE, id="observing"),
        pytest.param({"paused": True}, Limiter.PAUSED, id="paused"),
        pytest.param({"paused": True, "mode": Mode.OBSERVE}, Limiter.PAUSED, id="paused while observing"),
    ],
)
def test_what_would_be_done_is_said_but_not_applied(given, why):
    rules = policy(**given)
    decision, after = decide(rules, live(10, 400.0), expecting(571.0), settled(rules, 10, 400.0), now=NOON)

    assert (decision.final, decision.limiter, decision.withheld) == (12, Limiter.FORECAST, why)
    assert not decision.acts
    assert decision.steps[-1].limiter is why
    assert "not applied" in decision.message
    assert after.asked is None


def test_the_message_is_one_sentence_with_numbers_units_and_the_rule_that_won():
    rules = policy()
    state = settled(rules, 12, 300.0, until=NOON - 120.0 + 15.0)
    for seconds_ago in (105.0, 90.0, 75.0, 60.0, 45.0, 30.0, 15.0):
        _, state = decide(rules, live(12, 300.0), expecting(571.0), state, now=NOON - seconds_ago)
    decision, _ = decide(rules, live(12, 300.0), expecting(320.0), state, now=NOON + 105.0)

    assert decision.message == (
        "12 replicas: load up to 320/s expected within 3m at 95 %, 50/s each; "
        "held by scale-down stabilization (12 recommended 2m ago)"
    )
    assert lines(decision) == [
        "Forecast: 12 -> 7, load up to 320/s expected within 3m at 95 %, 50/s each",
        "ScaleDownStabilization: 7 -> 12, held by scale-down stabilization (12 recommended 2m ago)",
    ]


def test_every_rule_that_moved_the_number_is_in_the_steps():
    rules = policy(max_replicas=19)
    seen = live(9, 900.0, phase=Phase.LEARNING)
    decision, _ = decide(rules, seen, expecting(500.0), settled(rules, 9, 400.0), now=NOON)

    assert [(s.limiter, s.before, s.after) for s in decision.steps] == [
        (Limiter.FORECAST, 9, 10),
        (Limiter.SAFETY_FLOOR, 10, 18),
        (Limiter.TRUST, 18, 26),
        (Limiter.SCALE_UP_POLICY, 26, 18),
    ]
    assert (decision.raw, decision.final) == (10, 18)


def test_the_exceedance_told_is_that_of_the_final_number():
    rules = policy(max_replicas=10)
    decision, _ = decide(rules, live(10, 400.0), uniform(1000.0), settled(rules, 10, 400.0), now=NOON)

    assert decision.final == 10
    assert decision.exceedance == pytest.approx(0.5)
    assert decision.demand == pytest.approx(950.0)
