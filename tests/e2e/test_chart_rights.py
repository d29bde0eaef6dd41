"""The rights that the chart grants, over many values: those of the table of rights, all of them, and no others."""

import itertools

import pytest
import yaml
from harness.chart import CHART, NAMESPACE, RELEASE, Helm, Manifest, of_kind, operator_pod
from harness.chart_matrix import MATRIX

from bayescaler.cluster.saved_states import SHARDS

RIGHTS = yaml.safe_load((CHART.parents[1] / "tests" / "rbac.yaml").read_text())


def aggregated(role: Manifest) -> set[str]:
    """The roles of Kubernetes that a ClusterRole for people is added to."""
    labels = role["metadata"]["labels"]
    return {key.rpartition("-")[2] for key in labels if key.startswith("rbac.authorization.k8s.io/aggregate-to-")}


def rules(manifests: list[Manifest]) -> list[Manifest]:
    return [
        rule | {"in": role["metadata"].get("namespace")}
        for role in of_kind(manifests, "Role", "ClusterRole")
        if not aggregated(role)
        for rule in role["rules"]
    ]


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
