"""What is kept of a workload, and how its selector reads as text."""

import pytest

from bayescaler.cluster.targets import project, selector_text


def workload(**changes):
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"a": "1"}}},
    }
    return {"metadata": {"uid": "u", "name": "web"}, "spec": spec | changes}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"matchLabels": {"tier": "front", "app": "web"}}, "app=web,tier=front"),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}, "tier in (a,b)"),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, "tier notin (a)"),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, "tier"),
        (
            {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "canary", "operator": "DoesNotExist"}]},
            "app=web,!canary",
        ),
        ({}, ""),
    ],
)
def test_a_selector_reads_as_kubectl_takes_it(selector, text):
    assert selector_text(selector) == text


def test_the_template_hash_changes_with_the_template_and_with_nothing_else():
    before = project(workload()).template_hash
    assert project(workload(replicas=9)).template_hash == before
    assert project(workload(template={"metadata": {"labels": {"a": "2"}}})).template_hash != before


def test_a_workload_that_reports_nothing_yet_has_no_ready_replicas():
    target = project(workload())
    assert (target.replicas, target.ready_replicas, target.observed_generation) == (3, 0, 0)
