"""The still pictures: every mark where its numbers say, and no label on another."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bayescaler.replay.report.charts import LABEL_HEIGHT, NEVER, frontier_chart, hour_chart, level_chart, round_values

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it


def test_every_policy_stands_in_the_frontier_where_it_belongs(found):
    chart = frontier_chart(found)
    labelled = {mark.label: mark for mark in chart.marks if mark.label}

    assert {"Bayescaler at 95 %", "HPA at 70 %"} <= set(labelled)
    for one in found.judgements[1:]:
        for other in found.judgements[1:]:
            first, second = (
                labelled.get({"hpa": "HPA at 70 %", "kpa": "Knative KPA"}.get(j.name)) for j in (one, other)
            )
            if first and second and one.outcome.pod_hours < other.outcome.pod_hours:
                assert first.y > second.y
    for mark in chart.marks:
        assert 0.0 <= mark.x <= 100.0
        assert 0.0 <= mark.y <= 100.0


def test_never_short_has_a_lane_of_its_own(found):
    ours = found.judgements[0]
    safe = replace(ours, outcome=replace(ours.outcome, violating_seconds=0.0))
    chart = frontier_chart(replace(found, judgements=[safe, *found.judgements[1:]]))

    assert next(mark.x for mark in chart.marks if mark.label.startswith("Bayescaler")) == NEVER / 2
    assert chart.x_ticks[0].text == "never"


def test_labels_keep_their_distance(found):
    peers = [replace(found.judgements[1], name=name) for name in ("hpa", "keda", "kpa", "phpa", "crane")]
    chart = frontier_chart(replace(found, judgements=[found.judgements[0], *peers]))
    heights = sorted(mark.label_y for mark in chart.marks if mark.label)

    assert len(heights) == 6
    assert all(b - a >= LABEL_HEIGHT - 0.02 for a, b in pairwise(heights))
    assert heights[-1] <= 100.0


def test_a_quantile_that_kept_its_promise_stands_on_the_line(found):
    kept = {level: replace(held, share=level) for level, held in found.calibration.coverage.items()}
    chart = level_chart(replace(found, calibration=replace(found.calibration, coverage=kept)))

    assert len(chart.marks) == len(kept)
    for mark in chart.marks:
        assert mark.x == pytest.approx(100.0 - mark.y, abs=0.05)
        if mark.low is not None:
            assert mark.high <= mark.low


def test_hours_stand_in_the_order_of_the_day(found):
    chart = hour_chart(found)
    assert [mark.x for mark in chart.marks] == sorted(mark.x for mark in chart.marks)
    assert len(chart.marks) == 24
    assert chart.marks[3].told.startswith("03:00")


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [(0.0, 10.0, [0, 2, 4, 6, 8, 10]), (975.0, 2600.0, [1000, 1500, 2000, 2500]), (5.0, 5.0, [5.0])],
)
def test_ticks_are_round(low, high, values):
    assert round_values(low, high) == values
