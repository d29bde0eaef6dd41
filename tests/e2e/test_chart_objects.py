"""What the chart brings beside the operator's pods: its kind, its budget, its policy, what watches it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART, Helm, Manifest, of_kind, operator_pod, pod_of
from harness.chart_matrix import MATRIX


def test_the_crd_is_the_generated_one_and_stays(helm: Helm) -> None:
    (crd,) = of_kind(helm.template({}), "CustomResourceDefinition")
    metadata = crd.pop("metadata")
    generated = yaml.safe_load((CHART / "files" / "bayescaler.dev_bayesianautoscalers.yaml").read_text())
    assert metadata["name"] == generated.pop("metadata")["name"]
    assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert crd == generated

    (to_go,) = of_kind(helm.template({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "annotations" not in to_go["metadata"]
    assert not of_kind(helm.template({"crds": {"install": False}}), "CustomResourceDefinition")


@pytest.mark.parametrize(
    ("values", "jobs"),
    [
        ({}, ["bayescaler-restore"]),
        (MATRIX["no rbac"], ["bayescaler-restore"]),
        (MATRIX["no floor"], []),
        (MATRIX["single"], []),
        ({"uninstall": {"restoreFloors": False}}, []),
    ],
    ids=["defaults", "rights of one's own", "no right to floors", "no Lease", "not wanted"],
)
def test_floors_are_put_back_at_the_end_where_that_can_be_done(helm: Helm, values: Manifest, jobs: list[str]) -> None:
    assert [job["metadata"]["name"] for job in of_kind(helm.template(values), "Job")] == jobs


def test_two_replicas_are_kept_apart_and_never_drained_together(helm: Helm) -> None:
    manifests = helm.template({})
    (deployment,), (budget,) = of_kind(manifests, "Deployment"), of_kind(manifests, "PodDisruptionBudget")
    selector = deployment["spec"]["selector"]
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert (budget["spec"]["maxUnavailable"], budget["spec"]["selector"]) == (1, selector)
    pod = pod_of(deployment)
    (spread,) = pod["topologySpreadConstraints"]
    (apart,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert spread["labelSelector"] == apart["podAffinityTerm"]["labelSelector"] == selector
    assert {spread["topologyKey"], apart["podAffinityTerm"]["topologyKey"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    assert not of_kind(helm.template({"replicaCount": 1}), "PodDisruptionBudget"), "it would block every drain"


def test_labels_and_annotations_of_the_user_are_on_every_object(helm: Helm) -> None:
    values = {
        "commonLabels": {"team": "x", "app.kubernetes.io/part-of": "platform"},
        "commonAnnotations": {"note": "z"},
    }
    everything = MATRIX["everything switched on"] | {"rbac": {"secrets": {"shop": ["a"]}}} | values
    for one in helm.template(everything):
        assert values["commonLabels"].items() <= one["metadata"]["labels"].items(), one["kind"]
        assert one["metadata"]["annotations"]["note"] == "z", one["kind"]


def test_the_network_policy_lets_out_what_the_operator_needs(helm: Helm) -> None:
    assert not of_kind(helm.template({}), "NetworkPolicy")
    (policy,) = of_kind(helm.template({"networkPolicy": {"enabled": True}}), "NetworkPolicy")
    assert [sorted({port["port"] for port in rule["ports"]}) for rule in policy["spec"]["egress"]] == [
        [53],
        [443, 6443],
    ]

    manifests = helm.template(MATRIX["everything switched on"])
    (policy,) = of_kind(manifests, "NetworkPolicy")
    dns, server, prometheus, extra = policy["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert "to" not in dns
    assert (server["to"], [port["port"] for port in server["ports"]]) == (
        [{"ipBlock": {"cidr": "10.96.0.1/32"}}],
        [443],
    )
    assert [port["port"] for port in prometheus["ports"]] == [443, 10902]
    assert extra["ports"] == [{"port": 3128}]
    (served,) = of_kind(helm.template({"networkPolicy": {"enabled": True}} | MATRIX["console"]), "NetworkPolicy")
    for one, ports in ((policy, ["http"]), (served, ["http", "console"])):
        assert [port["port"] for rule in one["spec"]["ingress"] for port in rule["ports"]] == ports
    (container,) = operator_pod(manifests)["containers"]
    assert [port["port"] for port in policy["spec"]["ingress"][0]["ports"]] == [container["ports"][0]["name"]]
    expressions = {one["key"]: one["values"] for one in policy["spec"]["podSelector"]["matchExpressions"]}
    for workload in of_kind(manifests, "Deployment", "Job"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert all(labels[key] in values for key, values in expressions.items()), workload["kind"]


def test_dashboards_and_rules_are_those_of_the_files_and_only_when_asked_for(
    binaries: Binaries, tmp_path: Path
) -> None:
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("dashboards", "rules"))
    helm = Helm(binaries.helm, tmp_path, chart=chart)
    values = {"metrics": MATRIX["everything switched on"]["metrics"]}
    assert not of_kind(helm.template(values), "ConfigMap", "PrometheusRule"), "no files, no objects"

    dashboard = {"title": "{{ of Grafana }}", "panels": [{"legendFormat": "{{name}}"}]}
    groups = {"groups": [{"name": "x", "rules": [{"alert": "Y", "annotations": {"summary": "{{ $labels.name }}"}}]}]}
    for path, content in (
        ("dashboards/on-call.json", dashboard),
        ("rules/pages.yaml", groups),
        ("rules/recording.yaml", groups),
    ):
        (chart / "files" / path).parent.mkdir(exist_ok=True)
        (chart / "files" / path).write_text(json.dumps(content, indent=2))
    manifests = helm.template(values)
    (board,) = of_kind(manifests, "ConfigMap")
    assert (board["metadata"]["namespace"], board["metadata"]["labels"]["grafana_dashboard"]) == ("grafana", "1")
    assert {name: json.loads(text) for name, text in board["data"].items()} == {"bayescaler-on-call.json": dashboard}
    rules = of_kind(manifests, "PrometheusRule")
    assert {one["metadata"]["name"] for one in rules} == {"bayescaler-pages", "bayescaler-recording"}
    for one in rules:
        assert one["spec"] == groups
        assert one["metadata"]["labels"]["release"] == "prometheus"
    assert not of_kind(helm.template({}), "ConfigMap", "PrometheusRule")
