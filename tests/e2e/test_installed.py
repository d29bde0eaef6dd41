"""The chart in a real cluster: what it installs, the operator on its ServiceAccount, what kubectl shows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness.audit import service_account
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import HarnessError, wait_until
from harness.release import OperatorProcess, Release

CRD = "bayesianautoscalers.bayescaler.dev"
PER_REPLICA = 0.5  # of a load that is never so small that it needs no more than two
NAMESPACE = "installed"
SETTLED_SECONDS = 60.0


@pytest.fixture(scope="module")
def sized(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[str]:
    """A namespace with a Deployment `checkout` that its BayesianAutoscaler has raised from one replica to three."""
    with cluster.namespace(NAMESPACE) as namespace:
        cluster.apply(
            deployment("checkout", namespace=namespace, replicas=1),
            bayesian_autoscaler("checkout", QUERY, PER_REPLICA, namespace=namespace, maximum=3),
        )
        cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
        wait_until(
            lambda: cluster.get("deployment", "checkout", namespace=namespace)["status"].get("readyReplicas") == 3,
            "three ready pods",
            deadline_seconds=SETTLED_SECONDS,
        )

        def told() -> bool:
            """Status follows the target by one tick, and trust is judged by what the history showed."""
            status = status_of(cluster, namespace)
            return (status["currentReplicas"], status["desiredReplicas"], status["phase"]) == (3, 3, "Trusted")

        wait_until(told, "a status of what runs now", deadline_seconds=SETTLED_SECONDS)
        yield namespace


def status_of(cluster: ControlPlane, namespace: str, name: str = "checkout") -> dict[str, Any]:
    return cluster.get("bas", name, namespace=namespace)["status"]


def cells(table: str) -> list[dict[str, str]]:
    """Read what `kubectl get` prints: heads are words, and so are our cells."""
    heads, *rows = (line.split() for line in table.splitlines())
    return [dict(zip(heads, row, strict=True)) for row in rows]


def test_the_chart_brings_a_kind_that_is_served_and_an_operator_that_runs(
    cluster: ControlPlane, release: Release
) -> None:
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=10s")

    listed = cells(cluster.kubectl("get", "deployment", release.name, "-n", release.namespace))
    assert [(one["NAME"], one["READY"]) for one in listed] == [("bayescaler", "2/2")]
    (helm_release,) = json.loads(cluster.helm("list", f"--namespace={release.namespace}", "--output=json"))
    assert (helm_release["name"], helm_release["status"]) == ("bayescaler", "deployed")


def test_its_pods_run_in_a_namespace_that_takes_only_restricted_ones(cluster: ControlPlane, release: Release) -> None:
    labels = cluster.get("namespace", release.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = cluster.list("pods", namespace=release.namespace, selector="app.kubernetes.io/name=bayescaler")
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]
    with pytest.raises(HarnessError, match=r"violates PodSecurity .restricted"):
        cluster.kubectl("run", "root", "--image=example.invalid/web:1", "-n", release.namespace)


@pytest.mark.parametrize(
    ("role", "may"),
    [("view", ["get", "list", "watch"]), ("edit", ["get", "create", "patch", "delete"]), ("admin", ["get", "create"])],
)
def test_whoever_has_a_role_in_a_namespace_has_it_for_its_objects(
    cluster: ControlPlane, release: Release, role: str, may: list[str]
) -> None:
    person = f"{role}er"
    cluster.kubectl("create", "rolebinding", person, f"--clusterrole={role}", f"--user={person}", "-n", "shop")

    def can(verb: str, namespace: str) -> bool:
        group, plural = "bayescaler.dev", "bayesianautoscalers"
        asked = {"namespace": namespace, "verb": verb, "group": group, "resource": plural}
        review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        spec = {"user": person, "resourceAttributes": asked}
        answer = cluster.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review | {"spec": spec}))
        return bool(json.loads(answer)["status"]["allowed"])

    wait_until(lambda: all(can(verb, "shop") for verb in may), "Kubernetes has added the chart's roles to its own")
    assert can("create", "shop") == (role != "view")
    assert not can("get", "default")


def test_explain_tells_what_each_field_is_for(cluster: ControlPlane, release: Release) -> None:
    told = " ".join(cluster.kubectl("explain", "bas.spec.capacity.perReplica").split())
    assert "Load that one ready replica serves well" in told

    everything = cluster.kubectl("explain", "bas.spec", "--recursive")
    for field in ("scaleTargetRef", "stabilizationWindowSeconds", "targetUtilization", "authRef"):
        assert field in everything


def test_the_account_of_the_chart_may_do_all_that_the_operator_does(
    cluster: ControlPlane, release: Release, operator: OperatorProcess, sized: str
) -> None:
    assert operator.holds_lease
    assert operator.refusals() == []
    forbidden = [str(one.fields) for one in operator.records() if "forbidden" in str(one.fields).lower()]
    assert not [one for one in forbidden if "because it is being terminated" not in one]  # another test's namespace
    assert operator.metric("bayescaler_status_writes_total", result="Forbidden") is None

    account = cluster.kubeconfig_for(release.namespace, release.name)
    for asked in (["get", "secrets", "-n", sized], ["delete", "pods", "-n", sized], ["create", "deployments"]):
        with pytest.raises(HarnessError, match=r"exit code 1"):
            cluster.kubectl("auth", "can-i", *asked, kubeconfig=account)


def test_the_audit_log_of_the_api_server_names_the_decision_of_every_write(
    cluster: ControlPlane, release: Release, operator: OperatorProcess, sized: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{sized}/deployments/checkout/scale"
    account = service_account(release.namespace, release.name)
    written = [one for one in cluster.audit.of(account) if one["verb"] == "patch" and path in one["requestURI"]]
    made = {one.decision["id"] for one in operator.decisions(f"{sized}/checkout")}
    signed = {one["userAgent"].partition("(decision ")[2].rstrip(")") for one in written}
    assert signed
    assert signed <= made


def test_probes_and_metrics_answer(operator: OperatorProcess, sized: str) -> None:
    for path in ("/healthz", "/readyz"):
        answer = operator.probe(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    here = {"namespace": sized, "name": "checkout"}
    assert operator.metric("bayescaler_leader") == 1
    assert operator.metric("bayescaler_desired_replicas", **here) == 3
    assert operator.metric("bayescaler_state", **here, rung="Predictive", load="Live") == 1
    assert (operator.metric("bayescaler_forecast_load", **here) or 0) > 2 * PER_REPLICA


def test_get_shows_every_column_filled(cluster: ControlPlane, sized: str) -> None:
    (row,) = cells(cluster.kubectl("get", "bas", "-n", sized))
    (wide,) = cells(cluster.kubectl("get", "bas", "-n", sized, "-o", "wide"))

    assert float(row.pop("LOAD")) > 0
    assert row.pop("AGE")
    assert row == {
        "NAME": "checkout",
        "TARGET": "checkout",
        "MODE": "Auto",
        "PHASE": "Trusted",
        "MIN": "1",
        "MAX": "3",
        "CURRENT": "3",
        "DESIRED": "3",
        "READY": "True",
    }
    assert (wide["QUANTILE"], wide["HORIZON"]) == ("0.95", "1m")
    assert 0.9 < float(wide["COVERAGE"]) < 1.0


def test_describe_tells_why(cluster: ControlPlane, sized: str) -> None:
    wait_until(
        lambda: "SuccessfulRescale" in cluster.kubectl("describe", "bas", "checkout", "-n", sized),
        "the rescale's Event",
    )
    told = cluster.kubectl("describe", "bas", "checkout", "-n", sized)

    message = status_of(cluster, sized)["lastDecision"]["message"]
    assert message.startswith("3 replicas: load up to ")
    assert "; maxReplicas is 3, " in message
    assert message in told
    assert "New size: 3; 3 replicas: load up to" in told
    assert "TooManyReplicas" in told


def test_a_deleted_object_leaves_its_workload_as_it_is_and_nothing_else(
    cluster: ControlPlane, operator: OperatorProcess, sized: str
) -> None:
    cluster.kubectl("delete", "bas", "checkout", "-n", sized, "--timeout=20s")

    wait_until(lambda: operator.metric("bayescaler_load", namespace=sized) is None, "no series is left of it")
    assert cluster.get("deployment", "checkout", namespace=sized)["spec"]["replicas"] == 3
    cluster.kubectl("scale", "deployment/checkout", "-n", sized, "--replicas=1")
    operator.wait_ticks(3)
    assert cluster.get("deployment", "checkout", namespace=sized)["spec"]["replicas"] == 1
