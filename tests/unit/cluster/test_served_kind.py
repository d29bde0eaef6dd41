"""A CustomResourceDefinition judged by the fields that the API server serves."""

import pytest

from bayescaler.api import GROUP, KIND, VERSION, crd
from bayescaler.cluster.served_kind import misfit


def document(change=lambda schema: None):
    """The OpenAPI document of our kind, its schema changed."""
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    change(schema)
    schema["x-kubernetes-group-version-kind"] = [{"group": GROUP, "version": VERSION, "kind": KIND}]
    other = {"type": "object", "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Status"}]}
    return {"components": {"schemas": {"io.k8s.Status": other, "plain": {"type": "object"}, "ours": schema}}}


def without(*path):
    def change(schema):
        *parents, last = path
        for name in parents:
            schema = schema["properties"][name]
        del schema["properties"][last]

    return change


def with_field(*path):
    def change(schema):
        *parents, last = path
        for name in parents:
            schema = schema["properties"][name]
        schema["properties"][last] = {"type": "object", "properties": {"inner": {"type": "string"}}}

    return change


def test_our_own_definition_fits():
    assert misfit(document()) is None


@pytest.mark.parametrize("empty", [{}, {"components": {"schemas": {"plain": {"type": "object"}}}}])
def test_no_such_kind(empty):
    assert misfit(empty).startswith(f"the cluster has no kind {KIND} in {GROUP}/{VERSION}: apply that of version ")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("spec", "schedules"), "older than the operator, it has no spec.schedules:"),
        (without("spec", "objective", "risk"), "older than the operator, it has no spec.objective.risk:"),
        (without("status"), "it has no status.calibration, status.canary, status.capacity and "),
        (with_field("spec", "wishes"), "does not know spec.wishes: upgrade the operator"),
        (with_field("status", "forecast", "mood"), "does not know status.forecast.mood: upgrade the operator"),
    ],
)
def test_fields_that_are_missing_or_unknown_are_named_by_the_outermost(change, says):
    assert says in misfit(document(change))


def test_descriptions_and_limits_are_no_difference():
    def reworded(schema):
        schema["properties"]["spec"]["properties"]["maxReplicas"] |= {"description": "other words", "maximum": 7}

    assert misfit(document(reworded)) is None
