"""The installation pages: values that the chart takes, the rights that it grants, recipes that leave replicas alone."""

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bayescaler.api import crd
from bayescaler.cluster.served_kind import misfit

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "charts" / "bayescaler" / "values.schema.json").read_text())
RIGHTS = yaml.safe_load((ROOT / "tests" / "rbac.yaml").read_text())
VERSION = yaml.safe_load((ROOT / "charts" / "bayescaler" / "Chart.yaml").read_text())["appVersion"]
PAGE = (ROOT / "docs" / "install.md").read_text()
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "charts" / "bayescaler" / "README.md"]
HELM = re.compile(r"^(?: {4})?(helm (?:install|upgrade|template) (?:.+\\\n)*.+)$", re.MULTILINE)
VALUES = re.compile(r"^```yaml values\n(.*?)^```$", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RIGHT = re.compile(r"^\| `([a-z0-9.]*/[a-z/]+)` \| ([a-z, ]+) \|", re.MULTILINE)
RECIPES: list[dict[str, Any]] = [one for block in YAML.findall(PAGE) for one in yaml.safe_load_all(block)]


def settings(line: str) -> dict[str, Any]:
    """The values that a helm command sets."""
    words = shlex.split(line.replace("\\\n", " "), comments=True)
    values: dict[str, Any] = {}
    for option, word in itertools.pairwise(words):
        if option == "--set":
            path, _, value = word.partition("=")
            *parents, last = path.split(".")
            holder = values
            for parent in parents:
                holder = holder.setdefault(parent, {})
            holder[last] = yaml.safe_load(value)
    return values


def told_values() -> Iterator[tuple[str, dict[str, Any]]]:
    """All values that pages give, each with where."""
    for page in PAGES:
        text = page.read_text()
        for line in HELM.findall(text):
            yield f"{page.name}: {line.splitlines()[0]}", settings(line)
        for block in VALUES.findall(text):
            yield f"{page.name}: {block.splitlines()[0]}", yaml.safe_load(block)
    for recipe in RECIPES:
        values = recipe["spec"].get("values") or recipe["spec"].get("source", {}).get("helm", {}).get("valuesObject")
        if values:
            yield f"{recipe['kind']} {recipe['metadata']['name']}", values


TOLD = list(told_values())


@pytest.mark.parametrize("values", [values for _, values in TOLD], ids=[where for where, _ in TOLD])
def test_the_chart_takes_the_values_of_the_pages(values: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(values)


def test_commands_values_and_recipes_are_all_among_them() -> None:
    where = " ".join(one for one, _ in TOLD)
    for part in (
        "README.md: helm install",
        "install.md: helm install",
        "tutorial.md: helm",
        "install.md: watchNamespaces",
    ):
        assert part in where
    assert {"Application bayescaler", "HelmRelease bayescaler"} <= {one for one, _ in TOLD}


def test_recipes_install_this_version_where_the_chart_is() -> None:
    text = json.dumps(RECIPES)
    assert set(re.findall(r"\bv\d+\.\d+\.\d+\b", PAGE)) == {f"v{VERSION}"}
    assert text.count('"charts/bayescaler"') == 2
    assert (ROOT / "charts" / "bayescaler" / "Chart.yaml").exists()


def test_recipes_for_workloads_leave_replicas_alone() -> None:
    by_name = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in RECIPES}
    argo = by_name["Application", "shop"]
    assert "RespectIgnoreDifferences=true" in argo["syncPolicy"]["syncOptions"], "else a sync writes it all the same"
    ignored = {(one["group"], one["kind"]): one["jsonPointers"] for one in argo["ignoreDifferences"]}
    assert ignored == {
        ("apps", "Deployment"): ["/spec/replicas"],
        ("apps", "StatefulSet"): ["/spec/replicas"],
        ("autoscaling", "HorizontalPodAutoscaler"): ["/spec/minReplicas"],
    }
    drift = by_name["HelmRelease", "shop"]["driftDetection"]
    assert [(one["target"]["kind"], one["paths"]) for one in drift["ignore"]] == [("Deployment", ["/spec/replicas"])]


def test_the_tables_of_rights_are_those_that_the_chart_is_held_to() -> None:
    tables = PAGE.partition("## Rights")[2].partition("## Network")[0].split("\n\n|")[1:]
    served, home, reviews, people = (
        [(right, verbs.split(", ")) for right, verbs in RIGHT.findall(table)] for table in tables
    )
    assert dict(served) == RIGHTS["served"] | RIGHTS["extra"]
    assert dict(home) == RIGHTS["leader-election"] | RIGHTS["saved-state"] | RIGHTS["secrets"]
    assert dict(reviews) == RIGHTS["reviews"]
    assert people == [*RIGHTS["view"].items(), *RIGHTS["edit"].items()]


def test_what_the_operator_says_while_it_waits_is_in_the_table_of_cures() -> None:
    kind = {"group": "bayescaler.dev", "version": "v1alpha1", "kind": "BayesianAutoscaler"}
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"] | {"x-kubernetes-group-version-kind": [kind]}
    older = schema | {"properties": {"spec": {}}}
    newer = schema | {"properties": schema["properties"] | {"spec": schema["properties"]["spec"] | {"properties": {
        **schema["properties"]["spec"]["properties"], "wishes": {}}}}}  # fmt: skip
    told = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## When it does not become ready")[2], re.MULTILINE)
    for said, document in zip(told, ({}, older, newer), strict=False):
        sentence = misfit({"components": {"schemas": {"ours": document}}})
        assert sentence is not None
        assert said in sentence
    assert told[3:] == ["is forbidden"]
