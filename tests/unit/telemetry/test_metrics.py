"""The exposition, read as Prometheus reads it, in both of its formats."""

import dataclasses
from collections import Counter

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bayescaler.telemetry.catalogue import (
    MAX_SERIES_PER_OBJECT,
    METRICS,
    OBJECT_METRICS,
    OPERATOR_METRICS,
    STAGES,
    STATE_LABELS,
    Kind,
)
from bayescaler.telemetry.exposition import WorkloadSample
from bayescaler.telemetry.metrics import Metrics

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FORMATS = [pytest.param("", parse_text, id="text"), pytest.param(OPENMETRICS, parse_openmetrics, id="openmetrics")]
FULL = WorkloadSample(
    "shop",
    "web",
    current_replicas=4,
    desired_replicas=6,
    min_replicas=2,
    max_replicas=60,
    load=100.0,
    forecast_load=250.0,
    forecast_load_median=180.0,
    violation_probability=0.04,
    overload_budget=0.05,
    overload_spent=0.0074,
    forecast_coverage=0.951,
    capacity_per_replica=50.0,
    lead_time_seconds=47.0,
    canary_loss_ratio=0.91,
    state=("Auto", "Degraded", "coverage", "Predictive", "Forecast", "Live", "Running", "Ready"),
)


class Fleet:
    def __init__(self, *objects):
        self.objects = list(objects)
        self.metrics = Metrics(lambda: self.objects)

    def families(self, accept="", parse=parse_text):
        return list(parse(self.metrics.exposition(accept)[0].decode()))

    def series(self, accept="", parse=parse_text):
        """Every series of an object: name -> list of (labels, value)."""
        found = {}
        for family in self.families(accept, parse):
            for sample in family.samples:
                if "name" in sample.labels:
                    found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found


@pytest.mark.parametrize(("accept", "parse"), FORMATS)
def test_every_number_of_an_object_is_exposed_under_its_name(accept, parse):
    found = {name: [value for _, value in series] for name, series in Fleet(FULL).series(accept, parse).items()}
    numbers = {metric.exposed: [getattr(FULL, metric.name)] for metric in OBJECT_METRICS if metric.name != "state"}
    assert found == {**numbers, "bayescaler_state": [1.0]}


@pytest.mark.parametrize(("accept", "parse"), FORMATS)
def test_what_is_exposed_is_what_the_list_says(accept, parse):
    fleet = Fleet(FULL)
    exposed = {(family.name, family.type, family.documentation) for family in fleet.families(accept, parse)}
    assert exposed == {(f"bayescaler_{m.name}", str(m.kind), m.help) for m in METRICS.values()}


def test_an_object_costs_no_more_series_than_promised():
    count = sum(len(series) for series in Fleet(FULL).series().values())
    assert count == len(OBJECT_METRICS) <= MAX_SERIES_PER_OBJECT
    assert MAX_SERIES_PER_OBJECT == 15


def test_every_field_of_a_sample_is_a_metric():
    fields = {f.name for f in dataclasses.fields(WorkloadSample)} - {"namespace", "name"}
    assert fields == {metric.name for metric in OBJECT_METRICS}


def test_metrics_are_named_as_prometheus_names_them():
    names = Counter(metric.exposed for metric in METRICS.values())
    assert set(names.values()) == {1}
    for metric in METRICS.values():
        assert metric.help.endswith("."), metric.name
        assert metric.look, metric.name
        assert not metric.look.endswith("."), metric.name
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets), metric.name
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info")), metric.name
    assert {m.name for m in OPERATOR_METRICS}.isdisjoint(m.name for m in OBJECT_METRICS)


def test_a_state_is_labels_and_its_change_leaves_no_series_behind():
    fleet = Fleet(FULL)
    ((labels, value),) = fleet.series()["bayescaler_state"]
    assert value == 1.0
    assert labels == {"namespace": "shop", "name": "web", **dict(zip(STATE_LABELS, FULL.state, strict=True))}
    fleet.objects = [dataclasses.replace(FULL, state=("Auto", "Trusted", "", *FULL.state[3:]))]
    ((labels, _),) = fleet.series()["bayescaler_state"]
    assert labels["phase"] == "Trusted"
    assert "charge" not in labels


def test_what_is_not_known_is_no_series_rather_than_a_zero():
    unknown = WorkloadSample("shop", "web", load=0.0, capacity_per_replica=float("nan"), forecast_load=float("inf"))
    assert Fleet(unknown).series() == {"bayescaler_load": [({"namespace": "shop", "name": "web"}, 0.0)]}


def test_series_end_with_their_object():
    fleet = Fleet(FULL, dataclasses.replace(FULL, name="other"))
    assert len(fleet.series()["bayescaler_load"]) == 2
    fleet.objects.pop()
    assert [labels["name"] for labels, _ in fleet.series()["bayescaler_load"]] == ["web"]
    fleet.objects.clear()
    assert fleet.series() == {}


@pytest.mark.parametrize(("accept", "parse"), FORMATS)
def test_odd_names_are_escaped(accept, parse):
    odd = dataclasses.replace(FULL, name='a"b\\c\nd')
    ((labels, _),) = Fleet(odd).series(accept, parse)["bayescaler_load"]
    assert labels["name"] == 'a"b\\c\nd'


def test_the_stages_of_a_tick_are_there_before_the_first_tick():
    (family,) = [f for f in Fleet().families() if f.name == "bayescaler_tick_seconds"]
    assert {s.labels["stage"] for s in family.samples} == set(STAGES)


def test_the_service_level_of_inference_can_be_read_off_its_buckets():
    assert 0.2 in METRICS["inference_seconds"].buckets


def test_a_write_names_its_decision_where_the_format_can():
    fleet = Fleet()
    fleet.metrics.scale_writes.labels("ok").inc(exemplar={"decision": "0a1b2c3d.4.1800000015"})
    (family,) = [f for f in fleet.families(OPENMETRICS, parse_openmetrics) if f.name == "bayescaler_scale_writes"]
    (sample,) = [s for s in family.samples if s.name == "bayescaler_scale_writes_total"]
    assert sample.exemplar.labels == {"decision": "0a1b2c3d.4.1800000015"}
    assert "0a1b2c3d" not in fleet.metrics.exposition("")[0].decode()


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
