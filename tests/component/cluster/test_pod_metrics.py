"""Utilisation while the load cannot be had: which pods count, and what is said when none do."""

import pytest

from bayescaler.cluster.errors import Forbidden, Unreachable
from bayescaler.cluster.pod_metrics import NoUtilization, cpu_utilization

PODS = "/api/v1/namespaces/shop/pods"
METRICS = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
LONG_AGO, JUST_NOW, SAMPLED = "2023-11-14T20:00:00Z", "2023-11-14T22:12:50Z", "2023-11-14T22:13:10Z"


def pod(name, *, request="500m", ready="True", phase="Running", started=LONG_AGO, changed=LONG_AGO, **extra):
    container = {"name": "web", "resources": {"requests": {"cpu": request}} if request else {}}
    return {
        "metadata": {"name": name, **extra},
        "spec": {"containers": [container]},
        "status": {
            "phase": phase,
            "startTime": started,
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": changed}],
        },
    }


def sample(name, cpu, at=SAMPLED):
    return {
        "metadata": {"name": name},
        "timestamp": at,
        "window": "15.084s",
        "containers": [{"name": "web", "usage": {"cpu": cpu, "memory": "12Mi"}}],
    }


def serve(api, pods, samples):
    api.on("GET", PODS, api.json({"metadata": {}, "items": pods}))
    api.on("GET", METRICS, api.json({"metadata": {}, "items": samples}))


async def read(client):
    return await cpu_utilization(client, "shop", "app=web", now=NOW)


async def test_used_over_requested_of_all_ready_pods(api, client):
    serve(api, [pod("a"), pod("b", request="1")], [sample("a", "250000000n"), sample("b", "500m")])
    answer = await read(client)
    assert answer.value == pytest.approx(0.5)
    assert (answer.pods, answer.missing, answer.reason) == (2, 0, None)
    assert {asked.query["labelSelector"] for asked in api.asked} == {"app=web"}


async def test_sidecars_count_and_a_pod_level_request_stands_for_all(api, client):
    sidecar = pod("a")
    sidecar["spec"]["initContainers"] = [
        {"name": "setup", "resources": {}},
        {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
    ]
    whole = pod("b", request=None)
    whole["spec"]["resources"] = {"requests": {"cpu": "1"}}
    serve(api, [sidecar, whole], [sample("a", "1"), sample("b", "1")])
    assert (await read(client)).value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "other",
    [
        pod("x", phase="Failed"),
        pod("x", phase="Succeeded"),
        pod("x", phase="Pending"),
        pod("x", deletionTimestamp=LONG_AGO),
        pod("x", ready="False", changed=LONG_AGO),
        pod("x", started=JUST_NOW, changed=JUST_NOW, ready="False"),
        pod("x", started=JUST_NOW, changed="2023-11-14T22:13:05Z"),
    ],
    ids=[
        "failed",
        "done",
        "pending",
        "being deleted",
        "never ready",
        "starting",
        "sampled before it was ready",
    ],
)
async def test_a_pod_that_does_not_serve_does_not_count(api, client, other):
    serve(api, [pod("a"), other], [sample("a", "250m"), sample("x", "500m")])
    assert (await read(client)).value == pytest.approx(0.5)


async def test_a_pod_that_lost_readiness_after_serving_still_counts(api, client):
    lost = pod("x", ready="False", changed="2023-11-14T21:00:00Z")
    serve(api, [pod("a"), lost], [sample("a", "250m"), sample("x", "500m")])
    assert (await read(client)).value == pytest.approx(0.75)


async def test_a_young_pod_counts_once_a_whole_window_after_readiness_was_sampled(api, client):
    young = pod("x", started="2023-11-14T22:12:00Z", changed="2023-11-14T22:12:30Z")
    serve(api, [pod("a"), young], [sample("a", "250m"), sample("x", "500m")])
    assert (await read(client)).value == pytest.approx(0.75)


async def test_missing_samples_count_as_full_and_so_never_lower_the_result(api, client):
    serve(api, [pod(name) for name in "abcd"], [sample("a", "50m")])
    answer = await read(client)
    assert answer.value == pytest.approx((0.05 + 1.5) / 2.0)
    assert (answer.pods, answer.missing) == (1, 3)


async def test_missing_samples_do_not_hide_an_overload(api, client):
    serve(api, [pod(name) for name in "abcd"], [sample("a", "1")])
    assert (await read(client)).value == pytest.approx(2.0)


@pytest.mark.parametrize("answer", [("status", 404, "NotFound"), ("status", 503, "ServiceUnavailable")])
async def test_no_metrics_server_is_a_reason_with_a_cure(api, client, answer):
    serve(api, [pod("a")], [])
    api.on("GET", METRICS, api.status(answer[1], answer[2], "the server is currently unable"))
    said = await read(client)
    assert (said.value, said.reason) == (None, NoUtilization.NO_METRICS_SERVER)
    assert "install metrics-server" in said.message


async def test_a_container_without_a_request_is_named(api, client):
    serve(api, [pod("a"), pod("b", request=None)], [sample("a", "1"), sample("b", "1")])
    said = await read(client)
    assert said.reason is NoUtilization.NO_REQUESTS
    assert said.message == "container web of pod b has no CPU request; set resources.requests.cpu"


async def test_no_pods_no_ready_pods_and_no_selector_are_told_apart(api, client):
    serve(api, [], [])
    assert (await read(client)).reason is NoUtilization.NO_PODS
    serve(api, [pod("a", phase="Pending")], [])
    assert (await read(client)).reason is NoUtilization.NO_READY_PODS
    asked = len(api.asked)
    for selector in (None, ""):
        said = await cpu_utilization(client, "shop", selector, now=NOW)
        assert said.reason is NoUtilization.NO_SELECTOR
    assert len(api.asked) == asked


async def test_a_refusal_is_the_callers_to_report(api, client):
    serve(api, [pod("a")], [])
    api.on("GET", METRICS, api.status(403, "Forbidden", "no"))
    with pytest.raises(Forbidden):
        await read(client)


@pytest.mark.parametrize(
    "broken", [{"window": "soon"}, {"timestamp": "today"}, {"containers": [{"usage": {"cpu": "?"}}]}]
)
async def test_metrics_that_make_no_sense_count_as_no_answer(api, client, broken):
    serve(api, [pod("a")], [sample("a", "1") | broken])
    with pytest.raises(Unreachable, match="not understood"):
        await read(client)
