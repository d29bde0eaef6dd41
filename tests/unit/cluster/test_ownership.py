"""Whose a number is, where several say so."""

import pytest

from bayescaler.cluster.ownership import manager_of

OURS = "bayescaler"


def entry(manager, minute, operation="Update", fields=("replicas",), **more):
    written = {f"f:{field}": {} for field in fields}
    time = f"2026-03-02T08:{minute:02}:00Z"
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": {"f:spec": written}, **more}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([], None),
        ([entry("kubectl", 1, fields=("paused",))], None),
        ([entry("kubectl", 1), entry("argocd-controller", 2)], "argocd-controller"),
        ([entry("argocd-controller", 1, "Apply"), entry("kubectl-edit", 2)], "argocd-controller"),
        ([entry("kubectl", 1), entry(OURS, 2, subresource="scale")], "kubectl"),
        ([entry("helm", 1, "Apply"), entry(OURS, 2, subresource="scale")], "helm"),
        ([entry(OURS, 2, subresource="scale")], OURS),
        ([{"manager": "odd", "fieldsV1": None}, entry("kubectl", 1)], "kubectl"),
    ],
    ids=["nobody's", "another field's", "the later one's", "who declared it", "others' before ours",
         "declared by others", "ours", "an entry without fields"],
)  # fmt: skip
def test_a_number_is_of_who_declares_it_then_of_others_then_of_the_later_one(entries, manager):
    assert manager_of({"managedFields": entries}, "replicas") == manager
