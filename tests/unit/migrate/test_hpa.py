"""An HPA becomes the manifest that behaves like it, and says what it could not carry over."""

import copy

import pytest
import yaml

from bayescaler import api
from bayescaler.migrate import MigrateError, Topic, Unsaid, from_hpa

from .builders import DEPLOYMENT, HPA, external, hpa, resource, told

QUERY = 'sum(rate(http_requests_total{service="checkout"}[1m]))'
POLICY = {"type": "Percent", "value": 100, "periodSeconds": 15}


def spec_of(migrated):
    """Its spec, as admission would take it."""
    assert migrated.unfilled == ()
    return api.parse_spec(migrated.manifest)


def test_target_limits_and_average_value_are_taken_over_and_nothing_is_written_but_status():
    migrated = from_hpa(HPA, Unsaid(query=QUERY))
    spec = spec_of(migrated)

    assert migrated.manifest["metadata"] == {"name": "checkout", "namespace": "shop"}
    assert spec.scale_target_ref.model_dump() == {"api_version": "apps/v1", "kind": "Deployment", "name": "checkout"}
    assert (spec.min_replicas, spec.max_replicas, spec.mode) == (2, 40, "Observe")
    assert (spec.load.prometheus.query, spec.load.kind, spec.capacity.per_replica) == (QUERY, "Rate", 50)


def test_an_hpa_without_behavior_gets_every_default_written_out():
    behavior = from_hpa(HPA, Unsaid(query=QUERY)).manifest["spec"]["behavior"]

    assert behavior == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "tolerance": 0.1,
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, POLICY],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "selectPolicy": "Max",
            "tolerance": 0.1,
            "policies": [POLICY],
        },
    }


def test_behavior_is_carried_over_field_for_field_and_only_what_is_unset_is_filled_in():
    given = {
        "scaleUp": {"tolerance": "50m", "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
        "scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled", "tolerance": "0.2"},
    }
    migrated = from_hpa(hpa(behavior=given), Unsaid(query=QUERY))
    behavior = migrated.manifest["spec"]["behavior"]

    assert behavior["scaleUp"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "tolerance": 0.05,
        "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}],
    }
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Disabled",
        "tolerance": 0.2,
        "policies": [POLICY],
    }
    assert not any("kube-controller-manager" in text for text in told(migrated, Topic.ASSUMED))
    assert not any("is unset" in text for text in told(migrated, Topic.DIFFERS))


@pytest.mark.parametrize("metric", ["Pods", "Object", "External"])
def test_a_metric_that_only_has_a_name_leaves_the_query_blank_and_says_what_goes_there(metric):
    source = {"metric": {"name": "requests", "selector": {"matchLabels": {"app": "checkout"}}}}
    source |= {"target": {"type": "AverageValue", "averageValue": "50"}}
    if metric == "Object":
        source["describedObject"] = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "front"}
    migrated = from_hpa(hpa({"type": metric, metric.lower(): source}))

    assert migrated.unfilled == ("spec.load.prometheus.query",)
    with pytest.raises(api.SpecError) as refused:
        api.parse_spec(migrated.manifest)
    assert [problem.path for problem in refused.value.problems] == ["spec.load.prometheus.query"]
    query, kind = told(migrated, Topic.FILL_IN)
    assert query.startswith(f'spec.load.prometheus.query: the PromQL of metric 0 ({metric} "requests")')
    assert "prometheus-adapter" in query
    assert 'app="checkout"' in query
    assert kind.startswith("spec.load.kind")
    assert ("Ingress front" in query) is (metric == "Object")
    assert ('namespace="shop"' in query) is (metric == "Pods")


def test_a_value_target_is_steered_to_by_ratio_so_the_load_is_the_metric_times_ready_replicas():
    migrated = from_hpa(hpa(external(type="Value", value="20")), Unsaid(query="avg(queue_length)"))
    spec = spec_of(migrated)

    ready = 'scalar(clamp_min(kube_deployment_status_replicas_ready{namespace="shop",deployment="checkout"}, 1))'
    assert spec.load.prometheus.query == f"(avg(queue_length)) * {ready}"
    assert (spec.load.kind, spec.capacity.per_replica) == ("Gauge", 20)


def test_a_value_target_of_a_kind_without_a_gauge_of_ready_replicas_is_refused_with_the_cure():
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "checkout"}
    with pytest.raises(MigrateError, match=r"ready replicas of Rollout: use AverageValue"):
        from_hpa(hpa(external(type="Value", value="20"), scaleTargetRef=target))


