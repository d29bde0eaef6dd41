"""Stories of installations: CRDs of other releases, operators that do not run or do not lead, rights, clocks."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest

from bayescaler import api
from bayescaler.doctor.access import Right, check_access, cluster_rights, object_rights
from bayescaler.doctor.clocks import check_clock
from bayescaler.doctor.finding import Finding, Level, Topic, Unread, ordered, unread, worst
from bayescaler.doctor.install import check_crd, check_lease, check_metrics_server, check_operators, setup_of

NOON = 1_772_452_800.0


def installed(change=lambda crd: None):
    crd = deepcopy(api.crd())
    change(crd)
    return crd


def spec_of(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def not_established(crd):
    crd["status"] = {"conditions": [{"type": "Established", "status": "False"}]}


CRDS = {
    "as this release": (installed(), Level.OK, "v1alpha1 is served", ""),
    "none": (None, Level.ERROR, "not installed", "helm upgrade --install"),
    "older": (
        installed(lambda crd: spec_of(crd).pop("schedules")), Level.WARNING,
        "it is older than this release: it drops spec.schedules without a word", "helm upgrade --install"),
    "newer": (
        installed(lambda crd: spec_of(crd).update(moon={"type": "string"})), Level.INFO,
        "newer than this release, which does not know spec.moon", "pip install -U"),
    "of another version": (
        installed(lambda crd: crd["spec"]["versions"][0].update(name="v2")), Level.ERROR,
        "it serves v2, this release knows v1alpha1", "the release that fits"),
    "not established": (installed(not_established), Level.ERROR, "not established it", "NamesAccepted"),
}  # fmt: skip


@pytest.mark.parametrize("story", CRDS)
def test_the_crd_is_held_against_the_one_of_this_release(story):
    found, level, what, cure = CRDS[story]
    (finding,) = check_crd(found, api.crd())
    assert (finding.level, finding.topic) == (level, Topic.CLUSTER)
    assert what in finding.what
    assert cure in finding.cure


def test_of_a_part_that_is_missing_the_fields_in_it_are_not_named_too():
    (finding,) = check_crd(installed(lambda crd: spec_of(crd).pop("load")), api.crd())
    assert "spec.load " in finding.what
    assert "spec.load." not in finding.what


def deployment(*args, name="bayescaler", ready=2, version="1.0", env=()):
    return {
        "metadata": {"name": name, "namespace": "system", "labels": {"app.kubernetes.io/version": version}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"args": ["run", *args], "env": [*env]}]}}},
        "status": {"readyReplicas": ready},
    }


def test_the_options_of_an_operator_are_read_in_both_forms():
    setup = setup_of(
        deployment(
            "--prometheus=http://p", "--allow-prometheus", "http://q", "--allow-prometheus=http://r",
            "--namespace=shop",
            "--lease-name=l", "--lease-namespace=system", "--no-leader-election",
        )
    )  # fmt: skip
    assert (setup.prometheus, setup.allowed, setup.namespaces) == ("http://p", ("http://q", "http://r"), ("shop",))
    assert (setup.lease, setup.lease_namespace, setup.elects) == ("l", "system", False)
    bare = setup_of(deployment())
    assert (bare.prometheus, bare.lease, bare.lease_namespace, bare.elects) == ("", "bayescaler", "default", True)


def test_options_of_an_operator_are_read_from_its_variables_too_and_arguments_go_first():
    env = [
        {"name": "BAYESCALER_RUN_PROMETHEUS", "value": "http://p"},
        {"name": "BAYESCALER_RUN_ALLOW_PROMETHEUS", "value": "http://q http://r"},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    setup = setup_of(deployment(env=env))
    assert (setup.prometheus, setup.allowed, setup.namespaces) == ("http://p", ("http://q", "http://r"), ())
    assert setup_of(deployment("--prometheus=http://mine", env=env)).prometheus == "http://mine"


OPERATORS = {
    "runs": ([deployment()], Level.OK, "2 of 2 replicas are ready", ""),
    "half of it": ([deployment(ready=1)], Level.WARNING, "1 of 2", "kubectl logs -n system deploy/bayescaler"),
    "none of it": ([deployment(ready=0)], Level.ERROR, "0 of 2 replicas are ready: nothing is decided", "kubectl logs"),
    "not there": ([], Level.ERROR, "no Deployment with the label", "helm install"),
    "of another release": ([deployment(version="0.9")], Level.INFO, "release 0.9, this command 1.0", "bayescaler==0.9"),
    "two of the same objects": (
        [deployment(), deployment("--namespace=shop", name="b")], Level.ERROR, "several operators", "uninstall one"),
    "two apart": (
        [deployment("--namespace=a"), deployment("--namespace=b", name="b")], Level.OK, "2 of 2 replicas", ""),
}  # fmt: skip


@pytest.mark.parametrize("story", OPERATORS)
def test_operators_are_found_and_judged(story):
    given, level, what, cure = OPERATORS[story]
    found = check_operators([setup_of(one) for one in given], "1.0")
    assert worst(found) is level
    telling = next(one for one in found if one.level is level)
    assert what in telling.what
    assert cure in telling.cure


def lease(*, ago=3.0, holder="bayescaler-0", duration=15):
    renewed = datetime.fromtimestamp(NOON - ago, UTC).isoformat()
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}}


@pytest.mark.parametrize(
    ("given", "level", "what"),
    [
        (lease(), Level.OK, "bayescaler-0 leads, renewed 3s ago"),
        (lease(ago=14.9), Level.OK, "renewed 15s ago"),
        (lease(ago=600.0), Level.ERROR, "renewed 10m ago, and it lasts 15s: nobody leads"),
        (lease(ago=-2.0), Level.OK, "renewed 0s ago"),
        (lease(holder=""), Level.ERROR, "no replica leads"),
        (None, Level.ERROR, "no replica leads"),
    ],
)
def test_who_leads_has_renewed_in_time(given, level, what):
    (finding,) = check_lease(setup_of(deployment()), given, now=NOON)
    assert finding.level is level
    assert what in finding.what


def test_a_cluster_without_metrics_server_has_no_fallback_on_cpu():
    assert check_metrics_server(True)[0].level is Level.OK
    assert "install metrics-server" in check_metrics_server(False)[0].cure


@pytest.mark.parametrize(
    ("ahead", "doubt", "level", "what"),
    [
        (0.3, 0.0, Level.OK, "agree"),
        (5.5, 1.0, Level.OK, "agree"),
        (9.0, 1.0, Level.WARNING, "9s ahead of ours"),
        (-30.0, 0.0, Level.WARNING, "30s behind ours"),
        (-7200.0, 0.0, Level.ERROR, "2h behind ours"),
    ],
)
def test_clocks_agree_as_far_as_that_is_known(ahead, doubt, level, what):
    (finding,) = check_clock("Prometheus", ahead, doubt)
    assert finding.level is level
    assert what in finding.what


class TestAccess:
    def test_what_is_granted_is_one_line(self):
        rights = cluster_rights("system")
        (finding,) = check_access([(right, True) for right in rights], "cluster")
        assert (finding.level, finding.what) == (Level.OK, "you have all 3 rights that are needed here")

    def test_what_is_missing_is_named_as_the_rule_that_grants_it(self):
        rights = object_rights("shop", keda=True, secret="prom-auth")
        found = {one.what: one for one in check_access([(right, False) for right in rights], "namespace shop")}
        assert len(found) == len(rights)
        read = found["you may not get bayesianautoscalers.bayescaler.dev: the object itself"]
        assert read.level is Level.ERROR
        wanted = "{apiGroups: [bayescaler.dev], resources: [bayesianautoscalers], verbs: [get]}"
        assert read.cure == f"have a Role bound to you with {wanted}"
        secret = next(one for one in found.values() if "secrets" in one.what)
        assert secret.level is Level.INFO
        assert 'apiGroups: [""], resources: [secrets], resourceNames: [prom-auth]' in secret.cure

    def test_kinds_that_are_not_there_are_not_asked_for(self):
        rights = object_rights("shop", keda=False, secret=None)
        assert not {"scaledobjects", "secrets"} & {right.resource for right in rights}

    def test_a_subresource_is_asked_for_as_the_review_wants_it(self):
        asked = Right("apps", "deployments/scale", "get", None, "").attributes()
        assert (asked["resource"], asked["subresource"], asked["namespace"]) == ("deployments", "scale", "")


class TestFindings:
    def test_the_worst_come_first_then_by_topic(self):
        given = [
            Finding(Level.OK, Topic.ACCESS, "a", ""),
            Finding(Level.ERROR, Topic.QUERY, "b", ""),
            Finding(Level.WARNING, Topic.CLOCK, "c", ""),
            Finding(Level.ERROR, Topic.CLUSTER, "d", ""),
        ]
        assert [one.where for one in ordered(given)] == ["d", "b", "c", "a"]
        assert worst(given) is Level.ERROR
        assert worst([]) is Level.OK

    def test_what_may_not_be_read_is_told_by_access_alone_and_what_could_not_by_itself(self):
        assert unread({"a": 1}, Topic.TARGET, "x", "y") == []
        assert unread(Unread("403", refused=True), Topic.TARGET, "x", "y") == []
        (finding,) = unread(Unread("503 away"), Topic.TARGET, "x", "try again")
        assert finding == Finding(Level.WARNING, Topic.TARGET, "x", "could not be read: 503 away", "try again")
