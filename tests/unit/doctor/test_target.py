"""Stories of targets and of objects: requests, quotas, rivals, manifests, conditions, the record of the forecast."""

import shlex

import pytest

from bayescaler.cli.doctor import check_forecast as command
from bayescaler.doctor.finding import Level, Topic, worst
from bayescaler.doctor.gitops import ARGO, FLUX, HELM, keeper_of
from bayescaler.doctor.health import check_forecast, check_status
from bayescaler.doctor.target import (
    Other,
    Quota,
    check_conflicts,
    check_gitops,
    check_quota,
    check_requests,
)

NOON = 1_772_452_800.0
WEB = "Deployment shop/web"


def target(*containers, pod=None, init=(), **metadata):
    template = {"spec": {"containers": list(containers), "initContainers": list(init), **(pod or {})}}
    return {"metadata": metadata, "spec": {"template": template}}


def container(name="web", cpu="500m", **more):
    return {"name": name, "resources": {"requests": {"cpu": cpu}} if cpu else {}, **more}


@pytest.mark.parametrize(
    ("given", "bare"),
    [
        (target(container()), ""),
        (target(container(), container("proxy", None)), "container proxy without"),
        (target(container("a", None), container("b", None)), "containers a, b without"),
        (target(container(), init=[container("sidecar", None, restartPolicy="Always")]), "container sidecar without"),
        (target(container(), init=[container("setup", None)]), ""),
        (target(container(cpu=None), pod={"resources": {"requests": {"cpu": "1"}}}), ""),
    ],
)
def test_every_container_that_stays_requests_cpu(given, bare):
    (finding,) = check_requests(given, WEB)
    assert finding.level is (Level.WARNING if bare else Level.OK)
    assert bare in finding.what


def test_a_target_without_a_pod_template_is_not_judged():
    assert check_requests({"metadata": {}, "spec": {"replicas": 3}}, WEB) == []


@pytest.mark.parametrize(
    ("quota", "more", "level", "what"),
    [
        (Quota("team", "pods", 20, 10), 10, None, ""),
        (Quota("team", "pods", 20, 15), 10, Level.WARNING, "pods: 15 of 20 used, so 5 more pods fit"),
        (Quota("team", "pods", 20, 20), 1, Level.ERROR, "so 0 more pods fit"),
        (Quota("team", "requests.cpu", 8, 4), 10, Level.WARNING, "so 8 more pods fit, and maxReplicas are 10 more"),
        (Quota("team", "services", 1, 1), 10, None, ""),
        (Quota("team", "pods", 5, 9), 0, None, ""),
    ],
)
def test_a_quota_has_room_for_max_replicas(quota, more, level, what):
    found = check_quota([quota], more, {"pods": 1.0, "requests.cpu": 0.5})
    assert [one.level for one in found] == ([level] if level else [])
    assert all(what in one.what and "raise the quota to" in one.cure for one in found)


HPA, SCALED = Other("HorizontalPodAutoscaler", "web"), Other("ScaledObject", "web")
MADE, RIVAL = Other("HorizontalPodAutoscaler", "keda-hpa-web", "web"), Other("BayesianAutoscaler", "rival")


@pytest.mark.parametrize(
    ("others", "mode", "what", "cure"),
    [
        ([], "Auto", "", ""),
        ([HPA], "Auto", "HorizontalPodAutoscaler web scales it too", "mode: Floor"),
        ([SCALED, MADE], "Auto", "ScaledObject web scales it too, so", "delete ScaledObject web,"),
        ([HPA], "Floor", "", ""),
        ([SCALED, MADE], "Floor", "", ""),
        ([], "Floor", "nothing is raised", "create one"),
        ([HPA, SCALED], "Floor", "which floor is meant", "delete all but one"),
        ([HPA], "Observe", "", ""),
        ([RIVAL], "Auto", "BayesianAutoscaler rival sizes it too", "delete BayesianAutoscaler rival"),
    ],
)
def test_who_else_moves_the_target_is_a_conflict_or_by_the_mode_is_none(others, mode, what, cure):
    (finding,) = check_conflicts(others, mode, WEB)
    assert finding.level is (Level.ERROR if what else Level.OK)
    assert what in finding.what
    assert cure in finding.cure


def managed(by, field="f:replicas"):
    return [{"manager": by, "fieldsV1": {"f:spec": {field: {}}}}]


@pytest.mark.parametrize(
    ("metadata", "keeper"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, ARGO),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, FLUX),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "x", "app.kubernetes.io/managed-by": "Helm"}}, FLUX),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, HELM),
        ({"labels": {"app.kubernetes.io/managed-by": "me"}}, None),
        ({"managedFields": managed("argocd-controller")}, ARGO),
        ({"managedFields": managed("kustomize-controller")}, FLUX),
        ({"managedFields": managed("kubectl-client-side-apply")}, None),
        ({}, None),
    ],
)
def test_who_keeps_a_manifest_is_known_by_what_it_leaves(metadata, keeper):
    assert keeper_of(metadata) is keeper


def test_a_target_that_gitops_applies_is_told_with_who_set_its_replicas_in_mode_auto():
    web = target(
        container(), labels={"argocd.argoproj.io/instance": "shop"}, managedFields=managed("argocd-controller")
    )
    (finding,) = check_gitops(web, WEB, "Auto")
    assert finding.what.startswith("Argo CD applies it")
    assert "its replicas were set by argocd-controller" in finding.what
    assert "ignoreDifferences" in finding.cure
    assert check_gitops(web, WEB, "Observe") == []
    assert check_gitops(target(container()), WEB, "Auto") == []


