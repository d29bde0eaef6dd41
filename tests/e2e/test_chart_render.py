"""The chart as real helm renders it: lint has nothing to say, Helm 3 agrees, Kubernetes takes all of it, pods are
restricted and told what the values say.
"""

import itertools
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import NAMESPACE, RELEASE, Helm, Manifest, of_kind, operator_pod, pod_of
from harness.chart_matrix import MATRIX

KUBERNETES_VERSIONS = ("1.34", "1.37")  # the oldest and the newest that the package has schemas of
FOREIGN = ("ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate")  # not Kubernetes' own


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
        "--token-audience=bayescaler",
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
