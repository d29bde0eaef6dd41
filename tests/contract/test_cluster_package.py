"""The cluster package's own calls, as the operator makes them, on both servers."""

import asyncio
import base64
import time
import uuid

import pytest
from tests.component.cluster.shop import Heard, autoscaler, deployment, running

from bayescaler.cluster.autoscalers import list_autoscalers, patch_status
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import Moved, NoScale, NoSuchKind, NotFound, Unprocessable
from bayescaler.cluster.events import EventRecorder, ObjectRef
from bayescaler.cluster.lease import LeaseElector
from bayescaler.cluster.listwatch import list_pages
from bayescaler.cluster.pod_metrics import NoUtilization, cpu_utilization
from bayescaler.cluster.scale import get_scale, patch_scale
from bayescaler.cluster.secrets import read_secret

AUTOSCALERS = "/apis/bayescaler.dev/v1alpha1/namespaces/{}/bayesianautoscalers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


@pytest.fixture
def shop(api) -> str:
    """The namespace."""
    return api.namespace


async def test_a_deployment_is_found_followed_and_scaled_to_zero_and_back(kube, shop):
    await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment("web"))
    heard = Heard(kube, [shop])
    resource = await ScaleDiscovery(kube).resolve("apps/v1", "Deployment")

    async with running(heard.store.run()):
        await heard.store.wait_synced()
        seen = heard.store.get("Deployment", shop, "web")
        scale = await get_scale(kube, resource, shop, "web")
        assert (scale.uid, scale.replicas, scale.selector) == (seen.uid, 3, seen.selector)

        for expected, replicas in [(3, 5), (5, 0), (0, 2)]:
            written = await patch_scale(kube, resource, shop, "web", uid=seen.uid, expected=expected, replicas=replicas)
            assert written.replicas == replicas
            await heard.until(lambda store, n=replicas: store.get("Deployment", shop, "web").replicas == n)

        await kube.request("DELETE", f"{DEPLOYMENTS.format(shop)}/web")
        await heard.until(lambda store: store.get("Deployment", shop, "web") is None)


async def test_a_target_scaled_or_recreated_by_others_is_not_written(kube, shop):
    first = await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment("web"))
    resource = await ScaleDiscovery(kube).resolve("apps/v1", "Deployment")
    uid = first["metadata"]["uid"]
    await patch_scale(kube, resource, shop, "web", uid=uid, expected=3, replicas=4)

    with pytest.raises(Moved):
        await patch_scale(kube, resource, shop, "web", uid=uid, expected=3, replicas=5)
    with pytest.raises(Moved):
        await patch_scale(kube, resource, shop, "web", uid=uid, expected=0, replicas=5)
    with pytest.raises(Moved):
        await patch_scale(kube, resource, shop, "web", uid=str(uuid.uuid4()), expected=4, replicas=5)
    with pytest.raises(NotFound):
        await patch_scale(kube, resource, shop, "other", uid=uid, expected=4, replicas=5)

    assert (await get_scale(kube, resource, shop, "web")).replicas == 4


async def test_kinds_are_told_apart_by_discovery(kube):
    discovery = ScaleDiscovery(kube)
    assert (await discovery.resolve("apps/v1", "StatefulSet")).plural == "statefulsets"
    with pytest.raises(NoScale):
        await discovery.resolve("v1", "ConfigMap")
    with pytest.raises(NoSuchKind):
        await discovery.resolve("apps/v1", "Widget")
    with pytest.raises(NoSuchKind):
        await discovery.resolve("nowhere.example/v1", "Widget")