@pytest.mark.parametrize(
    ("given", "per_replica"),
    [
        (Unsaid(requests={"cpu": 0.25}), 0.175),
        (Unsaid(workloads=(DEPLOYMENT,)), 0.28),  # 300m requested, and a limit of 100m that stands in for a request
    ],
    ids=["--requests-cpu", "the Deployment beside it"],
)
def test_cpu_utilization_becomes_cores_in_use_over_requests_times_target(given, per_replica):
    migrated = from_hpa(hpa(resource(type="Utilization", averageUtilization=70)), given)
    spec = spec_of(migrated)

    assert spec.capacity.per_replica == per_replica
    assert spec.load.kind == "Gauge"
    assert spec.load.prometheus.query == (
        'sum(rate(container_cpu_usage_seconds_total{namespace="shop",pod=~"checkout-[a-z0-9]+-[a-z0-9]{5}",'
        'container!="",container!="POD"}[1m]))'
    )
    assert any(f"perReplica {per_replica}" in text for text in told(migrated, Topic.ASSUMED))


def test_requests_that_nobody_knows_are_asked_for_never_invented():
    other = copy.deepcopy(DEPLOYMENT)
    other["metadata"]["namespace"] = "elsewhere"
    silent = copy.deepcopy(DEPLOYMENT)
    del silent["spec"]["template"]["spec"]["containers"][1]["resources"]
    migrated = from_hpa(
        hpa(resource(type="Utilization", averageUtilization=70)), Unsaid(workloads=(other, silent, {"kind": "Service"}))
    )

    assert migrated.unfilled == ("spec.capacity.perReplica",)
    asked = "CPU cores that one replica requests, times 0.7"
    assert told(migrated, Topic.FILL_IN) == [f"spec.capacity.perReplica: {asked}"]
    with pytest.raises(api.SpecError, match=f"spec.capacity.perReplica: .*valid number, got 'FILL IN: {asked}'"):
        api.parse_spec(migrated.manifest)


def test_a_container_is_measured_alone_and_an_average_value_needs_no_requests():
    of_one = resource(container="web", type="Utilization", averageUtilization=50)
    spec = spec_of(from_hpa(hpa(of_one), Unsaid(workloads=(DEPLOYMENT,))))
    assert spec.capacity.per_replica == 0.15
    assert 'container="web"}' in spec.load.prometheus.query

    spec = spec_of(from_hpa(hpa(resource("memory", type="AverageValue", averageValue="500Mi"))))
    assert spec.capacity.per_replica == 500 * 2**20
    assert spec.load.prometheus.query.startswith("sum(container_memory_working_set_bytes{")


@pytest.mark.parametrize("spec", [{"targetCPUUtilizationPercentage": 60}, {}], ids=["60 %", "the default 80 %"])
def test_v1_says_cpu_utilization_in_a_field_of_its_own(spec):
    old = hpa(**spec) | {"apiVersion": "autoscaling/v1"}
    del old["spec"]["metrics"]

    made = spec_of(from_hpa(old, Unsaid(requests={"cpu": 1.0})))
    assert made.capacity.per_replica == (0.6 if spec else 0.8)


def test_several_metrics_become_one_load_in_replicas_of_which_the_highest_counts_and_none_may_be_missing():
    metrics = resource(type="Utilization", averageUtilization=50), resource("memory", averageValue="1Gi")
    spec = spec_of(from_hpa(hpa(*metrics), Unsaid(requests={"cpu": 0.5})))

    cpu, memory = "sum(rate(container_cpu_usage_seconds_total", "sum(container_memory_working_set_bytes"
    assert spec.load.prometheus.query.startswith(f"clamp_min(({cpu}")
    assert f") / 0.25, scalar(({memory}" in spec.load.prometheus.query
    assert spec.load.prometheus.query.endswith(") / 1073741824))")
    assert (spec.capacity.per_replica, spec.load.kind) == (1, "Gauge")


def test_several_metrics_of_which_one_is_unknown_are_refused_until_one_is_chosen():
    metrics = resource(type="AverageValue", averageValue="500m"), external(type="AverageValue", averageValue="30")
    with pytest.raises(MigrateError) as refused:
        from_hpa(hpa(*metrics))
    assert str(refused.value) == (
        'HorizontalPodAutoscaler shop/checkout: metric 0 (Resource "cpu"), metric 1 (External "queue_length"): these '
        'cannot be made into one query, as metric 1 (External "queue_length") is not known well enough: choose one '
        "with --metric N"
    )
    with pytest.raises(MigrateError, match="--query is of one metric: choose one with --metric N"):
        from_hpa(hpa(*metrics), Unsaid(query="sum(queue_length)"))
    with pytest.raises(MigrateError, match=r"has no metric 2: choose of metric 0 \(Resource"):
        from_hpa(hpa(*metrics), Unsaid(chosen=2))

    migrated = from_hpa(hpa(*metrics), Unsaid(query="sum(queue_length)", chosen=1))
    assert spec_of(migrated).capacity.per_replica == 30
    assert told(migrated, Topic.LEFT_OUT) == ['metric 0 (Resource "cpu"): --metric 1 was chosen']