def condition(kind, status, reason, message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message}


def obj(*conditions, spec=None, **status):
    told = {
        "phase": "Trusted",
        "observedGeneration": 3,
        "lastDecision": {"time": "2026-03-02T11:59:30Z"},
        "calibration": {"nominal": 0.95, "coverage": 0.953, "windows": 1440},
        "forecast": {"horizon": "2m"},
        "conditions": list(conditions),
        **status,
    }
    load = {"kind": "Rate", "step": "1m", "prometheus": {"query": 'sum(rate(a{b="it\'s"}[1m]))'}}
    metadata = {"namespace": "shop", "name": "web", "generation": 3}
    return {"metadata": metadata, "spec": {"load": load, **(spec or {})}, "status": told}


def test_an_object_in_which_all_is_well_is_sound():
    (finding,) = check_status(obj(condition("Ready", "True", "Ready")), now=NOON)
    assert finding.level is Level.OK


def test_an_object_that_no_operator_has_seen_says_so():
    bare = obj()
    bare["status"] = {}
    (finding,) = check_status(bare, now=NOON)
    assert (finding.level, "no operator has seen it" in finding.what) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("given", "level", "what", "cure"),
    [
        (condition("Ready", "False", "AuthMissing", "no Secret"), Level.ERROR, "(AuthMissing): no Secret", "create it"),
        (condition("Ready", "Unknown", "NotReadYet"), Level.WARNING, "Ready is Unknown", "wait"),
        (condition("Conflicted", "True", "GitOpsReverting"), Level.ERROR, "GitOpsReverting", "out of the manifest"),
        (condition("ScalingLimited", "True", "TooManyReplicas"), Level.WARNING, "TooManyReplicas", "raise maxReplicas"),
        (condition("ScalingLimited", "True", "ScaleDownStabilized"), Level.INFO, "ScaleDownStabilized", "wait"),
        (condition("ForecastTrusted", "False", "Learning"), Level.INFO, "Learning", "wait"),
        (condition("Paused", "True", "Paused"), Level.INFO, "Paused is True", "paused: false"),
        (condition("FallbackActive", "True", "Hold"), Level.WARNING, "(Hold)", "bring the load back"),
    ],
)
def test_each_condition_that_is_not_as_it_should_be_is_a_finding_with_its_cure(given, level, what, cure):
    (finding,) = check_status(obj(given), now=NOON)
    assert (finding.level, finding.topic) == (level, Topic.OBJECT)
    assert what in finding.what
    assert cure in finding.cure


def test_what_two_conditions_say_in_the_same_words_is_told_once():
    said = ("False", "LoadFailed", "prometheus does not answer")
    (finding,) = check_status(obj(condition("Ready", *said), condition("ScalingActive", *said)), now=NOON)
    assert finding.what == "Ready is False (LoadFailed): prometheus does not answer"


def test_a_status_that_is_old_or_of_an_older_spec_is_told():
    (old,) = check_status(obj(), now=NOON + 7200.0)
    assert "last written 2h ago" in old.what
    edited = obj()
    edited["metadata"]["generation"] = 4
    (behind,) = check_status(edited, now=NOON)
    assert "generation 3, the spec is 4" in behind.what


class TestRecord:
    def test_a_good_record_is_sound(self):
        (finding,) = check_forecast(obj(), "http://p")
        assert (finding.level, finding.what) == (Level.OK, "95.3 % of 1440 disjoint windows kept, 95 % promised")

    def test_what_looks_deeper_is_a_command_that_can_be_given_as_it_stands(self):
        (finding,) = check_forecast(obj(), "http://p:9090")
        words = shlex.split(finding.cure.partition(": ")[2])
        assert words[:3] == ["bayescaler", "doctor", "forecast"]
        given = command.make_context("forecast", words[3:]).params
        assert (given["prometheus"], given["query"]) == ("http://p:9090", 'sum(rate(a{b="it\'s"}[1m]))')
        assert (given["unit"], given["step"], given["horizon"]) == ("rate", 60.0, 120.0)

    @pytest.mark.parametrize(
        ("change", "level", "what"),
        [
            ({"phase": "Degraded"}, Level.WARNING, "trust is lost"),
            ({"risk": {"burnRate": 1.4}}, Level.WARNING, "1.4 times the budget"),
            ({"risk": {"burnRate": 0.9}}, Level.OK, "95.3 %"),
        ],
    )
    def test_lost_trust_and_a_spent_budget_are_told(self, change, level, what):
        found = check_forecast(obj(**change), "http://p")
        assert worst(found) is level
        assert what in found[0].what

    def test_a_change_of_the_load_is_a_remark(self):
        change = {"time": "2026-03-02T11:00:00Z", "direction": "Rise", "windows": 6, "missed": 2}
        (finding,) = check_forecast(
            obj(calibration={"nominal": 0.95, "coverage": 0.9, "windows": 9, "change": change}), ""
        )
        assert (finding.level, "changed at 2026-03-02T11:00:00Z (Rise)" in finding.what) == (Level.INFO, True)

    @pytest.mark.parametrize("hostile", [None, "x", [], {"coverage": "much", "nominal": None}])
    def test_a_status_that_says_nothing_of_it_is_passed_over(self, hostile):
        assert check_forecast(obj(calibration=hostile), "") == []
