"""Values that the chart does not know, or of the wrong kind: helm refuses each and names its path."""

import json

import pytest
from harness.chart import Helm, Manifest

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
    ({"replicaCount": -1}, "at '/replicaCount'"),
    ({"operator": {"interval": "15 seconds"}}, "at '/operator/interval'"),
    ({"prometheus": {"allow": ["http://a", "ftp://b"]}}, "at '/prometheus/allow/1'"),
    ({"rbac": {"extraScaleTargets": [{"group": "argoproj.io"}]}}, "at '/rbac/extraScaleTargets/0'"),
    ({"rbac": {"extraScaleTargets": [{"group": "*", "resource": "*"}]}}, "at '/rbac/extraScaleTargets/0/group'"),
    ({"rbac": {"floor": "no"}}, "at '/rbac/floor'"),
    ({"rbac": {"secrets": {"shop": []}}}, "at '/rbac/secrets/shop'"),
    ({"rbac": {"secrets": {"shop": "prom"}}}, "at '/rbac/secrets/shop'"),
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
    ({"operator": {"tokenAudiences": ["a b"]}}, "at '/operator/tokenAudiences/0'"),
    ({"extraEnv": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}]}, "at '/extraEnv/0'"),
    ({"extraVolumes": [{"name": "cache", "emptyDir": {}}]}, "at '/extraVolumes/0/name'"),
    ({"extraVolumes": [{"name": "console-tls", "emptyDir": {}}]}, "at '/extraVolumes/0/name'"),
    ({"metrics": {"tls": {"issuerRef": {"kind": "ClusterIssuer"}}}}, "at '/metrics/tls/issuerRef'"),
    ({"metrics": {"monitor": {"credentials": {"name": "scraper"}}}}, "at '/metrics/monitor/credentials'"),
    # what does not go together
    ({"metrics": {"auth": True}}, "metrics.auth: tokens must not cross the network in the clear"),
    (
        {"metrics": {"auth": True, "tls": {"secretName": "x"}, "monitor": {"enabled": True, "kind": "PodMonitor"}}},
        "metrics.monitor.credentials: a PodMonitor",
    ),
    (
        {"metrics": {"monitor": {"enabled": True, "credentials": {"name": "scraper", "key": "token"}}}},
        "metrics.monitor.credentials: a token would be sent where none is asked for",
    ),
    (
        {
            "metrics": {"auth": True, "tls": {"secretName": "x"}, "monitor": {"enabled": True}},
            "operator": {"tokenAudiences": ["bayescaler"]},
        },
        "metrics.monitor.credentials: Prometheus' own token is not for operator.tokenAudiences",
    ),
    (
        {
            "metrics": {"tls": {"secretName": "one", "issuerRef": {"kind": "ClusterIssuer", "name": "internal"}}},
            "console": {
                "enabled": True,
                "tls": {"secretName": "one", "issuerRef": {"kind": "ClusterIssuer", "name": "internal"}},
            },
        },
        "console.tls.secretName: metrics.tls has this one issued already",
    ),
    ({"leaderElection": {"enabled": False}}, "at '/replicaCount'"),
    ({"watchNamespaces": ["web"], "rbac": {"secrets": {"shop": ["a"]}}}, "rbac.secrets.shop: this namespace is not"),
]


@pytest.mark.parametrize(("values", "says"), REFUSED, ids=lambda value: json.dumps(value) if value else "")
def test_bad_values_are_refused_by_helm_naming_the_path(helm: Helm, values: Manifest, says: str) -> None:
    assert says in helm.refusal(values)
