"""Finding one BayesianAutoscaler in a cluster: by its name, or by that of what it sizes."""

from collections.abc import Mapping
from typing import Any

import click

from bayescaler.api import API_VERSION, KIND, PLURAL
from bayescaler.cluster.autoscalers import list_autoscalers
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import NotFound
from bayescaler.cluster.paths import item

SHORT = {"deploy": "deployment", "sts": "statefulset", "rs": "replicaset"}
OURS = {"bas", KIND.lower(), PLURAL}


class NotThere(Exception):  # noqa: N818 - the answer, not a mistake
    """No such object; the text says so."""


async def find(client: KubeClient, namespace: str, name: str) -> Mapping[str, Any]:
    """Return the object called `name`, or the one whose target `KIND/NAME` is.

    Raises NotThere, click.UsageError if several have that target, ClusterError.
    """
    kind, slash, own = name.rpartition("/")
    kind = _singular(kind)
    if slash and not (kind and own and "/" not in kind):
        raise click.UsageError(f"{name!r} is neither NAME nor KIND/NAME, such as deploy/checkout")
    if not slash or kind in OURS:
        return await _by_name(client, namespace, own)
    objects = [obj async for page in list_autoscalers(client, namespace) for obj in page]
    found = [obj for obj in objects if _targets(obj, kind, own)]
    if not found:
        raise NotThere(f"no {KIND} in namespace {namespace} sizes {name}: kubectl get bas -A shows what each sizes")
    if len(found) > 1:
        names = ", ".join(sorted(str(obj["metadata"]["name"]) for obj in found))
        raise click.UsageError(f"{name} is the target of several: name one of {names}")
    return found[0]


async def _by_name(client: KubeClient, namespace: str, name: str) -> Mapping[str, Any]:
    try:
        return await client.request("GET", item(API_VERSION, PLURAL, namespace, name))
    except NotFound as error:
        if f'"{name}"' in error.message:
            raise NotThere(
                f"there is no {KIND} {name} in namespace {namespace}: kubectl get bas -A shows all"
            ) from error
        raise NotThere(f"the cluster does not serve {PLURAL} of {API_VERSION}: is the CRD installed?") from error


def _targets(obj: Mapping[str, Any], kind: str, name: str) -> bool:
    ref = obj["spec"]["scaleTargetRef"]
    return ref.get("name") == name and str(ref.get("kind", "Deployment")).lower() == kind


def _singular(kind: str) -> str:
    """Return a kind in lower case without group and plural: `deployments.apps` is `deployment`."""
    plain = kind.lower().partition(".")[0]
    if plain in OURS:
        return plain
    return SHORT.get(plain, plain).removesuffix("s")
