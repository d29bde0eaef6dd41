"""The CRD: structural, bounded, described, and the same as the committed files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from bayescaler.api import Spec, crd, crd_yaml, reference_markdown
from bayescaler.policy.reasons import Mode
from bayescaler.policy.types import PolicyType, Select

ROOT = Path(__file__).parents[3]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


@pytest.mark.parametrize(
    ("file", "made"),
    [
        ("crds/bayescaler.dev_bayesianautoscalers.yaml", crd_yaml),
        ("docs/reference/resource.md", reference_markdown),
    ],
)
def test_the_committed_file_is_what_the_models_make(file, made):
    assert (ROOT / file).read_text(encoding="utf-8") == made(), f"run `bayescaler generate` to renew {file}"


def test_the_yaml_is_the_crd_and_kubernetes_knows_its_shape():
    loaded = yaml.safe_load(crd_yaml())
    assert loaded == crd()
    validate(loaded, "1.36", strict=True)


def test_no_key_is_used_that_a_structural_schema_forbids(schema):
    forbidden = {
        "$ref",
        "$defs",
        "anyOf",
        "oneOf",
        "allOf",
        "title",
        "additionalProperties",
        "const",
        "examples",
    }
    assert {path: forbidden & set(node) for path, node in nodes(schema) if forbidden & set(node)} == {}
    assert [path for path, node in nodes(schema) if "type" not in node] == []
    assert [path for path, node in nodes(schema) if node.get("x-kubernetes-int-or-string")] == []


def test_every_string_and_list_is_bounded(schema):
    fields = [*nodes(schema["properties"]["spec"], "spec"), *nodes(schema["properties"]["status"], "status")]
    strings = [path for path, node in fields if node["type"] == "string" and not {"maxLength", "enum"} & set(node)]
    assert [path for path in strings if not path.endswith(("Time", "At", ".time"))] == []
    assert [path for path, node in fields if node["type"] == "array" and "maxItems" not in node] == []


def test_every_field_is_described_with_an_example_and_its_default_or_that_it_is_required(schema):
    for part in ("spec", "status"):
        for path, node in nodes(schema["properties"][part], part):
            if path == part or path.endswith("[]"):
                continue
            assert "Example: " in node["description"], path
            parent_requires = "Required." in node["description"]
            if part == "spec":
                assert parent_requires or "Default: " in node["description"], path
            assert "  " not in node["description"], path
            assert not node["description"].endswith(".."), path


def test_every_part_that_may_be_left_out_has_a_default_so_that_its_fields_get_theirs(schema):
    def inner_defaults(node):
        return any("default" in child for _, child in nodes(node) if child is not node)

    spec = schema["properties"]["spec"]
    for path, node in nodes(spec):
        for name, child in node.get("properties", {}).items():
            if child["type"] == "object" and inner_defaults(child) and name not in node.get("required", ()):
                assert child["default"] == {}, f"{path}.{name}"


def test_the_words_are_those_of_the_policy():
    fields = Spec.model_fields
    assert [str(word) for word in Mode] == list(fields["mode"].annotation.__args__)
    (version,) = crd()["spec"]["versions"]
    behavior = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["behavior"]["properties"]
    assert behavior["scaleUp"]["properties"]["selectPolicy"]["enum"] == [str(word) for word in Select]
    policy = behavior["scaleUp"]["properties"]["policies"]["items"]["properties"]
    assert policy["type"]["enum"] == [str(word) for word in PolicyType]


def test_kubectl_get_shows_intent_and_outcome():
    (version,) = crd()["spec"]["versions"]
    shown = [column["name"] for column in version["additionalPrinterColumns"] if column["priority"] == 0]
    assert shown == ["Target", "Mode", "Phase", "Min", "Max", "Current", "Desired", "Load", "Ready", "Age"]
    assert version["subresources"] == {"status": {}}
    assert version["selectableFields"] == [{"jsonPath": ".spec.scaleTargetRef.name"}]


def test_every_column_shows_a_field_that_exists(schema):
    paths = {path for path, _ in nodes(schema)} | {".metadata.creationTimestamp"}
    (version,) = crd()["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        path = column["jsonPath"].replace('[?(@.type=="Ready")]', "[]")
        assert path in paths, column


def test_the_reference_page_has_every_field_of_the_crd(schema):
    page = reference_markdown()
    for part in ("spec", "status"):
        for path, _ in nodes(schema["properties"][part], part):
            if path != part and not path.endswith("[]"):
                assert f"### `{path}`" in page
