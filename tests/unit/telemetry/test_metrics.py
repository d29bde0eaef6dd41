"""The exposition, read as Prometheus reads it."""

import dataclasses

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from bayescaler.telemetry.metrics import MAX_SERIES_PER_OBJECT, OBJECT_METRICS, STAGES, Metrics, WorkloadSample

FULL = WorkloadSample(
    "shop",
    "web",
    current_replicas=4,
    desired_replicas=6,
    load=100.0,
    load_age_seconds=12.5,
    forecast_load=250.0,
    violation_probability=0.04,
    overload_spent=0.0074,
    coverage=0.951,
    capacity=50.0,
    lead_time_seconds=47.0,
    canary_loss_ratio=0.91,
    canary_phase="Running",
    phase="Trusted",
    rung="Predictive",
    limiter="Forecast",
    health="Live",
)


class Fleet:
    def __init__(self, *objects):
        self.objects = list(objects)
        self.metrics = Metrics(lambda: self.objects)

    def series(self):
        """Every series of an object: name -> list of (labels, value)."""
        found = {}
        for family in parse(generate_latest(self.metrics.registry).decode()):
            for sample in family.samples:
                if "name" in sample.labels:
                    found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found


def test_every_number_of_an_object_is_exposed_under_its_name():
    found = {name: [value for _, value in series] for name, series in Fleet(FULL).series().items()}
    assert found == {
        "bayescaler_current_replicas": [4.0],
        "bayescaler_desired_replicas": [6.0],
        "bayescaler_load": [100.0],
        "bayescaler_load_age_seconds": [12.5],
        "bayescaler_forecast_load": [250.0],
        "bayescaler_violation_probability": [0.04],
        "bayescaler_overload_spent": [0.0074],
        "bayescaler_forecast_coverage": [0.951],
        "bayescaler_capacity_per_replica": [50.0],
        "bayescaler_lead_time_seconds": [47.0],
        "bayescaler_canary_loss_ratio": [0.91],
        "bayescaler_phase": [1.0],
        "bayescaler_rung": [1.0],
        "bayescaler_limiter": [1.0],
        "bayescaler_load_health": [1.0],
    }


def test_an_object_costs_no_more_series_than_promised():
    count = sum(len(series) for series in Fleet(FULL).series().values())
    assert count == len(OBJECT_METRICS) <= MAX_SERIES_PER_OBJECT == 15


def test_every_field_of_a_sample_is_a_metric():
    fields = {f.name for f in dataclasses.fields(WorkloadSample)} - {"namespace", "name"}
    labels = {metric.beside[1] for metric in OBJECT_METRICS if metric.beside is not None}
    assert fields == {metric.attribute for metric in OBJECT_METRICS} | labels


def test_a_state_is_a_label_and_its_change_leaves_no_series_behind():
    fleet = Fleet(FULL)
    assert fleet.series()["bayescaler_phase"] == [({"namespace": "shop", "name": "web", "phase": "Trusted"}, 1.0)]
    fleet.objects = [dataclasses.replace(FULL, phase="Degraded")]
    assert [labels["phase"] for labels, _ in fleet.series()["bayescaler_phase"]] == ["Degraded"]


def test_what_a_canary_loses_is_told_with_its_phase():
    (told,) = Fleet(FULL).series()["bayescaler_canary_loss_ratio"]
    assert told == ({"namespace": "shop", "name": "web", "phase": "Running"}, 0.91)


def test_what_is_not_known_is_no_series_rather_than_a_zero():
    found = Fleet(WorkloadSample("shop", "web", load=0.0)).series()
    assert set(found) == {"bayescaler_load"}
    assert found["bayescaler_load"][0][1] == 0.0


def test_series_end_with_their_object():
    fleet = Fleet(FULL, dataclasses.replace(FULL, name="other"))
    assert len(fleet.series()["bayescaler_load"]) == 2
    fleet.objects.pop()
    assert [labels["name"] for labels, _ in fleet.series()["bayescaler_load"]] == ["web"]
    fleet.objects.clear()
    assert fleet.series() == {}


def test_odd_names_are_escaped():
    odd = dataclasses.replace(FULL, phase='a"b\\c\nd')
    assert [labels["phase"] for labels, _ in Fleet(odd).series()["bayescaler_phase"]] == ['a"b\\c\nd']


def test_every_metric_has_a_help_and_one_prefix():
    for family in parse(generate_latest(Fleet(FULL).metrics.registry).decode()):
        assert family.name.startswith("bayescaler_")
        assert family.documentation.endswith("."), family.name


def test_the_stages_of_a_tick_are_there_before_the_first_tick():
    text = generate_latest(Fleet().metrics.registry).decode()
    (family,) = [f for f in parse(text) if f.name == "bayescaler_tick_seconds"]
    assert {s.labels["stage"] for s in family.samples} == set(STAGES)


def test_openmetrics_reads_it_too():
    metrics = Fleet(FULL).metrics
    metrics.scale_writes.labels("ok").inc()
    names = {f.name for f in parse_openmetrics(openmetrics.generate_latest(metrics.registry).decode())}
    assert {"bayescaler_load", "bayescaler_limiter", "bayescaler_scale_writes"} <= names


def test_events_are_counted_at_scrape_time_by_result():
    counts = {"posted": 3, "failed": 1, "dropped": 0}
    registry = Metrics(lambda: (), events=lambda: counts).registry
    assert registry.get_sample_value("bayescaler_events_total", {"result": "posted"}) == 3.0
    counts["dropped"] = 7
    assert registry.get_sample_value("bayescaler_events_total", {"result": "dropped"}) == 7.0


@pytest.mark.parametrize("other", [Fleet(), Fleet(FULL)], ids=["empty", "full"])
def test_two_operators_in_one_process_do_not_share_a_registry(other):
    mine = Fleet()
    mine.metrics.objects.set(3)
    assert other.metrics.registry.get_sample_value("bayescaler_objects") == 0.0
