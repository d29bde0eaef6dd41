"""What bad objects get: a refusal that names the field, or a condition with its reason, and untouched replicas."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.load import Load
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import HarnessError, wait_until
from harness.prometheus import PASSWORD, USER, Feed, PrometheusServer
from harness.release import OperatorProcess, Release, leading

SEVERAL = 'label_replace(vector(1), "shop", "east", "", "") or label_replace(vector(1), "shop", "west", "", "")'
UNTOUCHED = 3
HEALTHY = 5
SECRET = "prometheus-auth"
GRANTED = "shop"  # the namespace whose Secret the chart lets the operator read

REFRESHED_SECONDS = 120.0  # a status whose numbers alone change is written once a minute

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def locked(binaries: Binaries, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus that wants a password."""
    feed = Feed("http_requests_total", load, {"service": "checkout"})
    with PrometheusServer(binaries, tmp_path_factory.mktemp("locked"), [feed], locked=True) as server:
        yield server


@pytest.fixture(scope="module")
def operator(
    release: Release,
    prometheus: PrometheusServer,
    locked: PrometheusServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    """The operator on the session's Prometheus, with the locked one on its allow-list."""
    prometheus.wait_live()
    with leading(release, tmp_path_factory.mktemp("operator"), f"--allow-prometheus={locked.url}") as operator:
        yield operator


def changed(path: str, value: Any) -> Manifest:
    """A good object but for one field."""
    manifest = copy.deepcopy(bayesian_autoscaler("checkout", QUERY, 50.0))
    *parents, last = path.split(".")
    place = manifest
    for key in parents:
        place = place.setdefault(key, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("spec.maxReplicas", None, "spec.maxReplicas: Required value"),
        ("spec.maxReplicas", "many", "spec.maxReplicas: Invalid value"),
        ("spec.minReplicas", 80, "spec.minReplicas: Invalid value.*minReplicas must not exceed maxReplicas"),
        ("spec.capacity.perReplica", 0, "spec.capacity.perReplica: Invalid value.*greater than 0"),
        ("spec.objective.quantile", 1, "spec.objective.quantile: Invalid value.*less than 1"),
        (
            "spec.mode",
            "Sometimes",
            'spec.mode: Unsupported value: "Sometimes": supported values: "Observe", "Floor", "Auto"',
        ),
        ("spec.load.step", "7s", "spec.load.step: Invalid value.*step must divide a day without remainder"),
        ("spec.load.prometheus.query", " ", "spec.load.prometheus.query: Invalid value.*query must not be blank"),
        ("spec.load.prometheus.serverAddress", "prometheus:9090", "serverAddress must be http"),
        ("spec.forecast.history", "52w", "spec.forecast.history: Invalid value.*between 2h and 8w"),
        ("spec.forcast", {"family": "Gaussian"}, 'unknown field "spec.forcast"'),
    ],
)
def test_the_api_server_refuses_by_the_fields_name(
    cluster: ControlPlane, operator: OperatorProcess, path: str, value: Any, told: str
) -> None:
    with pytest.raises(HarnessError, match=f"(?s){told}"):
        cluster.apply(changed(path, value))


# name: what it differs in, the reason, and a part of the sentence.
FAULTY: dict[str, tuple[Manifest, str, str]] = {
    "no-target": (
        {"scaleTargetRef": {"name": "nobody"}},
        "TargetNotFound",
        'Deployment "nobody" is not in namespace',
    ),
    "several-series": (
        {"load": {"prometheus": {"query": SEVERAL}}},
        "SeveralSeries",
        'needed ({shop="east"}, {shop="west"}): wrap it in sum()',
    ),
    "bad-query": ({"load": {"prometheus": {"query": "sum(rate(x[1m])"}}}, "QueryFailed", "parse error"),
    "no-data": ({"load": {"prometheus": {"query": "sum(rate(nobody_counts_this[1m]))"}}}, "LoadAbsent", "no data"),
    "not-allowed": (
        {"load": {"prometheus": {"query": QUERY, "serverAddress": "http://metadata.example:80"}}},
        "NotAllowed",
        "not on the operator's allow-list",
    ),
    "no-secret": (
        {"load": {"prometheus": {"query": QUERY, "authRef": {"name": "not-there"}}}},
        "SecretNotFound",
        "Secret shop/not-there is not there",
    ),
    "secret-of-others": (
        {"load": {"prometheus": {"query": QUERY, "authRef": {"name": "database"}}}},
        "SecretForbidden",
        "bind a Role with `get` on secrets",
    ),
    "no-such-kind": (
        {"scaleTargetRef": {"apiVersion": "games.example/v9", "kind": "Fleet", "name": "no-such-kind"}},
        "NoSuchKind",
        "games.example/v9",
    ),
}


def merged(into: Manifest, changes: Manifest) -> Manifest:
    return {**into, **{k: merged(into.get(k, {}), v) if isinstance(v, dict) else v for k, v in changes.items()}}


