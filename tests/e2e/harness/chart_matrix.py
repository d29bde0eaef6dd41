"""The values that the chart is rendered with: each of its switches on and off, alone and together."""

from harness.chart import Manifest

MATRIX: dict[str, Manifest] = {
    "defaults": {},
    "one namespace": {"watchNamespaces": ["shop"], "crds": {"install": False}},
    "namespaces and secrets": {
        "watchNamespaces": ["shop", "web"],
        "rbac": {"secrets": {"shop": ["prometheus-auth"], "web": ["*"]}},
    },
    "secrets of the cluster": {"rbac": {"secrets": {"shop": ["a", "b"]}}},
    "more targets": {
        "rbac": {
            "extraScaleTargets": [
                {"group": "argoproj.io", "resource": "rollouts"},
                {"group": "apps", "resource": "replicasets"},
            ]
        }
    },
    "no floor": {"rbac": {"floor": False}},
    "no rbac": {"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "mine"}},
    "single": {"replicaCount": 1, "leaderElection": {"enabled": False}},
    "own names": {"fullnameOverride": "scaler", "nameOverride": "x", "leaderElection": {"leaseName": "the.lease"}},
    "prometheus": {
        "prometheus": {
            "address": "http://prometheus.monitoring:9090",
            "allow": ["https://thanos/team-a", "http://m:80"],
        },
        "operator": {
            "interval": "30s",
            "startup": "1m30s",
            "logFormat": "text",
            "logLevel": "debug",
            "tokenAudiences": ["bayescaler"],
        },
    },
    "volume": {"state": {"volume": {"persistentVolumeClaim": {"claimName": "states"}}}},
    "console": {"console": {"enabled": True, "port": 9443, "tls": {"secretName": "console-tls"}}},
    "console of the pod": {"watchNamespaces": ["shop"], "console": {"enabled": True}},
    "metrics over TLS": {
        "metrics": {"tls": {"secretName": "metrics-cert"}, "monitor": {"enabled": True, "kind": "PodMonitor"}}
    },
    "metrics for tokens": {
        "metrics": {
            "tls": {"issuerRef": {"kind": "ClusterIssuer", "name": "internal"}},
            "auth": True,
            "monitor": {"enabled": True},
        }
    },
    "everything of a pod": {
        "image": {"repository": "r.example/bayescaler", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "commonLabels": {"team": "platform"},
        "podLabels": {"sidecar": "no"},
        "podAnnotations": {"note": "1"},
        "serviceAccount": {"annotations": {"cloud/role": "x"}},
        "service": {"port": 9100, "annotations": {"prometheus.io/scrape": "true"}},
        "priorityClassName": "high",
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
        ],
        "commonAnnotations": {"owner": "platform"},
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
        "extraArgs": ["--metric-lag=30s"],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "company-ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/company", "readOnly": True}],
        "resources": {},
    },
    "everything switched on": {
        "prometheus": {"address": "https://prometheus.monitoring/eu", "allow": ["http://thanos:10902"]},
        "leaderElection": {"flowSchema": True},
        "podDisruptionBudget": {"maxUnavailable": "50%"},
        "networkPolicy": {
            "enabled": True,
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "apiServer": {"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}], "ports": [443]},
            "prometheus": {"to": [{"namespaceSelector": {}}]},
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 3128}]}],
        },
        "metrics": {
            "monitor": {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboards": {"enabled": True, "namespace": "grafana", "annotations": {"grafana_folder": "Autoscaling"}},
        },
    },
    "everything switched off": {
        "replicaCount": 1,
        "crds": {"install": False},
        "rbac": {"create": False, "aggregate": False},
        "serviceAccount": {"create": False},
        "uninstall": {"restoreFloors": False},
        "podDisruptionBudget": {"enabled": False},
    },
}