async def test_status_is_replaced_whole_and_only_on_the_object_it_was_made_for(kube, shop):
    made = await kube.request("POST", AUTOSCALERS.format(shop), body=autoscaler("web"))
    uid = made["metadata"]["uid"]

    await patch_status(kube, shop, "web", uid=uid, status={"phase": "Learning", "currentReplicas": 3})
    after = await patch_status(kube, shop, "web", uid=uid, status={"phase": "Trusted"})
    assert after["status"] == {"phase": "Trusted"}
    assert after["metadata"]["generation"] == made["metadata"]["generation"]

    with pytest.raises(Moved):
        await patch_status(kube, shop, "web", uid=str(uuid.uuid4()), status={"phase": "Trusted"})
    with pytest.raises(Unprocessable) as caught:
        await patch_status(kube, shop, "web", uid=uid, status={"phase": "Odd"})
    assert any("status.phase" in cause for cause in caught.value.causes)
    listed = [raw async for page in list_autoscalers(kube, shop) for raw in page]
    assert [raw["status"]["phase"] for raw in listed] == ["Trusted"]


async def test_lists_come_in_pages(kube, shop):
    for number in range(5):
        await kube.request("POST", AUTOSCALERS.format(shop), body=autoscaler(f"web-{number}"))
    pages = [len(page["items"]) async for page in list_pages(kube, AUTOSCALERS.format(shop), limit=2)]
    assert pages == [2, 2, 1]


async def test_events_are_accepted_and_repeated_as_a_series(kube, shop):
    made = await kube.request("POST", AUTOSCALERS.format(shop), body=autoscaler("web"))
    recorder = EventRecorder(kube, instance="test")
    reference = ObjectRef(made["apiVersion"], made["kind"], shop, "web", made["metadata"]["uid"])
    for note in ("from 3 to 5", "from 3 to 5", "é" * 2000):
        recorder.record(reference, reason="ScaledUp", action="Scale", note=note)
        await recorder.drain()
    assert (recorder.posted, recorder.failed) == (3, 0)
    listed = await kube.request("GET", f"/apis/events.k8s.io/v1/namespaces/{shop}/events")
    ours = {raw["note"][:4]: raw for raw in listed["items"] if raw["reason"] == "ScaledUp"}
    assert ours["from"]["series"]["count"] == 2
    assert ours["from"]["regarding"]["uid"] == made["metadata"]["uid"]
    assert len(ours) == 2


async def test_a_lease_passes_from_the_one_that_stops_to_the_one_that_waits(kube, shop):
    started = {name: asyncio.Event() for name in "ab"}
    retries = asyncio.Queue()

    async def until_told(_seconds):
        await retries.get()

    def elector(name, **options):
        return LeaseElector(kube.separate(), shop, "bayescaler", name, on_started=started[name].set, **options)

    first, second = elector("a"), elector("b", sleep=patient(until_told))
    try:
        async with running(first.run()) as (leading,):
            await started["a"].wait()
            async with running(second.run()):
                await second_look(kube, shop)
                assert first.is_leader
                assert not second.is_leader
                leading.cancel()
                await asyncio.gather(leading, return_exceptions=True)
                assert not first.is_leader
                retries.put_nowait(None)
                await started["b"].wait()
        lease = await kube.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{shop}/leases/bayescaler")
        assert lease["spec"]["leaseTransitions"] == 1
        assert not lease["spec"].get("holderIdentity")
    finally:
        await first._client.close()
        await second._client.close()


def patient(pause):
    """Retries wait for the test; the limit of one request stays what it is."""

    async def sleep(seconds):
        await (pause(seconds) if seconds < 5.0 else asyncio.sleep(seconds))

    return sleep


async def second_look(kube, shop):
    """A round trip, by which time the other candidate has found the Lease taken or is about to."""
    await kube.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{shop}/leases/bayescaler")


async def test_a_secret_of_the_namespace_is_read(kube, shop):
    data = {"token": base64.b64encode(b"hush").decode()}
    await kube.request("POST", f"/api/v1/namespaces/{shop}/secrets", body={"metadata": {"name": "auth"}, "data": data})
    assert await read_secret(kube, shop, "auth") == {"token": b"hush"}
    with pytest.raises(NotFound, match="Secret"):
        await read_secret(kube, shop, "other")


async def test_without_pods_there_is_no_utilization(kube, shop):
    said = await cpu_utilization(kube, shop, "app=web", now=time.time())
    assert said.reason is NoUtilization.NO_PODS
