"""A ScaledObject becomes the manifest that behaves like it, and says what it could not carry over."""

import pytest

from bayescaler import api
from bayescaler.migrate import MigrateError, Topic, Unsaid, from_scaledobject

from .builders import SCALED_OBJECT, prometheus, scaled_object, told

QUERY = 'sum(rate(http_requests_total{service="checkout"}[2m]))'
CRON = {
    "type": "cron",
    "metadata": {
        "timezone": "Europe/Berlin",
        "start": "0 8 * * 1-5",
        "end": "0 18 * * 1-5",
        "desiredReplicas": "10",
    },
}
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}


def spec_of(migrated):
    """Its spec, as admission would take it."""
    assert migrated.unfilled == ()
    return api.parse_spec(migrated.manifest)


def annotated(**annotations):
    """The ScaledObject with KEDA's annotations."""
    named = {f"autoscaling.keda.sh/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return SCALED_OBJECT | {"metadata": SCALED_OBJECT["metadata"] | {"annotations": named}}


def test_a_prometheus_trigger_is_complete_and_its_defaults_are_those_of_keda():
    spec = spec_of(from_scaledobject(SCALED_OBJECT))

    assert spec.scale_target_ref.model_dump() == {"api_version": "apps/v1", "kind": "Deployment", "name": "checkout"}
    assert (spec.min_replicas, spec.max_replicas, spec.mode) == (0, 100, "Observe")
    assert spec.load.prometheus.server_address == "http://prometheus.monitoring:9090"
    assert (spec.load.prometheus.query, spec.load.kind, spec.capacity.per_replica) == (QUERY, "Rate", 50)
    assert spec.load.prometheus.auth_ref is None
    assert spec.behavior.scale_up.tolerance == 0.1


@pytest.mark.parametrize(
    ("query", "kind"), [("sum(queue)", "Gauge"), ("sum(irate (x[1m]))", "Rate"), ("arate(x)", "Gauge")]
)
def test_the_kind_of_load_is_told_by_the_query_and_said_to_be_assumed(query, kind):
    migrated = from_scaledobject(scaled_object(prometheus({"query": query})))
    assert spec_of(migrated).load.kind == kind
    assert any(f"load.kind {kind}" in text for text in told(migrated, Topic.ASSUMED))


def test_a_value_trigger_is_steered_to_by_ratio():
    spec = spec_of(from_scaledobject(scaled_object(prometheus(metricType="Value"))))
    assert spec.load.prometheus.query.startswith(
        f"({QUERY}) * scalar(clamp_min(kube_deployment_status_replicas_ready{{"
    )
    assert (spec.capacity.per_replica, spec.load.kind) == (50, "Gauge")


def test_limits_behavior_and_what_has_no_counterpart():
    migrated = from_scaledobject(
        scaled_object(
            prometheus({"activationThreshold": "5", "namespace": "tenant", "unsafeSsl": "true"}, useCachedMetrics=True),
            minReplicaCount=3,
            maxReplicaCount=20,
            cooldownPeriod=600,
            idleReplicaCount=0,
            pollingInterval=10,
            initialCooldownPeriod=60,
            advanced={
                "restoreToOriginalReplicaCount": True,
                "horizontalPodAutoscalerConfig": {
                    "name": "own",
                    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
                },
            },
        )
    )
    spec = spec_of(migrated)

    assert (spec.min_replicas, spec.max_replicas) == (3, 20)
    assert spec.behavior.scale_down.stabilization_window_seconds == 60
    left_out = "\n".join(told(migrated, Topic.LEFT_OUT))
    for named in (
        "spec.initialCooldownPeriod", "spec.advanced.restoreToOriginalReplicaCount",
        "spec.advanced.horizontalPodAutoscalerConfig.name", "spec.triggers[0].useCachedMetrics",
        "spec.triggers[0].metadata.namespace", "spec.triggers[0].metadata.unsafeSsl", "activationThreshold 5",
        "spec.cooldownPeriod 600", "spec.idleReplicaCount 0", "spec.pollingInterval 10",
    ):  # fmt: skip
        assert named in left_out


def test_no_data_is_zero_to_keda_unless_told_otherwise_and_never_to_us():
    assert any("or vector(0)" in text for text in told(from_scaledobject(SCALED_OBJECT), Topic.DIFFERS))
    strict = from_scaledobject(scaled_object(prometheus({"ignoreNullValues": "false"})))
    assert not any("or vector(0)" in text for text in told(strict, Topic.DIFFERS))


@pytest.mark.parametrize(
    ("fallback", "replicas"),
    [
        ({"replicas": 6}, 6),
        ({"replicas": 6, "behavior": "currentReplicasIfHigher"}, 6),
        ({"replicas": 600}, 100),
        ({"replicas": 6, "behavior": "currentReplicas"}, None),
        ({"replicas": 6, "behavior": "currentReplicasIfLower"}, None),
    ],
    ids=str,
)
def test_fallback_comes_after_failures_times_polling_and_never_above_the_maximum(fallback, replicas):
    given = scaled_object(fallback={"failureThreshold": 4} | fallback, pollingInterval=20)
    migrated = from_scaledobject(given)
    spec = spec_of(migrated)

    assert (spec.fallback.after, spec.fallback.replicas) == ("1m20s", replicas)
    lower = [text for text in told(migrated, Topic.LEFT_OUT) if "currentReplicasIfLower 6" in text]
    assert bool(lower) is (fallback.get("behavior") == "currentReplicasIfLower")


@pytest.mark.parametrize(
    ("metadata", "reference", "name", "keys"),
    [
        ({"authModes": "bearer"}, {"name": "creds"}, "creds", "with token, from TriggerAuthentication creds"),
        (
            {"authModes": "tls,basic"},
            {"name": "all", "kind": "ClusterTriggerAuthentication"},
            "all",
            "with ca.crt, tls.crt and tls.key, username and password, from ClusterTriggerAuthentication all",
        ),
        ({}, {"name": "creds"}, "creds", "with token, or username and password, or tls.crt and tls.key"),
        (
            {"customHeaders": "X-Scope-OrgID=hush"},
            None,
            "prometheus-auth",
            "with header.X-Scope-OrgID, from the trigger",
        ),
    ],
)
def test_the_secret_to_make_is_named_with_its_keys_and_without_a_value(metadata, reference, name, keys):
    trigger = prometheus(metadata, **({"authenticationRef": reference} if reference else {}))
    migrated = from_scaledobject(scaled_object(trigger))

    assert spec_of(migrated).load.prometheus.auth_ref.name == name
    (note,) = told(migrated, Topic.FILL_IN)
    assert note.startswith(f"Secret {name} in the same namespace, {keys}")
    assert "hush" not in migrated.yaml()


def test_several_triggers_of_one_server_are_one_load_and_of_two_servers_are_not():
    queue = prometheus({"query": "sum(queue)", "threshold": "0.5"})
    spec = spec_of(from_scaledobject(scaled_object(prometheus(), queue)))
    assert spec.load.prometheus.query == f"clamp_min(({QUERY}) / 50, scalar((sum(queue)) / 0.5))"
    assert (spec.load.kind, spec.capacity.per_replica) == ("Gauge", 1)
    assert spec.load.prometheus.server_address == "http://prometheus.monitoring:9090"

    elsewhere = prometheus({"serverAddress": "http://other:9090"}, name="other")
    both = scaled_object(prometheus(), elsewhere)
    with pytest.raises(MigrateError, match=r"trigger 1 \(prometheus \"other\"\): .* different places: .* --trigger N"):
        from_scaledobject(both)
    migrated = from_scaledobject(both, Unsaid(chosen=1))
    assert spec_of(migrated).load.prometheus.server_address == "http://other:9090"
    assert "trigger 0 (prometheus): --trigger 1 was chosen" in told(migrated, Topic.LEFT_OUT)


def cron(**metadata):
    return CRON | {"metadata": CRON["metadata"] | metadata}


def test_a_cron_trigger_becomes_a_schedule_and_leaves_its_time_zone():
    migrated = from_scaledobject(scaled_object(prometheus(), CRON))
    spec = spec_of(migrated)
    assert spec.forecast.time_zone == "Europe/Berlin"
    assert spec.load.prometheus.query == QUERY
    (schedule,) = spec.schedules
    assert (schedule.name, schedule.start, schedule.duration) == ("cron-1", "0 8 * * 1-5", "10h")
    assert (schedule.time_zone, schedule.min_replicas, schedule.max_replicas) == ("Europe/Berlin", 10, None)
    (note,) = [text for text in told(migrated, Topic.DIFFERS) if "cron" in text]
    assert note.startswith("trigger 1 (cron): 10 replicas from 0 8 * * 1-5 to 0 18 * * 1-5 Europe/Berlin: schedule")


def test_a_window_over_a_weekend_and_more_replicas_than_there_may_be():
    weekend = cron(start="0 20 * * 5", end="0 6 * * 1", desiredReplicas="500")
    (schedule,) = spec_of(from_scaledobject(scaled_object(prometheus(), weekend, maxReplicaCount=40))).schedules
    assert (schedule.duration, schedule.min_replicas) == ("2d10h", 40)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"start": "0 8,12 * * *", "end": "0 18 * * *"}, "its windows are not all of one length"),
        ({"start": "0 8 1 * *", "end": "0 8 28 * *", "desiredReplicas": "x"}, "desiredReplicas is no number above 0"),
        ({"end": "0 0 30 2 *"}, "its windows are not all of one length"),
        ({"start": "@daily"}, "its windows are not all of one length"),
        ({"start": "0 8 1 5 *", "end": "0 8 1 8 *"}, "duration must lie between 1m and 8w"),
    ],
)
def test_a_cron_trigger_that_no_schedule_can_be_is_told_with_why(metadata, why):
    migrated = from_scaledobject(scaled_object(prometheus(), cron(**metadata)))
    assert spec_of(migrated).schedules == []
    assert any("trigger 1 (cron)" in text and why in text for text in told(migrated, Topic.LEFT_OUT))


