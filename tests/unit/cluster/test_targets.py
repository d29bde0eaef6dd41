"""What is kept of a workload, and how its selector reads as text."""

import pytest

from bayescaler.cluster.targets import project, selector_text


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


def test_a_workload_that_reports_nothing_yet_has_no_ready_replicas():
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}}
    target = project({"metadata": {"uid": "u", "name": "web"}, "spec": spec})
    assert (target.replicas, target.ready_replicas) == (3, 0)
