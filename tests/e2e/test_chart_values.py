"""What values the chart takes: all that values.yaml names, nothing else, and each refusal names the path."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART, Helm, Manifest

SCHEMA: Manifest = json.loads((CHART / "values.schema.json").read_text())
VALUES: Manifest = yaml.safe_load((CHART / "values.yaml").read_text())
OF_A_PARENT_CHART = {"global"}

REFUSED: list[tuple[Manifest, str]] = [
    # a key that the chart does not know
    ({"replicas": 3}, "'replicas'"),
    ({"prometheus": {"adress": "x"}}, "at '/prometheus'"),
    ({"image": {"registry": "r.example"}}, "at '/image'"),
    ({"rbac": {"extraScaleTargets": [{"group": "a.b", "resource": "c", "verbs": ["*"]}]}}, "/rbac/extraScaleTargets/0"),
    ({"networkPolicy": {"egress": []}}, "at '/networkPolicy'"),
    ({"networkPolicy": {"ingressFrom": [{"namespace": "monitoring"}]}}, "/networkPolicy/ingressFrom/0"),
    ({"metrics": {"serviceMonitor": {"enabled": True}}}, "at '/metrics'"),
    ({"metrics": {"monitor": {"path": "/x"}}}, "at '/metrics/monitor'"),
    ({"tolerations": [{"keys": "x"}]}, "/tolerations/0"),
    ({"affinity": {"podAffinities": {}}}, "at '/affinity'"),
    ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "/topologySpreadConstraints/0"),
    ({"podSecurityContext": {"privileged": True}}, "at '/podSecurityContext'"),
    ({"resources": {"request": {"cpu": 1}}}, "at '/resources'"),
    ({"extraVolumes": [{"name": "x", "hostpath": {}}]}, "/extraVolumes/0"),
    ({"state": {"volume": {"pvc": {}}}}, "at '/state/volume'"),
    # a wrong type, form or range
    ({"replicaCount": "two"}, "at '/replicaCount'"),
    ({"image": {"digest": "sha256:12"}}, "at '/image/digest'"),
    ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy'"),
    ({"operator": {"interval": 15}}, "at '/operator/interval'"),
    ({"operator": {"logLevel": "trace"}}, "at '/operator/logLevel'"),
    ({"watchNamespaces": "shop"}, "at '/watchNamespaces'"),
    ({"watchNamespaces": ["Shop"]}, "at '/watchNamespaces/0'"),
    ({"prometheus": {"address": "prometheus:9090"}}, "at '/prometheus/address'"),
    ({"commonLabels": {"team": "a b"}}, "at '/commonLabels/team'"),
    ({"nodeSelector": {"-disk": "ssd"}}, "at '/nodeSelector'"),
    ({"rbac": {"secrets": {"Shop": ["a"]}}}, "at '/rbac/secrets'"),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, "at '/podLabels'"),
    ({"service": {"port": 0}}, "at '/service/port'"),
    ({"podSecurityContext": {"runAsNonRoot": False}}, "at '/podSecurityContext/runAsNonRoot'"),
    ({"podSecurityContext": {"runAsUser": 0}}, "at '/podSecurityContext/runAsUser'"),
    ({"podDisruptionBudget": {"maxUnavailable": "half"}}, "at '/podDisruptionBudget/maxUnavailable'"),
    ({"resources": {"requests": {"memory": "1 GB"}}}, "at '/resources/requests/memory'"),
    ({"metrics": {"monitor": {"kind": "Monitor"}}}, "at '/metrics/monitor/kind'"),
    ({"networkPolicy": {"apiServer": {"ports": []}}}, "at '/networkPolicy/apiServer/ports'"),
    ({"extraArgs": ["listen 1"]}, "at '/extraArgs/0'"),
    ({"extraEnv": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}]}, "at '/extraEnv/0'"),
    ({"extraVolumes": [{"name": "cache", "emptyDir": {}}]}, "at '/extraVolumes/0/name'"),
    # what does not go together
    ({"leaderElection": {"enabled": False}}, "at '/replicaCount'"),
    ({"watchNamespaces": ["web"], "rbac": {"secrets": {"shop": ["a"]}}}, "rbac.secrets.shop: this namespace is not"),
]


@pytest.fixture
def helm(binaries: Binaries, tmp_path: Path) -> Helm:
    return Helm(binaries.helm, tmp_path)


@pytest.mark.parametrize(("values", "says"), REFUSED, ids=lambda value: json.dumps(value) if value else "")
def test_bad_values_are_refused_by_helm_naming_the_path(helm: Helm, values: Manifest, says: str) -> None:
    assert says in helm.refusal(values)


def objects(schema: Manifest, path: str = "") -> Iterator[tuple[str, Manifest]]:
    """Every schema of an object within a schema, by its path."""
    if schema.get("type") == "object":
        yield path, schema
    within = [(f"{path}/{key}", one) for key, one in schema.get("properties", {}).items()]
    within += [(f"{path}/#/{key}", one) for key, one in schema.get("definitions", {}).items()]
    within += [(f"{path}/*", one) for one in schema.get("patternProperties", {}).values()]
    within += [(f"{path}/*", schema[key]) for key in ("items", "additionalProperties") if key in schema]
    for where, one in within:
        if isinstance(one, dict):
            yield from objects(one, where)


def test_no_object_takes_keys_that_it_does_not_know() -> None:
    everything = dict(objects(SCHEMA))
    assert len(everything) > 50
    for path, schema in everything.items():
        left_to_kubernetes = str(schema.get("description", "")).endswith("of Kubernetes, which checks it.")
        if left_to_kubernetes or path.strip("/") in OF_A_PARENT_CHART:
            assert "properties" not in schema
        elif "properties" in schema:
            assert schema["additionalProperties"] is False, path
        else:
            assert schema.get("patternProperties") or isinstance(schema["additionalProperties"], dict), path


def keys(values: Any, path: str = "") -> set[str]:
    """Paths of all values; what a user names freely ends one."""
    if not isinstance(values, dict) or not values:
        return {path}
    return {deeper for key, value in values.items() for deeper in keys(value, f"{path}/{key}")}


def known(schema: Manifest, path: str = "") -> set[str]:
    """Paths of all properties of a schema, those of its definitions left out."""
    if "properties" not in schema:
        return {path}
    return {deeper for key, one in schema["properties"].items() for deeper in known(one, f"{path}/{key}")}


# Kubernetes' own, of which the chart's defaults are some.
FREE = ("/resources/", "/podSecurityContext/", "/metrics/dashboards/labels/")


def test_the_schema_knows_every_value_and_values_yaml_tells_every_one() -> None:
    told = {path for path in keys(VALUES) if not path.startswith(FREE)}
    taken = {path for path in known(SCHEMA) if not path.startswith(FREE)} - {f"/{key}" for key in OF_A_PARENT_CHART}
    taken -= {path.rstrip("/") for path in FREE}
    assert told == taken
