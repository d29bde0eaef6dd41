"""The chart as real helm renders it: valid for Kubernetes over many values, least in privilege, restricted
in its pods.
"""

import itertools
import json
import re
import shutil
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART, NAMESPACE, RELEASE, Helm, Manifest, of_kind, operator_pod, pod_of

from bayescaler.cluster.saved_states import SHARDS

RIGHTS = yaml.safe_load((CHART.parents[1] / "tests" / "rbac.yaml").read_text())
KUBERNETES_VERSIONS = ("1.34", "1.37")  # the oldest and the newest that the package has schemas of
FOREIGN = ("ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate")  # not Kubernetes' own

MATRIX = {
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
        "operator": {"interval": "30s", "startup": "1m30s", "logFormat": "text", "logLevel": "debug"},
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


@pytest.fixture(scope="module")
def helm(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(binaries.helm, tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module", params=MATRIX, ids=str)
def rendered(helm: Helm, request: pytest.FixtureRequest) -> list[Manifest]:
    return helm.template(MATRIX[request.param])


def rules(manifests: list[Manifest]) -> list[Manifest]:
    return [
        rule | {"in": role["metadata"].get("namespace")}
        for role in of_kind(manifests, "Role", "ClusterRole")
        if not aggregated(role)
        for rule in role["rules"]
    ]


def aggregated(role: Manifest) -> set[str]:
    """The roles of Kubernetes that a ClusterRole for people is added to."""
    labels = role["metadata"]["labels"]
    return {key.rpartition("-")[2] for key in labels if key.startswith("rbac.authorization.k8s.io/aggregate-to-")}


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_lint_has_nothing_to_say(helm: Helm, values: Manifest) -> None:
    done = helm.run("lint", "--strict", values=values)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def test_helm_3_renders_the_same(
    binaries: Binaries, rendered: list[Manifest], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    values = MATRIX[request.node.callspec.params["rendered"]]
    by_name = sorted(Helm(binaries.helm3, tmp_path).template(values), key=str)
    assert by_name == sorted(rendered, key=str)


def test_every_manifest_is_valid_for_kubernetes(rendered: list[Manifest]) -> None:
    for one, version in itertools.product(rendered, KUBERNETES_VERSIONS):
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in rendered]
    assert len(set(names)) == len(names)


def test_every_binding_ties_a_role_that_is_there_to_the_operators_account(rendered: list[Manifest]) -> None:
    account = operator_pod(rendered)["serviceAccountName"]
    roles = {
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in of_kind(rendered, "Role", "ClusterRole")
        if not aggregated(one)
    }
    bound = set()
    for binding in of_kind(rendered, "RoleBinding", "ClusterRoleBinding"):
        reference = binding["roleRef"]
        bound.add((reference["kind"], binding["metadata"].get("namespace"), reference["name"]))
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    assert bound == roles


def test_selectors_meet_their_pods(rendered: list[Manifest]) -> None:
    (deployment,) = of_kind(rendered, "Deployment")
    (service,) = of_kind(rendered, "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert selector.items() <= labels.items()


def test_pods_meet_the_restricted_profile(rendered: list[Manifest]) -> None:
    for workload in of_kind(rendered, "Deployment", "Job"):
        pod = pod_of(workload)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert not any("hostPath" in volume for volume in pod.get("volumes", ()))
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True


def test_users_are_named_where_the_platform_does_not_choose_them(helm: Helm) -> None:
    assert operator_pod(helm.template({}))["securityContext"]["runAsUser"] == 65532
    chosen = operator_pod(helm.template(MATRIX["everything of a pod"]))["securityContext"]
    assert chosen == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_numba_writes_to_a_volume_that_the_image_filled(rendered: list[Manifest]) -> None:
    pod = operator_pod(rendered)
    (operator,), (kernels,) = pod["containers"], pod["initContainers"]
    folder = next(one["value"] for one in operator["env"] if one["name"] == "NUMBA_CACHE_DIR")
    assert kernels["command"][-1] == folder
    for container in (operator, kernels):
        assert {"name": "cache", "mountPath": folder} in container["volumeMounts"]
    assert operator["image"] == kernels["image"]


def test_a_volume_is_mounted_where_the_operator_is_told_to_keep_posteriors(helm: Helm) -> None:
    pod = operator_pod(helm.template(MATRIX["volume"]))
    assert {"name": "state", "persistentVolumeClaim": {"claimName": "states"}} in pod["volumes"]
    (operator,) = pod["containers"]
    assert "--state-dir=/var/lib/bayescaler" in operator["args"]
    assert {"name": "state", "mountPath": "/var/lib/bayescaler"} in operator["volumeMounts"]
    assert "--state-dir" not in str(operator_pod(helm.template({})))


def granted(manifests: list[Manifest]) -> dict[tuple[str, str | None], dict[str, list[str]]]:
    """Every right of every role, as group/resource (with the names it is bound to) -> verbs."""
    found: dict[tuple[str, str | None], dict[str, list[str]]] = {}
    for role in of_kind(manifests, "Role", "ClusterRole"):
        if aggregated(role):
            continue
        rights = found.setdefault((role["metadata"]["name"], role["metadata"].get("namespace")), {})
        for rule in role["rules"]:
            assert rule.keys() <= {"apiGroups", "resources", "resourceNames", "verbs"}
            names = "".join(f" {name}" for name in rule.get("resourceNames", ()))
            for group, one in itertools.product(rule["apiGroups"], rule["resources"]):
                right = f"{group}/{one}{names}"
                rights[right] = sorted({*rights.get(right, ()), *rule["verbs"]})
    return found


def only(rights: dict[str, list[str]], *names: str) -> dict[str, list[str]]:
    return {" ".join([right, *names]): verbs for right, verbs in rights.items()}


SERVED, SECRETS, LEASE = RIGHTS["served"], RIGHTS["secrets"], only(RIGHTS["leader-election"], RELEASE)
FLOORLESS = SERVED | {right: ["list", "watch"] for right in SERVED if right.startswith(("autoscaling/", "keda.sh/"))}
STATES = " ".join(f"{RELEASE}-state-{number}" for number in range(SHARDS))
SAVED = {("bayescaler-saved-state", NAMESPACE): only(RIGHTS["saved-state"], STATES)}
REVIEWS = {("bayescaler-reviews", None): RIGHTS["reviews"]}
ELECTION = {("bayescaler-leader-election", NAMESPACE): LEASE} | SAVED


@pytest.mark.parametrize(
    ("values", "rights"),
    [
        ({}, {("bayescaler", None): SERVED} | ELECTION),
        (MATRIX["one namespace"], {("bayescaler", "shop"): SERVED} | ELECTION),
        (
            MATRIX["namespaces and secrets"],
            {
                ("bayescaler", "shop"): SERVED,
                ("bayescaler", "web"): SERVED,
                ("bayescaler-secrets", "shop"): only(SECRETS, "prometheus-auth"),
                ("bayescaler-secrets", "web"): SECRETS,
            }
            | ELECTION,
        ),
        (
            {"rbac": {"extraScaleTargets": [{"group": "example.dev", "resource": "rollouts"}]}},
            {("bayescaler", None): SERVED | RIGHTS["extra"]} | ELECTION,
        ),
        (MATRIX["console"], {("bayescaler", None): SERVED} | REVIEWS | ELECTION),
        (MATRIX["console of the pod"], {("bayescaler", "shop"): SERVED} | REVIEWS | ELECTION),
        (MATRIX["metrics over TLS"], {("bayescaler", None): SERVED} | ELECTION),
        (MATRIX["metrics for tokens"], {("bayescaler", None): SERVED} | REVIEWS | ELECTION),
        (MATRIX["no floor"], {("bayescaler", None): FLOORLESS} | ELECTION),
        (MATRIX["no rbac"], {}),
        (MATRIX["single"], {("bayescaler", None): SERVED} | SAVED),
    ],
    ids=[
        "defaults",
        "one namespace",
        "namespaces and secrets",
        "more targets",
        "console",
        "console of the pod",
        "metrics over TLS",
        "metrics for tokens",
        "no floor",
        "no rbac",
        "no leader election",
    ],
)
def test_every_right_is_in_the_table_and_every_right_of_the_table_is_granted(
    helm: Helm, values: Manifest, rights: dict[tuple[str, str | None], dict[str, list[str]]]
) -> None:
    assert granted(helm.template(values)) == rights


def test_watched_namespaces_take_the_place_of_the_cluster(helm: Helm) -> None:
    manifests = helm.template(MATRIX["namespaces and secrets"])
    assert not of_kind(manifests, "ClusterRoleBinding")
    assert all(aggregated(role) for role in of_kind(manifests, "ClusterRole"))
    assert {rule["in"] for rule in rules(manifests)} == {"shop", "web", NAMESPACE}
    secrets = {rule["in"]: rule.get("resourceNames") for rule in rules(manifests) if "secrets" in rule["resources"]}
    assert secrets == {"shop": ["prometheus-auth"], "web": None}


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


def test_the_command_line_says_what_the_values_say(helm: Helm) -> None:
    values = MATRIX["prometheus"] | {"watchNamespaces": ["shop"]}
    (container,) = operator_pod(helm.template(values))["containers"]
    assert container["args"] == [
        "run",
        "--listen=0.0.0.0:8080",
        "--prometheus=http://prometheus.monitoring:9090",
        "--allow-prometheus=https://thanos/team-a",
        "--allow-prometheus=http://m:80",
        "--namespace=shop",
        "--interval=30s",
        "--startup=1m30s",
        f"--lease-namespace={NAMESPACE}",
        "--lease-name=bayescaler",
        "--log-format=text",
        "--log-level=debug",
    ]
    (single,) = operator_pod(helm.template(MATRIX["single"]))["containers"]
    assert "--no-leader-election" in single["args"]
    assert "--lease-name=bayescaler" in single["args"], "saved states are named after it"


@pytest.mark.parametrize(
    ("install", "prometheus"), list(itertools.product([True, False], [{}, {"allow": ["http://m:80"]}]))
)
def test_the_notes_give_an_object_that_the_schema_takes(helm: Helm, install: bool, prometheus: Manifest) -> None:
    notes = helm.notes({"crds": {"install": install}, "prometheus": prometheus})
    manifest = yaml.safe_load(
        re.search(r"^kubectl apply -f - <<'END'\n(.*?)^END$", notes, re.DOTALL | re.MULTILINE).group(1)
    )
    (crd,) = of_kind(helm.template({}), "CustomResourceDefinition")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    jsonschema.Draft202012Validator(schema).validate(manifest)
    assert manifest["spec"].keys() <= schema["properties"]["spec"]["properties"].keys()
    assert ("WARNING: no Prometheus" in notes) == (not prometheus)
    assert ("not part of this release" in notes) == (not install)
    assert f"kubectl -n {NAMESPACE} rollout status deployment/{RELEASE}" in notes
    assert f"kubectl -n {NAMESPACE} logs deployment/{RELEASE}" in notes


def test_people_of_a_namespace_get_what_their_role_says(helm: Helm) -> None:
    roles = {one["metadata"]["name"]: one for one in of_kind(helm.template({}), "ClusterRole") if aggregated(one)}
    assert {name: aggregated(role) for name, role in roles.items()} == {
        "bayescaler-view": {"view"},
        "bayescaler-edit": {"edit", "admin"},
    }
    for name, role in roles.items():
        (rule,) = role["rules"]
        rights = {f"bayescaler.dev/{resource}": sorted(rule["verbs"]) for resource in rule["resources"]}
        assert rights == RIGHTS[name.removeprefix("bayescaler-")]
    assert not any(aggregated(role) for role in of_kind(helm.template({"rbac": {"aggregate": False}}), "ClusterRole"))


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
