"""What a floor may be, and when it has to be written."""

from dataclasses import replace

import pytest

from bayescaler.cluster.scalers import Claim, Reference, Scaler, ScalerKind
from bayescaler.control.deciding import decide_one
from bayescaler.control.floors import floor_is_due, floor_terms
from bayescaler.control.workload import Conflict
from bayescaler.policy import Policy, State
from bayescaler.policy.reasons import Limiter

from .builders import NOON, target, workload
from .test_report import sized

WEB = Reference("apps", "Deployment", "web")
POLICY = Policy(min_replicas=1, max_replicas=60, capacity=50.0)


def hpa(least=2, most=40, **fields):
    return Scaler(ScalerKind.HPA, "shop", "web", "u", WEB, least, most, **fields)


def scaled_object(least=None, most=100):
    return Scaler(ScalerKind.SCALED_OBJECT, "shop", "web", "u", WEB, least, most)


def raised(written=9, least=9, original=2, **fields):
    return hpa(least, claim=Claim(original, written, "web", "uid-1"), **fields)


@pytest.mark.parametrize(
    ("ours", "scaler", "bounds", "current"),
    [
        ((1, 60), hpa(2, 40), (2, 40), 2),
        ((5, 20), hpa(2, 40), (5, 20), 2),
        ((5, 20), hpa(30, 40), (30, 30), 30),
        ((50, 60), hpa(2, 40), (40, 40), 2),
        ((1, 60), raised(), (2, 40), 9),
        ((1, 60), raised(least=12), (12, 40), 12),
        ((0, 60), scaled_object(0), (0, 60), 0),
        ((1, 60), scaled_object(), (1, 60), 1),
    ],
    ids=["the HPA's", "ours", "its own floor above our maximum", "our minimum above its maximum", "the remembered one",
         "a number by hand", "none", "none is no switch"],
)  # fmt: skip
def test_a_floor_is_bounded_by_both_and_never_below_the_scalers_own(ours, scaler, bounds, current):
    terms, floor = floor_terms(replace(POLICY, min_replicas=ours[0], max_replicas=ours[1]), scaler)
    assert ((terms.min_replicas, terms.max_replicas), floor) == (bounds, current)


def test_terms_serve_again_until_the_policy_or_a_bound_changes():
    terms, _ = floor_terms(POLICY, hpa(2, 40))
    known = (POLICY, terms)
    assert floor_terms(POLICY, raised(written=9, least=9), known=known) == (terms, 9)
    assert floor_terms(POLICY, raised(written=9, least=9), known=known)[0] is terms
    assert floor_terms(POLICY, hpa(2, 39), known=known)[0].max_replicas == 39
    assert floor_terms(replace(POLICY, buffer=0.2), hpa(2, 40), known=known)[0].buffer == 0.2


def decided(scaler, forecast=300.0):
    web = sized(forecast=forecast, mode="Floor")
    web.scaler = scaler
    decide_one(web, now=NOON, scale_in_allowed=True)
    return web


def test_the_decision_goes_on_from_the_floor_in_force_and_not_from_the_pods():
    web = decided(hpa(3))
    assert (web.target.replicas, web.decision.current, web.decision.final) == (4, 3, 6)
    assert floor_is_due(web)


def test_a_floor_that_is_right_is_not_written():
    assert not floor_is_due(decided(raised(written=6, least=6)))


def test_a_claim_that_somebody_wrote_over_is_renewed_even_where_the_number_is_right():
    assert floor_is_due(decided(raised(written=9, least=6)))


def test_without_an_autoscaler_nothing_is_decided():
    web = decided(None)
    assert (web.decision, floor_is_due(web)) == (None, False)


def test_what_a_conflict_withholds_is_told_and_not_written():
    web = sized(forecast=300.0)
    web.target, web.state = target(4), State()
    web.conflict = Conflict("HorizontalPodAutoscaler", "an HPA, delete it", 'HorizontalPodAutoscaler "web" scales it')
    decide_one(web, now=NOON, scale_in_allowed=True)
    assert (web.decision.final, web.decision.acts, web.decision.withheld) == (6, False, Limiter.CONFLICT)
    assert web.decision.message.endswith('not applied: HorizontalPodAutoscaler "web" scales it')
    assert web.state.asked is None, "it uses up no allowance"


def test_an_edit_before_the_first_decision_starts_the_windows_by_itself():
    web = workload()
    assert web.state.with_edit(9, now=NOON) is web.state


def test_an_edit_stands_in_the_windows_like_a_recommendation():
    web = sized(forecast=300.0)
    state = web.state.with_edit(20, now=NOON + 5.0)
    assert state.highest == ((NOON + 5.0, 20),)
    assert state.lowest[-1] == (NOON + 5.0, 20)
    assert web.state.highest != state.highest, "what was before is untouched"
    assert state.with_edit(5, now=NOON + 6.0).highest == ((NOON + 5.0, 20), (NOON + 6.0, 5))
