"""What a refusal lacks, from the API server's own sentence."""

import pytest

from bayescaler.cluster.errors import api_error
from bayescaler.cluster.rights import missing_rule

ACCOUNT = "system:serviceaccount:scaling:bayescaler"


def refusal(verb, resource, group, where, user=ACCOUNT):
    what = f'resource "{resource}" in API group "{group}"'
    return f'{resource} is forbidden: User "{user}" cannot {verb} {what} {where}'


@pytest.mark.parametrize(
    ("told", "rule", "cure"),
    [
        (
            refusal("patch", "deployments/scale", "apps", 'in the namespace "shop"'),
            '{apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["patch"]} in namespace shop',
            "to ServiceAccount scaling/bayescaler by the chart's rbac.create and watchNamespaces",
        ),
        (
            refusal("list", "pods", "", "at the cluster scope"),
            '{apiGroups: [""], resources: ["pods"], verbs: ["list"]} in the whole cluster',
            "by the chart's rbac.create and watchNamespaces",
        ),
        (
            refusal("get", "rollouts/scale", "argoproj.io", 'in the namespace "shop"'),
            '{apiGroups: ["argoproj.io"], resources: ["rollouts/scale"], verbs: ["get"]} in namespace shop',
            "by the chart's rbac.extraScaleTargets, {group: argoproj.io, resource: rollouts}",
        ),
        (
            refusal("patch", "replicasets/scale", "apps", 'in the namespace "shop"'),
            'resources: ["replicasets/scale"]',
            "by the chart's rbac.extraScaleTargets, {group: apps, resource: replicasets}",
        ),
        (
            refusal("get", "secrets", "", 'in the namespace "shop"', user="jane"),
            'resources: ["secrets"]',
            "grant it to jane by the chart's rbac.secrets",
        ),
    ],
)
def test_the_rule_its_place_its_account_and_the_value_of_the_chart_are_named(told, rule, cure):
    sentence = missing_rule(told)
    assert rule in sentence
    assert cure in sentence


def test_a_403_carries_it_and_another_answer_does_not():
    told = refusal("list", "pods", "", "at the cluster scope")
    assert "it lacks the rule" in str(api_error(403, {"message": told}, asked="GET /x"))
    assert "it lacks the rule" not in str(api_error(409, {"message": told}, asked="GET /x"))


def test_a_refusal_of_an_admission_is_left_as_it_is():
    assert missing_rule("pods is forbidden: exceeded quota: small") is None
