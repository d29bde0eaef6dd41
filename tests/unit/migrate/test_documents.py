"""Files as kubectl and people write them."""

import json

import pytest
import yaml

from bayescaler.migrate import MigrateError, read_documents

from .builders import DEPLOYMENT, HPA, SCALED_OBJECT

HPAS = "HorizontalPodAutoscaler"


def file(*objects):
    return yaml.safe_dump_all(objects)


def test_several_documents_hold_what_is_wanted_and_what_is_not():
    documents = read_documents("---\n---\n" + file(DEPLOYMENT, HPA, SCALED_OBJECT, DEPLOYMENT), "all.yaml")
    assert documents.wanted(HPAS) == (HPA,)
    assert documents.others(HPAS) == "2 Deployment, 1 ScaledObject"


@pytest.mark.parametrize("text", [yaml.safe_dump, lambda value: json.dumps(value, indent=4)], ids=["yaml", "json"])
def test_lists_are_opened_that_of_kubectl_and_a_typed_one(text):
    printed = {"apiVersion": "v1", "kind": "List", "items": [HPA, DEPLOYMENT]}
    assert read_documents(text(printed), "-").wanted(HPAS) == (HPA,)
    bare = {name: value for name, value in HPA.items() if name not in {"kind", "apiVersion"}}
    typed = {"apiVersion": "autoscaling/v2", "kind": f"{HPAS}List", "items": [bare]}
    assert read_documents(text(typed), "-").wanted(HPAS) == (HPA,)


def test_one_is_chosen_by_name_with_or_without_its_namespace():
    other = HPA | {"metadata": {"name": "checkout", "namespace": "test"}}
    documents = read_documents(file(HPA, other), "all.yaml")
    assert documents.wanted(HPAS, "checkout") == (HPA, other)
    assert documents.wanted(HPAS, "test/checkout") == (other,)
    with pytest.raises(
        MigrateError, match=r"no HorizontalPodAutoscaler pay in it: choose of shop/checkout, test/check"
    ):
        documents.wanted(HPAS, "pay")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (file(DEPLOYMENT, DEPLOYMENT, SCALED_OBJECT), "no HorizontalPodAutoscaler in it, found 2 Deployment, 1 Scaled"),
        ("", "found nothing: give one that has it, as of: kubectl get horizontalpodautoscaler NAME -o yaml"),
        ("a: [1\nb: 2", "x.yaml, line 2: is no YAML"),
        (b"a: \xe9", "x.yaml: is no YAML"),
        ("a: \x07", "x.yaml: is no YAML"),
        ("just text", "holds a document without a kind"),
        ("kind: [x]", "holds a document without a kind"),
        ("{kind: List, items: [3]}", "holds a document without a kind"),
        ("{kind: Pod, metadata: web}", "metadata of a Pod is no mapping"),
        ("[" * 5000, "x.yaml"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_file_without_is_one_line_naming_file_kinds_and_cure(text, said):
    with pytest.raises(MigrateError) as refused:
        read_documents(text, "x.yaml").wanted(HPAS)
    assert str(refused.value).startswith("x.yaml")
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
