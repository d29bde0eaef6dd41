"""What holds of the chart without helm: its schema, its values, its copy of the CRD and its versions agree."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from bayescaler.api import crd_yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "bayescaler"
CRD_FILE = "bayescaler.dev_bayesianautoscalers.yaml"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


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
    # A group that a template takes as a whole, by `with`, is looked into there by the names of its keys.
    wholes = used & {path.rsplit(".", 1)[0] for path in known if "." in path}
    inside = {path for path in known for whole in wholes if path.startswith(f"{whole}.")}
    assert all(re.search(rf"[ (]\.(\w+\.)?{path.rsplit('.', 1)[1]}\b", text) for path in inside)
    groups = {path.rsplit(".", 1)[0] for path in known if "." in path}
    assert used <= known
    assert known - groups - used - inside == {"global"}


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object within a schema, by its path."""
    if schema.get("type") == "object":
        yield path, schema
    within = [(key, one) for part in ("properties", "definitions") for key, one in schema.get(part, {}).items()]
    within += [("*", one) for one in schema.get("patternProperties", {}).values()]
    within += [("*", schema[key]) for key in ("items", "additionalProperties") if key in schema]
    for where, one in within:
        if isinstance(one, dict):
            yield from objects(one, f"{path}/{where}")


def test_no_object_takes_a_key_that_it_does_not_know() -> None:
    everything = dict(objects(SCHEMA))
    assert len(everything) > 50
    for path, schema in everything.items():
        if str(schema.get("description", "")).endswith("of Kubernetes, which checks it.") or path == "/global":
            assert "properties" not in schema
        elif "properties" in schema or "patternProperties" in schema:
            assert schema["additionalProperties"] is False, path
        else:
            assert schema["additionalProperties"]["type"], path


def test_one_replica_needs_no_leader_election() -> None:
    values = VALUES | {"replicaCount": 1, "leaderElection": {"enabled": False}}
    jsonschema.Draft7Validator(SCHEMA).validate(values)


def test_the_charts_crd_is_the_generated_one() -> None:
    copy = (CHART / "files" / CRD_FILE).read_text()
    assert copy == (ROOT / "crds" / CRD_FILE).read_text() == crd_yaml(), (
        f"charts/bayescaler/files/{CRD_FILE} and crds/{CRD_FILE} must be what `bayescaler generate crd` gives"
    )


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
    of_chart = VALUES["podSecurityContext"]
    assert (str(of_chart["runAsUser"]), str(of_chart["runAsGroup"])) == user.groups()
    kernels = re.search(r"NUMBA_CACHE_DIR=(\S+) python", dockerfile)
    assert kernels is not None
    assert f"{kernels.group(1)}/." in deployment