def test_the_activation_threshold_of_the_only_load_is_kept():
    migrated = from_scaledobject(scaled_object(prometheus({"activationThreshold": "5"}), CRON))
    assert spec_of(migrated).load.activation_threshold == 5
    assert not any("activationThreshold 5" in text for text in told(migrated, Topic.LEFT_OUT))


@pytest.mark.parametrize(
    ("triggers", "spec", "why"),
    [
        ([{}], {"minReplicaCount": 2}, "is of going to 0, minReplicas 2 is above"),
        ([{}, {}], {}, "several loads are made into one in replicas"),
        ([{"metricType": "Value"}], {}, "the load is the metric times ready replicas"),
    ],
)
def test_any_other_activation_threshold_is_told_with_why(triggers, spec, why):
    given = [prometheus({"activationThreshold": "5"}, **trigger) for trigger in triggers]
    migrated = from_scaledobject(scaled_object(*given, **spec))
    assert spec_of(migrated).load.activation_threshold == 0
    assert any(f"activationThreshold 5: {why}" in text for text in told(migrated, Topic.LEFT_OUT))


def test_by_cpu_alone_keda_does_not_go_to_zero():
    migrated = from_scaledobject(scaled_object(CPU), Unsaid(requests={"cpu": 0.5}))
    assert (spec_of(migrated).min_replicas, spec_of(migrated).capacity.per_replica) == (1, 0.3)
    with_other = from_scaledobject(scaled_object(CPU, prometheus()), Unsaid(chosen=1))
    assert spec_of(with_other).min_replicas == 0


