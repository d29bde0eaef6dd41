"""The chart as real helm renders it: valid for Kubernetes over many values, least in privilege, restricted
in its pods.
"""

import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from harness.binaries import Binaries

from bayescaler.cluster.saved_states import SHARDS

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "bayescaler"
RIGHTS = yaml.safe_load((ROOT / "tests" / "rbac.yaml").read_text())
RELEASE, NAMESPACE = "bayescaler", "bayescaler-system"
KUBERNETES_VERSION = "1.34"

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
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "resources": {},
    },
}

Manifest = dict[str, Any]


class Helm:
    """Real helm on the chart, with values from a file as a user gives them."""

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        self._command = command
        self._values = folder / "values.yaml"

    def run(self, *arguments: str, values: Manifest | None = None) -> subprocess.CompletedProcess[str]:
        self._values.write_text(yaml.safe_dump(values or {}))
        command = [*self._command, *arguments, str(CHART), "--namespace", NAMESPACE, "--values", str(self._values)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def template(self, values: Manifest) -> list[Manifest]:
        done = self.run("template", RELEASE, values=values)
        assert done.returncode == 0, done.stderr
        return [one for one in yaml.safe_load_all(done.stdout) if one]

    def notes(self, values: Manifest) -> str:
        done = self.run("install", RELEASE, "--dry-run=client", values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("NOTES:\n")[2]


@pytest.fixture
def helm(binaries: Binaries, tmp_path: Path) -> Helm:
    return Helm(binaries.helm, tmp_path)


@pytest.fixture(params=MATRIX, ids=str)
def rendered(helm: Helm, request: pytest.FixtureRequest) -> list[Manifest]:
    return helm.template(MATRIX[request.param])


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def operator_pod(manifests: list[Manifest]) -> Manifest:
    (deployment,) = of_kind(manifests, "Deployment")
    return deployment["spec"]["template"]["spec"]


def rules(manifests: list[Manifest]) -> list[Manifest]:
    return [
        rule | {"in": role["metadata"].get("namespace")}
        for role in of_kind(manifests, "Role", "ClusterRole")
        for rule in role["rules"]
    ]


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_lint_has_nothing_to_say(helm: Helm, values: Manifest) -> None:
    done = helm.run("lint", "--strict", values=values)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def test_every_manifest_is_valid_for_kubernetes(rendered: list[Manifest]) -> None:
    for one in rendered:
        kubernetes_validate.validate(one, KUBERNETES_VERSION, strict=True)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in rendered]
    assert len(set(names)) == len(names)


def test_every_binding_ties_a_role_that_is_there_to_the_operators_account(rendered: list[Manifest]) -> None:
    account = operator_pod(rendered)["serviceAccountName"]
    roles = {
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in of_kind(rendered, "Role", "ClusterRole")
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
    pod = operator_pod(rendered)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all("emptyDir" in volume for volume in pod["volumes"] if volume["name"] != "state")
    for container in [*pod["initContainers"], *pod["containers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True


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
        (MATRIX["no floor"], {("bayescaler", None): FLOORLESS} | ELECTION),
        (MATRIX["no rbac"], {}),
        (MATRIX["single"], {("bayescaler", None): SERVED} | SAVED),
    ],
    ids=[
        "defaults",
        "one namespace",
        "namespaces and secrets",
        "more targets",
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
    assert not of_kind(manifests, "ClusterRole", "ClusterRoleBinding")
    assert {rule["in"] for rule in rules(manifests)} == {"shop", "web", NAMESPACE}
    secrets = {rule["in"]: rule.get("resourceNames") for rule in rules(manifests) if "secrets" in rule["resources"]}
    assert secrets == {"shop": ["prometheus-auth"], "web": None}


def test_the_crd_is_the_generated_one_and_stays(helm: Helm) -> None:
    (crd,) = of_kind(helm.template({}), "CustomResourceDefinition")
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert crd == yaml.safe_load((CHART / "files" / "bayescaler.dev_bayesianautoscalers.yaml").read_text())
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
    ("values", "says"),
    [
        ({"operator": {"interval": 15}}, r"operator.interval"),
        ({"prometheus": {"adress": "x"}}, r"adress"),
        ({"leaderElection": {"enabled": False}}, r"replicaCount"),
        ({"watchNamespaces": ["web"], "rbac": {"secrets": {"shop": ["a"]}}}, r"rbac\.secrets\.shop: .* not watched"),
    ],
    ids=str,
)
def test_bad_values_are_refused_by_helm_itself(helm: Helm, values: Manifest, says: str) -> None:
    done = helm.run("template", RELEASE, values=values)
    assert done.returncode != 0
    assert re.search(says, done.stderr.replace("/", ".")), done.stderr


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
