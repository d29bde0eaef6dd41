"""How a release is made: workflows that hold to a schema and to few rights, pinned parts, an SBOM of the lock."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: path for path in sorted(FOLDER.iterdir())}
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
DIGEST = f"sha256:{'3' * 64}"
LOCAL = "./.github/workflows/ci.yaml"
WRITES = {
    ("release", "image"): {"packages", "id-token"},
    ("release", "chart"): {"packages", "id-token"},
    ("release", "release"): {"contents", "id-token"},
}


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOWS[name].read_text())
    return found


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, told in workflow(name)["jobs"].items():
        yield from ((job, step) for step in (*told.get("steps", ()), *([told] if "uses" in told else ())))


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment or None, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", [*WORKFLOWS.values()]),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yaml"]),
    ],
)
def test_what_github_reads_is_valid_by_its_schema(schema: str, paths: list[Path]) -> None:
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *paths)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(name: str) -> None:
    used = [step["uses"] for _, step in steps(name) if "uses" in step]
    assert used
    assert [one for one in used if one != LOCAL and not PINNED.match(one)] == []
    lines = [line for line in WORKFLOWS[name].read_text().splitlines() if "uses:" in line and LOCAL not in line]
    assert [line for line in lines if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_job_has_a_right_that_it_does_not_need_and_no_checkout_leaves_its_token(name: str) -> None:
    told = workflow(name)
    assert set(told["permissions"].values()) <= {"read"}
    for job, content in told["jobs"].items():
        rights = content.get("permissions", {})
        assert {right for right, level in rights.items() if level == "write"} == WRITES.get((name, job), set()), job
    for _, step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_of_the_event_is_pasted_into_a_script(name: str) -> None:
    scripts = [step["run"] for _, step in steps(name) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_a_release_comes_of_a_tag_after_all_checks_and_what_it_publishes_is_signed() -> None:
    told = workflow("release")
    triggers = told[True]  # YAML 1.1 takes `on` for a boolean
    assert triggers == {"push": {"tags": ["v*.*.*"]}}
    jobs = told["jobs"]
    assert jobs["checks"]["uses"] == LOCAL
    assert (jobs["image"]["needs"], jobs["chart"]["needs"]) == ("checks", "image")
    assert ".ci/run" in [step.get("run") for _, step in steps("ci")]
    scripts = "\n".join(step["run"] for _, step in steps("release") if "run" in step)
    for part in ("cosign sign --yes --recursive", "cosign attest", '"$CHARTS/bayescaler@', "cosign sign-blob"):
        assert part in scripts
    (build,) = (step["with"] for _, step in steps("release") if "build-push-action" in step.get("uses", ""))
    assert build["platforms"].split(",") == ["linux/amd64", "linux/arm64"]
    assert (build["provenance"], build["sbom"]) == ("mode=max", True)
    assert all((ROOT / word).exists() for word in re.findall(r"\.ci/\w+|deploy/\S+\.yaml", scripts))


def test_an_image_is_pushed_only_after_the_same_build_has_started() -> None:
    image = [step for job, step in steps("release") if job == "image"]
    (tried,) = (place for place, step in enumerate(image) if ".ci/release try" in step.get("run", ""))
    (pushed,) = (place for place, step in enumerate(image) if step.get("with", {}).get("push"))
    (builder,) = (place for place, step in enumerate(image) if "setup-buildx-action" in step.get("uses", ""))
    assert builder < tried < pushed
    build, run_it = image[tried]["run"].splitlines()
    assert (build.split()[-1], image[pushed]["with"]["context"]) == (".", ".")
    assert run_it.split()[-1] == build.split()[-2]


# An engine that looks at how it is asked, and runs the command here in place of the image's.
ENGINE = """#!/bin/bash
echo "$@" >> "$ASKED"
while [ "$1" != tried ]; do
  [ "$1" != --volume ] || load="${2%%:*}"
  shift
