"""The verdict in words: it says who wins by the interval at equal time short, and where nothing can be said."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from bayescaler.policy.reasons import Phase
from bayescaler.replay.frontier import Comparison
from bayescaler.replay.judgement import Interval
from bayescaler.replay.report.verdict import Category, Confidence, categorised, outdone, safest, verdict
from bayescast.scorecard import Share

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

NONE = Interval(nan, nan)


def compared(ratio, low, high, *, level=0.01, theirs=1000.0):
    return Comparison(level, ratio * theirs, theirs, ratio, nan, Interval(low, high), NONE)


def out_of_reach(ours):
    return Comparison(0.0001, ours, nan, nan, nan, NONE, NONE)


def told(found, own, comparisons=(), *, days=None, peers=False):
    """The verdict on a backtest that came to this comparison."""
    hpa = found.hpa
    if days is not None:
        places = np.arange(days) % len(hpa.seconds)
        hpa = replace(
            hpa,
            seconds=hpa.seconds[places],
            violating_seconds=hpa.violating_seconds[places],
            pod_hours=hpa.pod_hours[places],
        )
    judgements = found.judgements if peers else found.judgements[:1]
    return verdict(replace(found, own=own, comparisons=comparisons, hpa=hpa, judgements=judgements))


@pytest.mark.parametrize(
    ("low", "high", "category"),
    [
        (0.70, 0.85, Category.WORTH_IT),
        (0.90, 0.999, Category.WORTH_IT),
        (1.001, 1.10, Category.NOT_WORTH_IT),
        (1.20, 1.90, Category.NOT_WORTH_IT),
        (0.90, 1.00, Category.UNTOLD),
        (0.95, 1.08, Category.UNTOLD),
        (1.00, 1.30, Category.UNTOLD),
        (0.985, 1.015, Category.ALIKE),
        (0.985, 0.990, Category.ALIKE),
        (1.010, 1.019, Category.ALIKE),
        (1.0, 1.0, Category.ALIKE),
        (0.97, 0.99, Category.WORTH_IT),
        (1.01, 1.03, Category.NOT_WORTH_IT),
    ],
)
def test_the_interval_of_the_cost_ratio_decides(low, high, category):
    assert categorised(Interval(low, high)) is category


def test_a_gain_is_told_as_a_gain(found):
    said = told(found, compared(0.80, 0.75, 0.86))

    assert said.category is Category.WORTH_IT
    assert said.headline.startswith("Worth it: 20 % fewer replica-hours than an HPA tuned in hindsight")
    assert "Bayescaler takes 20 % fewer (95 %: 14 to 25 % fewer)" in said.sentences[-2]


def test_where_the_hpa_wins_the_headline_says_so(found):
    said = told(found, compared(1.25, 1.10, 1.40))

    assert said.category is Category.NOT_WORTH_IT
    assert said.headline.startswith("Not worth it here: an HPA tuned in hindsight takes 20 % fewer replica-hours")
    assert "Bayescaler takes 25 % more (95 %: 10 to 40 % more)" in said.sentences[-2]


def test_what_differs_by_less_than_anyone_acts_on_is_no_gain(found):
    said = told(found, compared(0.99, 0.985, 0.995))

    assert said.category is Category.ALIKE
    assert said.headline.startswith("No difference that matters: within 2 %")


def test_an_interval_that_holds_both_tells_both_ends(found):
    said = told(found, compared(0.99, 0.93, 1.06))

    assert (said.category, said.confidence) == (Category.UNTOLD, Confidence.LOW)
    assert "anything from 7.0 % fewer to 6.0 % more" in said.headline


@pytest.mark.parametrize(
    ("days", "confidence"), [(5, Confidence.MODERATE), (13, Confidence.MODERATE), (14, Confidence.HIGH)]
)
def test_more_days_carry_it_further(found, days, confidence):
    assert told(found, compared(0.80, 0.75, 0.86), days=days).confidence is confidence


@pytest.mark.parametrize(("ratio", "way"), [(0.7, "30 % cheaper"), (1.4, "40 % dearer")])
def test_too_few_days_tell_nothing_however_large_the_difference(found, ratio, way):
    said = told(found, compared(ratio, nan, nan), days=3)

    assert (said.category, said.confidence) == (Category.UNTOLD, Confidence.LOW)
    assert said.headline.startswith("Too few days to tell (3)")
    assert way in said.headline
    assert "an interval takes 5 days" in said.because
    assert any("Replay 5 judged days" in caveat for caveat in said.caveats)


def test_without_an_interval_at_our_own_time_short_the_nearest_that_has_one_decides(found):
    elsewhere = [
        compared(0.5, 0.4, 0.6, level=0.05),
        compared(1.3, 1.2, 1.4, level=0.02),
        compared(0.8, nan, nan, level=0.01),
    ]
    said = told(found, compared(0.8, nan, nan, level=0.011), elsewhere, days=20)

    assert said.category is Category.NOT_WORTH_IT
    assert said.confidence is Confidence.MODERATE
    assert "at 2.0 % of time short" in said.headline
    assert any("each tuned in hindsight, Bayescaler takes 30 % more" in sentence for sentence in said.sentences)


def test_without_any_interval_on_enough_days_it_is_not_told_apart(found):
    said = told(found, compared(0.8, nan, nan), [compared(0.8, nan, nan)])

    assert (said.category, said.confidence) == (Category.UNTOLD, Confidence.LOW)
    assert said.headline.startswith("Not to be told apart: Bayescaler looks 20 % cheaper")


def test_an_hpa_that_never_comes_so_low_and_costs_more_is_beaten_without_a_comparison(found):
    _, cost = safest(found.hpa)
    said = told(found, out_of_reach(0.5 * cost))

    assert said.category is Category.WORTH_IT
    assert "no HPA target is short as seldom, and the safest of them takes 100 % more replica-hours" in said.headline
    assert any("there is no comparison" in sentence for sentence in said.sentences)


def test_an_hpa_that_never_comes_so_low_but_is_cheaper_is_a_question_of_price(found):
    _, cost = safest(found.hpa)
    said = told(found, out_of_reach(1.2 * cost))

    assert (said.category, said.confidence) == (Category.DEPENDS, Confidence.LOW)
    assert "Bayescaler costs 20 % more than the safest" in said.headline


def test_an_hpa_that_never_leaves_zero_is_no_cheap_alternative(found):
    idle = replace(found.hpa, pod_hours=np.zeros_like(found.hpa.pod_hours))
    said = verdict(replace(found, own=out_of_reach(100.0), hpa=idle, judgements=found.judgements[:1]))

    assert said.category is Category.WORTH_IT
    assert "does not leave zero replicas" in said.headline


def test_a_load_that_asks_for_nothing_compares_with_nothing(found):
    said = told(found, Comparison(0.0, 0.0, 0.0, nan, nan, NONE, NONE))

    assert said.headline == "Nothing to compare: the load asked for no replicas."
    assert not any("nan" in sentence for sentence in said.sentences)


def test_a_peer_that_is_better_on_both_counts_is_named_in_the_headline(found):
    ours, peer = found.judgements[0], found.judgements[2]
    better = replace(
        peer,
        outcome=replace(
            peer.outcome,
            violating_seconds=ours.outcome.violating_seconds,
            pod_hours=0.9 * ours.outcome.pod_hours,
        ),
    )
    beaten = replace(found, judgements=[ours, better], own=compared(0.8, 0.75, 0.86))

    said = verdict(beaten)
    assert outdone(beaten) == [better]
    assert said.headline.endswith("But Knative KPA does better still.")
    assert "Knative KPA was short no longer and took 10 % fewer replica-hours." in said.caveats


def test_what_it_came_to_is_told_beside_the_usual_hpa(found):
    said = verdict(found)
    ours, usual = found.judgements[0].outcome, found.judgements[1].outcome

    assert f"{ours.pod_hours:,.0f} replica-hours" in said.sentences[0]
    assert "Over the 6 days judged, Bayescaler at 95 %" in said.sentences[0]
    assert said.sentences[1].startswith("An HPA at the usual target of 70 %: ")
    assert f"{usual.pod_hours:,.0f} replica-hours" in said.sentences[1]


def test_never_short_is_told_as_never(found):
    ours = found.judgements[0]
    safe = replace(ours, outcome=replace(ours.outcome, violating_seconds=0.0, unserved_share=0.0))
    said = verdict(replace(found, judgements=[safe], own=compared(0.9, 0.8, 0.95, level=0.0)))

    assert "never been short of capacity." in said.sentences[0]


@pytest.mark.parametrize(
    ("share", "low", "high", "words"),
    [
        (0.95, 0.94, 0.96, "kept what it promised: asked for 95 %, the load stayed within it in 95.0 %"),
        (0.90, 0.88, 0.92, "too bold: the load was to stay within it in 95 %, and did in 90.0 %"),
        (0.99, 0.98, 0.995, "too careful"),
        (0.95, nan, nan, "over too few days to judge"),
    ],
)
def test_the_promise_of_the_forecast_is_held_against_it(found, share, low, high, words):
    held = {**found.calibration.coverage, 0.95: Share(share, low, high, 100)}
    said = verdict(replace(found, calibration=replace(found.calibration, coverage=held)))

    assert any(words in sentence for sentence in said.sentences)


def test_where_max_replicas_rules_all_are_alike_and_it_says_so(found):
    ours = found.judgements[0]
    full = replace(ours, outcome=replace(ours.outcome, at_max_seconds=0.3 * ours.outcome.seconds))
    said = verdict(replace(found, judgements=[full, *found.judgements[1:]]))

    assert any("maxReplicas (40) was reached 30 % of the time" in caveat for caveat in said.caveats)


def test_a_forecast_that_was_not_trusted_is_told(found):
    learning = np.full_like(found.decided.phases, tuple(Phase).index(Phase.LEARNING))
    said = verdict(replace(found, decided=replace(found.decided, phases=learning)))

    assert any("not trusted 100 % of the time" in caveat for caveat in said.caveats)


def test_load_that_was_not_measured_is_told(found):
    loads = found.case.scenario.loads.copy()
    loads[-60:] = np.nan
    gappy = replace(found.case, scenario=replace(found.case.scenario, loads=loads))
    said = verdict(replace(found, case=gappy))

    assert any("21 % of the judged buckets were not measured" in caveat for caveat in said.caveats)


@pytest.mark.parametrize(
    ("own", "days"),
    [
        (compared(0.8, 0.7, 0.9), 20),
        (compared(1.2, 1.1, 1.3), 5),
        (compared(0.8, nan, nan), 1),
        (compared(1.0, nan, nan), 4),
        (out_of_reach(500.0), None),
        (out_of_reach(50_000.0), None),
    ],
)
def test_no_sentence_ever_holds_a_number_that_is_none(found, own, days):
    said = told(found, own, days=days, peers=True)
    for text in (said.headline, said.because, *said.sentences, *said.caveats):
        assert "nan" not in text
        assert str(inf) not in text
