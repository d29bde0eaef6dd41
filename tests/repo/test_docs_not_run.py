"""Commands of the pages that no test runs, as they need a container engine, a registry or a Grafana: all are here.

What is held of them: a shell takes each, and the images, names and ports in it are those of the Dockerfile, the chart,
the dashboards and the commands around it.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
CHART = ROOT / "charts/bayescaler"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
IMAGE = f"{VALUES['image']['repository']}:{VERSION}"
FENCED = re.compile(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
STACK, STACKS_NAMESPACE = "kube-prometheus-stack", "monitoring"
ELSEWHERE = re.compile(rf"^(docker|kind|cosign|helm repo) |\b{STACK}\b|-n {STACKS_NAMESPACE}\b|oci://")
GITHUB = "https://token.actions.githubusercontent.com"
SIGNER = f"https://github.com/bayescaler/bayescaler/.github/workflows/release.yaml@refs/tags/v{VERSION}"
SIGNED = f"--certificate-oidc-issuer {GITHUB} --certificate-identity {SIGNER}"
CHARTS = "ghcr.io/bayescaler/charts"
INTO = "--namespace bayescaler-system --create-namespace"
NOT_RUN = {
    "tutorial.md": (
        "kind create cluster --name bayescaler",
        "helm repo add prometheus-community https://prometheus-community.github.io/helm-charts",
        f"helm install {STACK} prometheus-community/{STACK} --namespace {STACKS_NAMESPACE} --create-namespace --wait",
        f"docker build -t {IMAGE} .",
        f"kind load docker-image {IMAGE} --name bayescaler",
        f"kubectl port-forward -n {STACKS_NAMESPACE} svc/{STACK}-prometheus 9090",
        f"kubectl get secret -n {STACKS_NAMESPACE} {STACK}-grafana -o jsonpath='{{.data.admin-password}}' | base64 -d",
        f"kubectl port-forward -n {STACKS_NAMESPACE} svc/{STACK}-grafana 3000:80",
        "kind delete cluster --name bayescaler",
    ),
    "doctor.md": (f"kubectl port-forward -n {STACKS_NAMESPACE} svc/prometheus 9090",),
    "security.md": (
        f"cosign verify {IMAGE} {SIGNED}",
        f"cosign verify-attestation --type cyclonedx {IMAGE} {SIGNED}",
        f"cosign verify {CHARTS}/bayescaler:{VERSION} {SIGNED}",
        f"cosign verify-blob install.yaml --bundle install.yaml.sigstore.json {SIGNED}",
        f"helm install bayescaler oci://{CHARTS}/bayescaler --version {VERSION} {INTO}",
        f"docker buildx imagetools inspect {IMAGE} --format '{{{{ json .Provenance }}}}'",
        f"docker buildx imagetools inspect {IMAGE} --format '{{{{ json .SBOM }}}}'",
    ),
}


def commands(text: str) -> list[str]:
    """Every line of the blocks of a page, lines that go on on the next one joined."""
    blocks = [*FENCED.findall(text), *INDENTED.findall(ANY_BLOCK.sub("", text))]
    joined = (re.sub(r" *\\\n *", " ", block) for block in blocks)
    return [line.strip() for block in joined for line in block.splitlines()]


def of(option: str, line: str) -> str:
    """What a command gives an option."""
    words = shlex.split(line)
    return words[words.index(option) + 1]


def test_whatever_needs_an_engine_a_registry_or_a_grafana_is_named_here_as_not_run() -> None:
    found = {page.name: [line for line in commands(page.read_text()) if ELSEWHERE.search(line)] for page in PAGES}
    told = {page: sorted(lines) for page, lines in found.items() if lines}
    readme = told.pop("README.md", [])
    assert [line for line in readme if not line.startswith("helm upgrade bayescaler ")] == [], "its values are checked"
    assert told == {page: sorted(lines) for page, lines in NOT_RUN.items()}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if FENCED.search(page.read_text())], ids=lambda page: page.name
)
def test_a_shell_takes_every_block_for_it(page: Path) -> None:
    script = "\n".join(FENCED.findall(page.read_text()))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", [line for lines in NOT_RUN.values() for line in lines])
def test_a_shell_takes_what_is_not_run(line: str) -> None:
    done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tutorials_image_is_built_of_the_dockerfile_here_and_the_one_that_the_chart_asks_for() -> None:
    built, loaded = (line for line in NOT_RUN["tutorial.md"] if IMAGE in line)
    assert shlex.split(built)[-1] == "."
    assert (ROOT / "Dockerfile").exists()
    template = (CHART / "templates/deployment.yaml").read_text() + (CHART / "templates/_helpers.tpl").read_text()
    assert "Chart.AppVersion" in template, "where no tag is given"
    assert (of("-t", built), shlex.split(loaded)[3]) == (IMAGE, IMAGE)
    assert (VALUES["image"]["tag"], VALUES["image"]["digest"]) == ("", "")


def test_the_tutorials_cluster_is_one_from_its_making_to_its_end() -> None:
    lines = [line for line in NOT_RUN["tutorial.md"] if line.startswith("kind ")]
    assert [line.split()[1] for line in lines] == ["create", "load", "delete"]
    assert len({of("--name", line) for line in lines}) == 1


def test_the_tutorials_prometheus_is_found_by_the_release_and_namespace_it_is_installed_under() -> None:
    (installed,) = (line for line in NOT_RUN["tutorial.md"] if line.startswith("helm install"))
    release, namespace = shlex.split(installed)[2], of("--namespace", installed)
    (block,) = re.findall(r"^```yaml values\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    values = yaml.safe_load(block)
    assert values["prometheus"]["address"] == f"http://{release}-prometheus.{namespace}:9090"
    for kind in ("monitor", "prometheusRule"):
        assert values["metrics"][kind]["labels"] == {"release": release}
    assert set(re.findall(r"-n (\S+) svc/(\S+)-(?:prometheus|grafana) ", TUTORIAL)) == {(namespace, release)}


def test_what_is_forwarded_is_asked_at_the_port_it_is_forwarded_to() -> None:
    asked = set(re.findall(r"http://127\.0\.0\.1:(\d+)", TUTORIAL))
    forwarded = [line.split()[-1].partition(":")[0] for line in NOT_RUN["tutorial.md"] if "port-forward" in line]
    assert asked == set(forwarded)
    console = (ROOT / "docs/console.md").read_text()
    (line,) = (line for line in commands(console) if "port-forward" in line)
    assert line.split()[-1] == str(VALUES["console"]["port"])
    assert f"<http://127.0.0.1:{VALUES['console']['port']}/console/>" in console


def test_the_tutorials_dashboards_are_there_under_the_name_to_look_for() -> None:
    files = sorted((CHART / "files/dashboards").glob("*.json"))
    assert len(files) == 3
    assert "Grafana found the three dashboards by their label" in TUTORIAL
    assert "look for *Bayescaler*" in TUTORIAL
    assert all(yaml.safe_load(file.read_text())["title"].startswith("Bayescaler") for file in files)
