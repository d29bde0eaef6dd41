"""Reading a cluster with the reader's own rights: facts for the checks, and Unread where one could not be had."""

from collections.abc import Awaitable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from bayescaler.api import API_VERSION, PLURAL
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import ApiError, ClusterError, Forbidden, NotFound
from bayescaler.cluster.listwatch import list_pages
from bayescaler.cluster.operator_logs import SELECTOR
from bayescaler.cluster.paths import collection, item
from bayescaler.cluster.quantities import quantity
from bayescaler.cluster.scalers import Reference, ScalerKind, project, scalers_path

from .access import CRDS, Right
from .finding import Unread
from .install import CRD_NAME, Setup, setup_of
from .target import Json, Other, Quota, cpu_of

Fact = TypeVar("Fact")


async def attempt(asked: Awaitable[Fact]) -> Fact | Unread:
    """Return a fact, or why it could not be had."""
    try:
        return await asked
    except Forbidden as error:
        return Unread(error.message, refused=True)
    except ClusterError as error:
        return Unread(str(error))


async def reviews(client: KubeClient, rights: Iterable[Right]) -> list[tuple[Right, bool]]:
    """Ask the API server which of these rights the reader has. Raises ApiError."""
    found = []
    for right in rights:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": right.attributes()},
        }
        path = collection("authorization.k8s.io/v1", "selfsubjectaccessreviews")
        answer = await client.request("POST", path, body=body)
        found.append((right, bool((answer.get("status") or {}).get("allowed"))))
    return found


async def crd(client: KubeClient) -> Json | None:
    """Return the CRD that is installed, None if there is none."""
    path = f"{collection(f'{CRDS}/v1', 'customresourcedefinitions')}/{CRD_NAME}"
    try:
        return await client.request("GET", path)
    except NotFound:
        return None


async def setups(client: KubeClient, namespace: str | None) -> list[Setup]:
    """Return the operators of a namespace or (None) of all."""
    found = await _listed(client, collection("apps/v1", "deployments", namespace), SELECTOR)
    return [setup_of(deployment) for deployment in found]


async def lease(client: KubeClient, setup: Setup) -> Json | None:
    """Return the Lease of an operator, None if there is none."""
    try:
        return await client.request("GET", item("coordination.k8s.io/v1", "leases", setup.lease_namespace, setup.lease))
    except NotFound:
        return None


async def serves(client: KubeClient, group_version: str) -> bool:
    """Whether the API server serves a group and version, and what stands behind it answers."""
    try:
        await client.request("GET", f"/apis/{group_version}")
    except ApiError as error:
        if isinstance(error, NotFound) or error.status == 503:
            return False
        raise
    return True


async def target(client: KubeClient, obj: Json) -> Json | None:
    """Return the object that is sized, None if there is none. Raises ClusterError (NoSuchKind)."""
    ref = obj["spec"]["scaleTargetRef"]
    version, kind = str(ref.get("apiVersion") or "apps/v1"), str(ref.get("kind") or "Deployment")
    resource = await ScaleDiscovery(client).resolve(version, kind)
    try:
        return await client.request(
            "GET", item(version, resource.plural, obj["metadata"]["namespace"], str(ref["name"]))
        )
    except NotFound:
        return None


async def quotas(client: KubeClient, namespace: str) -> list[Quota]:
    """Return every line of every ResourceQuota of a namespace."""
    found = []
    for quota in await _listed(client, collection("v1", "resourcequotas", namespace)):
        status = quota.get("status") or {}
        used = status.get("used") or {}
        for resource, hard in (status.get("hard") or {}).items():
            limit, taken = quantity(hard), quantity(used.get(resource, "0"))
            found.append(Quota(str(quota["metadata"]["name"]), str(resource), limit, taken))
    return found


def per_pod(target_object: Json) -> dict[str, float]:
    """Return what one more pod of a target takes of a quota, by the quota's names of it."""
    pod = ((target_object.get("spec") or {}).get("template") or {}).get("spec") or {}
    cores = sum(quantity(cpu_of(one) or "0") for one in pod.get("containers") or ())
    return {"pods": 1.0, "count/pods": 1.0, "requests.cpu": cores, "cpu": cores}


async def others(client: KubeClient, obj: Json, *, keda: bool) -> list[Other]:
    """Return the other autoscalers that are on the target of an object."""
    namespace, mine = obj["metadata"]["namespace"], _reference(obj)
    found = []
    for kind in (ScalerKind.HPA, *((ScalerKind.SCALED_OBJECT,) if keda else ())):
        for raw in await _listed(client, scalers_path(kind, namespace)):
            scaler = project(kind, dict(raw))
            if scaler is not None and scaler.target == mine:
                found.append(Other(str(kind), scaler.name, scaler.keda or ""))
    ours = await _listed(client, collection(API_VERSION, PLURAL, namespace))
    rivals = [raw["metadata"] for raw in ours if _reference(raw) == mine]
    uid = obj["metadata"]["uid"]
    return found + [Other("BayesianAutoscaler", str(one["name"])) for one in rivals if one["uid"] != uid]


def _reference(obj: Json) -> Reference:
    ref: Mapping[str, Any] = (obj.get("spec") or {}).get("scaleTargetRef") or {}
    return Reference.of(
        str(ref.get("apiVersion") or "apps/v1"), str(ref.get("kind") or "Deployment"), str(ref.get("name"))
    )


async def _listed(client: KubeClient, path: str, selector: str | None = None) -> list[Json]:
    async with aclosing(list_pages(client, path, selector=selector)) as pages:
        return [raw async for page in pages for raw in page.get("items") or ()]