def last_decision(cluster: ControlPlane, name: str) -> str:
    """When the last decision was made, as the status tells it, if it does: such times sort as texts."""
    status = cluster.get("bas", name, namespace=GRANTED).get("status", {})
    return str(status.get("lastDecision", {}).get("time", ""))


def test_what_only_the_operator_can_see_is_told_and_touches_nothing(
    cluster: ControlPlane, operator: OperatorProcess
) -> None:
    cluster.apply(
        *(deployment(name, namespace=GRANTED, replicas=UNTOUCHED) for name in FAULTY),
        *(
            merged(bayesian_autoscaler(name, QUERY, 0.1, namespace=GRANTED), {"spec": changes})
            for name, (changes, _, _) in FAULTY.items()
        ),
    )
    for name, (_, reason, sentence) in FAULTY.items():
        ready = wait_until(lambda name=name: ready_of(cluster, name, not_yet="NotReadYet"), f"{name} is judged")
        assert (ready["status"], ready["reason"]) == ("False", reason), ready
        assert sentence in ready["message"]

    # A healthy object beside them is decided on meanwhile, and goes on being decided on.
    cluster.apply(
        deployment("healthy", namespace=GRANTED, replicas=1),
        bayesian_autoscaler("healthy", QUERY, 0.1, namespace=GRANTED, maximum=HEALTHY),
    )
    wait_until(lambda: replicas(cluster, "healthy") == HEALTHY, "the healthy one is raised")
    decided_at = wait_until(lambda: last_decision(cluster, "healthy"), "a decision is told")
    wait_until(
        lambda: last_decision(cluster, "healthy") > decided_at, "a later decision", deadline_seconds=REFRESHED_SECONDS
    )

    for name, (_, reason, _) in FAULTY.items():
        warned = {one["reason"] for one in events(cluster, name) if one["type"] == "Warning"}
        assert reason in warned, name
        assert replicas(cluster, name) == UNTOUCHED
    cluster.kubectl("delete", "bas,deployments", "--all", "-n", GRANTED)


def test_a_corrected_object_is_served_again(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> None:
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1),
        bayesian_autoscaler("checkout", "sum(rate(x[1m])", 0.1, namespace=namespace, maximum=HEALTHY),
    )
    wait_until(
        lambda: ready_of(cluster, "checkout", namespace, not_yet="NotReadYet").get("reason") == "QueryFailed", "refusal"
    )

    cluster.apply(bayesian_autoscaler("checkout", QUERY, 0.1, namespace=namespace, maximum=HEALTHY))

    cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=30s")
    wait_until(lambda: replicas(cluster, "checkout", namespace) == HEALTHY, "raised")


def test_a_secret_of_the_objects_own_namespace_opens_a_locked_prometheus(
    cluster: ControlPlane, operator: OperatorProcess, locked: PrometheusServer
) -> None:
    here = {"serverAddress": locked.url}
    cluster.apply(
        deployment("with-key", namespace=GRANTED, replicas=1),
        deployment("without-key", namespace=GRANTED, replicas=UNTOUCHED),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": GRANTED},
            "stringData": {"username": USER, "password": PASSWORD},
        },
        bayesian_autoscaler(
            "with-key",
            QUERY,
            0.1,
            namespace=GRANTED,
            maximum=HEALTHY,
            prometheus={**here, "authRef": {"name": SECRET}},
        ),
        bayesian_autoscaler("without-key", QUERY, 0.1, namespace=GRANTED, prometheus=here),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "bas/with-key", "-n", GRANTED, "--timeout=60s")
    wait_until(lambda: replicas(cluster, "with-key") == HEALTHY, "raised by a forecast of locked load")

    refused = wait_until(lambda: ready_of(cluster, "without-key", not_yet="NotReadYet"), "judged")
    assert refused["status"] == "False"
    assert "401" in refused["message"]
    assert replicas(cluster, "without-key") == UNTOUCHED
    assert PASSWORD not in operator.component.log.read_text()
    cluster.kubectl("delete", "bas,deployments", "--all", "-n", GRANTED)


def replicas(cluster: ControlPlane, name: str, namespace: str = GRANTED) -> int:
    return int(cluster.get("deployment", name, namespace=namespace)["spec"]["replicas"])


def ready_of(cluster: ControlPlane, name: str, namespace: str = GRANTED, *, not_yet: str) -> dict[str, Any]:
    """Give the condition Ready, empty while there is none or its reason is `not_yet`."""
    status = cluster.get("bas", name, namespace=namespace).get("status", {})
    ready = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {})
    return {} if ready.get("reason") == not_yet else ready


def events(cluster: ControlPlane, name: str) -> list[dict[str, Any]]:
    answer = cluster.kubectl(
        "get", "events", "-n", GRANTED, f"--field-selector=involvedObject.name={name}", "-o", "json"
    )
    items: list[dict[str, Any]] = json.loads(answer)["items"]
    return items
