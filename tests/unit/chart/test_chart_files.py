"""What holds of the chart without helm: its schema, its values, its copy of the CRD and its versions agree."""

import json
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bayescaler.api import crd_yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "bayescaler"
CRD_FILE = "bayescaler.dev_bayesianautoscalers.yaml"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def refused(changes: dict[str, Any]) -> str:
    """The path of the first value that the schema refuses."""
    values = deepcopy(VALUES)
    for path, value in changes.items():
        *parents, last = path.split(".")
        holder = values
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[last] = value
    errors = sorted(
        jsonschema.Draft7Validator(SCHEMA).iter_errors(values), key=lambda error: list(map(str, error.path))
    )
    assert errors, f"{changes} was accepted"
    return ".".join(map(str, errors[0].path))


def paths_of_values(values: dict[str, Any], schema: dict[str, Any], above: str = "") -> Iterator[tuple[str, bool]]:
    """Each path the schema knows, and whether values.yaml gives it a default."""
    for name, part in schema["properties"].items():
        path = f"{above}{name}"
        yield path, name in values
        if "properties" in part:
            yield from paths_of_values(values.get(name, {}), part, f"{path}.")


def test_the_schema_is_one_and_accepts_the_defaults() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(VALUES)


def test_every_value_of_the_schema_has_a_default_and_every_default_a_place_in_the_schema() -> None:
    # The second half is additionalProperties: false, asserted on the defaults above.
    missing = [path for path, given in paths_of_values(VALUES, SCHEMA) if not given]
    assert missing == ["global"]  # helm itself adds it when the chart is a part of another


def test_every_value_is_used_by_a_template_and_templates_use_no_other() -> None:
    text = "".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))
    used = set(re.findall(r"\.Values\.([A-Za-z.]+[A-Za-z])", text))
    known = {path for path, _ in paths_of_values(VALUES, SCHEMA)}
    groups = {path.rsplit(".", 1)[0] for path in known if "." in path}
    assert used <= known
    assert known - groups - used == {"global"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"replicas": 3}, ""),
        ({"operator.intervall": "15s"}, "operator"),
        ({"prometheus.adress": "http://p:9090"}, "prometheus"),
        ({"rbac.secret": {}}, "rbac"),
        ({"rbac.floor": "no"}, "rbac.floor"),
        ({"replicaCount": "2"}, "replicaCount"),
        ({"replicaCount": -1}, "replicaCount"),
        ({"operator.interval": 15}, "operator.interval"),
        ({"operator.interval": "15 seconds"}, "operator.interval"),
        ({"operator.logLevel": "verbose"}, "operator.logLevel"),
        ({"prometheus.address": "prometheus:9090"}, "prometheus.address"),
        ({"prometheus.allow": ["http://a", "ftp://b"]}, "prometheus.allow.1"),
        ({"image.digest": "sha256:123"}, "image.digest"),
        ({"watchNamespaces": ["Shop"]}, "watchNamespaces.0"),
        ({"watchNamespaces": "shop"}, "watchNamespaces"),
        ({"rbac.extraScaleTargets": [{"group": "argoproj.io"}]}, "rbac.extraScaleTargets.0"),
        ({"rbac.extraScaleTargets": [{"group": "*", "resource": "*"}]}, "rbac.extraScaleTargets.0.group"),
        ({"rbac.secrets": {"shop": []}}, "rbac.secrets.shop"),
        ({"rbac.secrets": {"shop": "prom"}}, "rbac.secrets.shop"),
        ({"service.port": 0}, "service.port"),
        ({"leaderElection.enabled": False}, "replicaCount"),
    ],
    ids=str,
)
def test_a_value_unknown_or_of_the_wrong_kind_is_refused_at_its_path(changes: dict[str, Any], path: str) -> None:
    assert refused(changes) == path


def test_one_replica_needs_no_leader_election() -> None:
    values = VALUES | {"replicaCount": 1, "leaderElection": {"enabled": False}}
    jsonschema.Draft7Validator(SCHEMA).validate(values)


def test_the_charts_crd_is_the_generated_one() -> None:
    copy = (CHART / "files" / CRD_FILE).read_text()
    assert copy == (ROOT / "crds" / CRD_FILE).read_text() == crd_yaml(), (
        f"charts/bayescaler/files/{CRD_FILE} and crds/{CRD_FILE} must be what `bayescaler generate crd` gives"
    )


def test_the_crd_leaves_room_for_the_annotation_that_keeps_it() -> None:
    # templates/crd.yaml puts the annotation behind the only line that begins the metadata.
    text = (CHART / "files" / CRD_FILE).read_text()
    assert text.count("\nmetadata:\n") == 1
    assert "annotations" not in yaml.safe_load(text)["metadata"]


def test_the_chart_installs_the_version_of_this_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == project["version"]
    assert chart["description"] in project["description"] or project["description"].endswith(chart["description"][1:])


def test_the_image_is_built_from_what_the_build_context_lets_in() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {
        source for line in lines if line.startswith("COPY ") and "--from" not in line for source in line.split()[1:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_image_and_chart_agree_on_user_and_folders() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    deployment = (CHART / "templates" / "deployment.yaml").read_text()
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert user is not None
    assert f"runAsUser: {user.group(1)}" in deployment
    assert f"runAsGroup: {user.group(2)}" in deployment
    kernels = re.search(r"NUMBA_CACHE_DIR=(\S+) python", dockerfile)
    assert kernels is not None
    assert f"{kernels.group(1)}/." in deployment