def test_what_has_no_counterpart_is_named_and_what_the_server_adds_is_not():
    given = hpa(
        {**external(type="AverageValue", averageValue="30"), "weight": 3},
        behavior={"scaleUp": {"policies": [POLICY | {"jitter": 1}]}, "sideways": {}},
        strategy="fast",
    )
    given["metadata"] |= {"uid": "1", "managedFields": [{}], "labels": {"team": "shop"}}
    given["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    given["status"] = {"currentReplicas": 3}

    assert told(from_hpa(given, Unsaid(query="q")), Topic.LEFT_OUT) == [
        "spec.strategy: no counterpart",
        "spec.metrics[0].weight: no counterpart",
        "spec.behavior.sideways: no counterpart",
        "spec.behavior.scaleUp.policies[0].jitter: no counterpart",
        "labels and annotations team: copy what you need",
    ]


KEDAS = {"ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout"}]}
HIDDEN = {"annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[]"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": hpa(maxReplicas=None)["spec"]}, "spec.maxReplicas: is required"),
        ({"spec": hpa(maxReplicas="many")["spec"]}, "spec.maxReplicas: input should be a valid integer"),
        ({"spec": hpa(minReplicas=50)["spec"]}, "minReplicas must not exceed maxReplicas"),
        ({"spec": hpa(scaleTargetRef={"name": "x"})["spec"]}, "spec.scaleTargetRef.kind: is required"),
        ({"spec": hpa(external(averageValue="lots"))["spec"]}, "averageValue: is no quantity: write a number such as"),
        ({"spec": hpa(external(averageValue="0"))["spec"]}, "averageValue: input should be greater than 0"),
        ({"spec": hpa(external(type="Value"))["spec"]}, "needs metric.name, and averageValue or value"),
        ({"spec": hpa(resource(type="Utilization"))["spec"]}, "needs a name, and averageUtilization or averageValue"),
        ({"spec": hpa(resource("gpu", averageValue="1"))["spec"]}, "only cpu and memory can be read as a load"),
        ({"spec": hpa({"type": "Moon"})["spec"]}, "spec.metrics[0]: type Moon without its part"),
        ({"spec": hpa(behavior={"scaleUp": {"policies": []}})["spec"]}, "spec.behavior.scaleUp.policies"),
        ({"spec": []}, "spec: "),
        ({"apiVersion": "autoscaling/v2beta1"}, "get it as v2: kubectl get hpa.v2.autoscaling checkout -o yaml"),
        ({"apiVersion": "autoscaling/v1", "metadata": HPA["metadata"] | HIDDEN}, "holds what v1 cannot say: get it as"),
        ({"metadata": HPA["metadata"] | KEDAS}, "bayescaler generate from-scaledobject"),
        ({"metadata": {"namespace": "shop"}}, "metadata.name: is required"),
        ({"metadata": {"name": "checkout"}}, "names no namespace, which its queries need: give --namespace"),
        ({"kind": "Deployment"}, "is a Deployment, expected a HorizontalPodAutoscaler"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_carried_over_is_one_line_with_field_and_cure(changes, said):
    with pytest.raises(MigrateError) as refused:
        from_hpa(HPA | changes)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_text_of_the_object_cannot_leave_its_comment_and_reads_back_as_it_was():
    evil = 'requests\nspec: {mode: Auto}\u2028# \x1b[31m"'
    metric = {"metric": {"name": evil}, "target": {"averageValue": "1"}}
    query = "sum(\n  rate(a[1m])\n)"
    given = hpa({"type": "External", "external": metric}, **{evil: 1})

    for unsaid in (Unsaid(), Unsaid(query=query)):
        migrated = from_hpa(given, unsaid)
        comments = [line for line in migrated.yaml().splitlines() if line.startswith("#")]
        assert len(comments) == 1 + len(migrated.notes)
        assert all(line.isprintable() for line in comments)
        assert yaml.safe_load(migrated.yaml()) == migrated.manifest
