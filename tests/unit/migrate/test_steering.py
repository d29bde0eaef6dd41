"""What an HPA or a ScaledObject steers to: as a share where it says one, and how KEDA polls."""

import pytest

from bayescaler.migrate import MigrateError, Steering, steering_of

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 65}}}
RPS = {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "50"}}}
PROMETHEUS = {
    "type": "prometheus",
    "metadata": {"serverAddress": "http://prometheus:9090", "query": "sum(queue)", "threshold": "5"},
}


def hpa(*metrics, **spec):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "kind": "HorizontalPodAutoscaler",
        "spec": {"scaleTargetRef": target, "maxReplicas": 10, "metrics": list(metrics), **spec},
    }


def scaled_object(*triggers, **spec):
    return {"kind": "ScaledObject", "spec": {"scaleTargetRef": {"name": "web"}, "triggers": list(triggers), **spec}}


@pytest.mark.parametrize(
    ("obj", "utilization"),
    [
        (hpa(CPU), 0.65),
        (hpa(RPS), None),
        (hpa(CPU, RPS), None),
        (hpa(), 0.8),
        (hpa(targetCPUUtilizationPercentage=55), 0.55),
        (scaled_object({"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}), 0.6),
        (scaled_object({"type": "cpu", "metricType": "AverageValue", "metadata": {"value": "250m"}}), None),
        (scaled_object(PROMETHEUS), None),
        (scaled_object(PROMETHEUS, PROMETHEUS), None),
    ],
    ids=["cpu", "number", "two metrics", "default", "v1", "cpu trigger", "cpu amount", "prometheus", "two triggers"],
)
def test_a_utilization_is_known_where_it_is_the_one_target(obj, utilization):
    assert steering_of(obj).utilization == utilization


def test_whether_it_sets_behavior_is_told_apart_from_the_defaults():
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    config = {"horizontalPodAutoscalerConfig": {"behavior": behavior}}

    assert not steering_of(hpa(CPU)).has_behavior
    assert steering_of(hpa(CPU, behavior=behavior)).has_behavior
    assert steering_of(scaled_object(PROMETHEUS, advanced=config)).has_behavior


def test_one_prometheus_trigger_is_polled_and_scales_from_zero():
    found = steering_of(
        scaled_object(
            PROMETHEUS
            | {"metadata": PROMETHEUS["metadata"] | {"activationThreshold": "2", "ignoreNullValues": "false"}},
            pollingInterval=10,
            cooldownPeriod=120,
        )
    )
    assert found == Steering(
        None,
        has_behavior=False,
        scales_from_zero=True,
        activation=2.0,
        polling_seconds=10,
        cooldown_seconds=120,
        ignores_null=False,
    )
    assert not steering_of(scaled_object(PROMETHEUS, PROMETHEUS)).scales_from_zero


def test_what_was_not_converted_before_is_refused_by_field():
    with pytest.raises(MigrateError, match="maxReplicas"):
        steering_of({"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"name": "web"}}})