done
shift
exec "$PROGRAM" "${@/#\\/load.csv/$load}"
"""


@pytest.mark.parametrize(("starts", "code"), [(True, 0), (False, 1)])
def test_an_image_is_tried_as_a_cluster_runs_it(tmp_path: Path, starts: bool, code: int) -> None:
    engine, asked = tmp_path / "docker", tmp_path / "asked"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    program = Path(sys.executable).with_name("bayescaler") if starts else "false"
    told = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(asked), "PROGRAM": str(program)}
    done = run(".ci/release", "try", "tried", **os.environ | told)
    assert done.returncode == code, done.stderr
    lines = asked.read_text().splitlines()
    assert all({"--read-only", "none", "ALL"} <= set(line.split()) and "--user" not in line for line in lines)
    assert starts == ("Run the operator until it is told to stop" in done.stdout) == ("coverage" in done.stdout)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (
        ".ci/release",
        "pyproject.toml",
        "operator/bayescaler/__init__.py",
        "charts/bayescaler/Chart.yaml",
        "charts/bayescaler/values.yaml",
        "deploy/install.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_tag_is_the_version_of_everything(copy: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(".ci/release", "version", f"v{version}", cwd=copy).returncode == 0
    assert run(".ci/release", "version", "v99.0.0", cwd=copy).returncode != 0
    for name in ("pyproject.toml", "operator/bayescaler/__init__.py", "charts/bayescaler/Chart.yaml"):
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace(f'"{version}"', '"0.0.9"'))
        refused = run(".ci/release", "version", f"v{version}", cwd=copy)
        assert (refused.returncode, f"but {name} says" in refused.stderr) == (1, True)
        (copy / name).write_text(text)


def test_the_released_chart_and_manifests_name_the_image_by_digest(copy: Path) -> None:
    assert run(".ci/release", "pin", "r.example/bayescaler", DIGEST, cwd=copy).returncode == 0
    image = yaml.safe_load((copy / "charts/bayescaler/values.yaml").read_text())["image"]
    assert (image["repository"], image["digest"]) == ("r.example/bayescaler", DIGEST)
    text = (copy / "deploy/install.yaml").read_text()
    assert set(re.findall(r"^ +image: (.*)$", text, re.MULTILINE)) == {f"r.example/bayescaler@{DIGEST}"}
    before = (ROOT / "deploy/install.yaml").read_text()
    assert re.sub(r"image: .*", "", text) == re.sub(r"image: .*", "", before)
    assert run(".ci/release", "pin", "r.example/bayescaler", "latest", cwd=copy).returncode != 0


def test_the_image_is_tagged_as_the_chart_asks_for_it() -> None:
    (build,) = (step["with"] for _, step in steps("release") if "build-push-action" in step.get("uses", ""))
    (version,) = (step for _, step in steps("release") if step.get("id") == "version")
    assert build["tags"] == "${{ env.IMAGE }}:${{ steps.version.outputs.image }}"
    assert "image=${GITHUB_REF_NAME#v}" in version["run"]
    chart = yaml.safe_load((ROOT / "charts/bayescaler/Chart.yaml").read_text())
    assert not chart["appVersion"].startswith("v")


def test_every_file_that_is_published_is_signed_and_its_signature_published(copy: Path) -> None:
    (script,) = (step["run"] for _, step in steps("release") if "gh release create" in step.get("run", ""))
    made = {"make": "touch out/bayescaler.cdx.json", "cosign": 'touch "$4"', "gh": ""}
    for name, does in made.items():
        program = copy / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> asked\n{does}\n')
        program.chmod(0o755)
    (copy / "out").mkdir()
    path = f"{copy / 'bin'}:{os.environ['PATH']}"
    told = {"IMAGE": "r.example/bayescaler", "DIGEST": DIGEST, "GITHUB_REF_NAME": "v1.0.0", "PATH": path}
    done = run("bash", "-eo", "pipefail", "-c", script, cwd=copy, **told)
    assert done.returncode == 0, done.stderr
    asked = [line.split() for line in (copy / "asked").read_text().splitlines()]
    bundles = {words[-1]: words[words.index("--bundle") + 1] for words in asked if words[:2] == ["cosign", "sign-blob"]}
    (published,) = ([word for word in words if "/" in word] for words in asked if words[0] == "gh")
    assert {"deploy/install.yaml", "out/bayescaler.cdx.json"} <= set(published)
    assert sorted(published) == sorted([*bundles, *bundles.values()])
    assert all((copy / file).exists() for file in published)


def test_uv_is_of_one_version_in_the_image_and_beside_it(tmp_path: Path) -> None:
    pinned = re.findall(r"^ARG UV_VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(pinned) == 1
    planned = run("make", "--dry-run", f"VENV={tmp_path}", str(tmp_path / "bin/uv")).stdout
    assert re.findall(r"uv==([^\s\"]+)", planned) == pinned
    assert 'pip install --no-cache-dir "uv==${UV_VERSION}"' in (ROOT / "Dockerfile").read_text()


def is_of_the_image(marker: str) -> bool:
    """Whether a package with this marker, "" for none, is installed by the image's Python, on both its processors."""
    (python,) = re.findall(r"^FROM python:(\d+\.\d+)-slim", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    found = {
        not marker or Marker(marker).evaluate({**linux, **versions, "platform_machine": machine})
        for machine in ("x86_64", "aarch64")
    }
    assert len(found) == 1, f"of one processor alone: {marker}"
    return found.pop()


def test_the_sbom_has_what_the_image_installs_and_else_only_what_its_marker_leaves_out(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = run("make", "-s", "sbom", f"UV={uv}", f"SBOM={tmp_path / 'sbom.json'}")
    assert done.returncode == 0, done.stderr
    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "bayescaler")
    listed = set()
    for part in bill["components"]:
        assert part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        assert any(known["hashes"][0]["alg"] == "SHA-256" for known in part["externalReferences"])
        properties = {one["name"]: one["value"] for one in part.get("properties", ())}
        if is_of_the_image(properties.get("uv:package:marker", "")):
            listed.add((part["name"], part["version"]))

    *_, options = re.findall(r"^RUN uv sync (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    form = ("--quiet", "--no-emit-project", "--no-hashes", "--no-annotate", "--no-header")
    exported = run(uv, "export", *options.split(), *form)
    assert exported.returncode == 0, exported.stderr
    wanted = [Requirement(line) for line in exported.stdout.splitlines()]
    assert len(wanted) > 20
    assert listed == {
        (one.name, str(one.specifier).removeprefix("==")) for one in wanted if is_of_the_image(str(one.marker or ""))
    }