def test_an_average_of_cpu_in_the_old_place_of_its_type():
    trigger = {"type": "cpu", "metadata": {"type": "AverageValue", "value": "250m", "containerName": "web"}}
    spec = spec_of(from_scaledobject(scaled_object(trigger)))
    assert spec.capacity.per_replica == 0.25
    assert 'container="web"' in spec.load.prometheus.query


def test_pauses_are_kept():
    assert spec_of(from_scaledobject(annotated(paused="true"))).paused
    assert not spec_of(from_scaledobject(annotated(paused="false"))).paused
    counted = from_scaledobject(annotated(paused_replicas="4"))
    assert spec_of(counted).paused
    assert any("paused-replicas 4" in text for text in told(counted, Topic.LEFT_OUT))
    no_less = spec_of(from_scaledobject(annotated(paused_scale_in="true"))).behavior
    assert (no_less.scale_down.select_policy, no_less.scale_up.select_policy) == ("Disabled", "Max")
    no_more = spec_of(from_scaledobject(annotated(paused_scale_out="true"))).behavior
    assert (no_more.scale_down.select_policy, no_more.scale_up.select_policy) == ("Max", "Disabled")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            scaled_object({"type": "kafka", "metadata": {}}),
            "trigger 0 (kafka): only prometheus, cpu and memory triggers",
        ),
        (scaled_object(CRON), "has no trigger that is a load (trigger 0 (cron)): add a prometheus trigger"),
        (scaled_object(triggers=[]), "has no trigger that is a load (none)"),
        (scaled_object(prometheus({"threshold": "much"})), "spec.triggers[0].metadata.threshold: is no quantity"),
        (scaled_object(prometheus({"query": None})), "spec.triggers[0].metadata.query: is required"),
        (scaled_object(prometheus({"query": " "})), "spec.load.prometheus.query"),
        (scaled_object(prometheus({"serverAddress": "prometheus:9090"})), "serverAddress must be http(s)://"),
        (scaled_object(prometheus(), {"type": "cron", "metadata": {}}), "spec.triggers[1].metadata.start: is required"),
        (scaled_object(fallback={"replicas": 3}), "spec.fallback.failureThreshold: is required"),
        (scaled_object(scaleTargetRef={}), "spec.scaleTargetRef.name: is required"),
        (scaled_object(advanced={"scalingModifiers": {"formula": "a+b"}}), "a formula over triggers is not read"),
        (SCALED_OBJECT | {"apiVersion": "keda.k8s.io/v1alpha1"}, "give it as keda.sh/v1alpha1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_carried_over_is_one_line_with_field_and_cure(given, said):
    with pytest.raises(MigrateError) as refused:
        from_scaledobject(given)
    assert str(refused.value).startswith("ScaledObject shop/checkout: ")
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_trigger_that_is_no_load_cannot_be_chosen():
    with pytest.raises(MigrateError, match=r"no load in trigger 1: choose of trigger 0 \(prometheus\)"):
        from_scaledobject(scaled_object(prometheus(), CRON), Unsaid(chosen=1))
