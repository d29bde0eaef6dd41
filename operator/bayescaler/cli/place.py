"""Which cluster, namespace and objects a command means: kubectl's options, and their completion in a shell."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bayescaler.cluster.autoscalers import GROUP_VERSION
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.context import default_namespace
from bayescaler.cluster.errors import ClusterError, NotFound
from bayescaler.cluster.listwatch import list_pages
from bayescaler.cluster.paths import collection
from bayescaler.policy.record import shown

from .named import NotThere

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")
Json = Mapping[str, Any]
COMPLETION_SECONDS = 2.0  # a key that is pressed waits no longer


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, and a namespace of it; None is that of the context."""

    namespace: str | None = None
    kubeconfig: str | None = None
    context: str | None = None

    @property
    def home(self) -> str:
        """The namespace that is meant. Raises BadConfiguration."""
        return self.namespace or default_namespace(self.kubeconfig, self.context)

    async def connect(self, **options: float) -> KubeClient:
        """Return a client of the cluster. Raises BadConfiguration."""
        return await KubeClient.connect(self.kubeconfig, self.context, **options)


async def selected(client: KubeClient, namespace: str | None, selector: str | None = None) -> list[Json]:
    """Return the objects of a namespace or (None) of all, by namespace and name.

    Raises NotThere where the cluster does not know the kind, ClusterError.
    """
    path = collection(GROUP_VERSION, "bayesianautoscalers", namespace)
    try:
        async with aclosing(list_pages(client, path, selector=selector)) as pages:
            found = [obj async for page in pages for obj in page.get("items") or []]
    except NotFound as error:
        raise NotThere(
            f"the cluster does not serve bayesianautoscalers of {GROUP_VERSION}: is the CRD installed?"
        ) from error
    return sorted(found, key=lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))


def answer(asked: Coroutine[Any, Any, Result]) -> Result:
    """Run what asks a cluster: exit code 1 for what is not there, 2 and one line for what cannot be read or written."""
    try:
        return asyncio.run(asked)
    except NotThere as nothing:
        click.echo(f"bayescaler: {shown(nothing)}", err=True)
        sys.exit(1)
    except ClusterError as error:
        raise click.ClickException(shown(error)) from error


class ObjectName(click.ParamType[str]):
    """The name of an object, which a shell completes from the cluster."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return it."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the objects of the namespace that begin so, with what they size."""
        taken = ctx.params.get(param.name or "") or ()
        names = [] if isinstance(taken, str) else list(taken)
        return [
            CompletionItem(obj["metadata"]["name"], help=_sizes(obj))
            for obj in _listed(_place_of(ctx), GROUP_VERSION, "bayesianautoscalers")
            if obj["metadata"]["name"].startswith(incomplete) and obj["metadata"]["name"] not in names
        ]


class NamespaceName(ObjectName):
    """The name of a namespace, likewise."""

    name = "namespace"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the namespaces that begin so."""
        found = _listed(_place_of(ctx), "v1", "namespaces", everywhere=True)
        names = [str(obj["metadata"]["name"]) for obj in found]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


OBJECT_NAME, NAMESPACE_NAME = ObjectName(), NamespaceName()


def place_options(command: Command) -> Command:
    """Add kubectl's -n, --kubeconfig and --context, given to the command as namespace, kubeconfig and kube_context."""
    for option in reversed(
        (
            click.option("-n", "--namespace", type=NAMESPACE_NAME, help="Namespace; default: that of the context."),
            click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default as kubectl's."),
            click.option("--context", "kube_context", help="Context of the kubeconfig."),
        )
    ):
        command = option(command)
    return command


def _place_of(ctx: click.Context) -> Place:
    given = ctx.params
    return Place(given.get("namespace"), given.get("kubeconfig"), given.get("kube_context"))


def _listed(place: Place, group_version: str, plural: str, *, everywhere: bool = False) -> list[Json]:
    """Return what there is; nothing where the cluster does not answer: a completion has nowhere to complain."""

    async def ask() -> list[Json]:
        path = collection(group_version, plural, None if everywhere else place.home)
        async with await place.connect(request_seconds=COMPLETION_SECONDS) as client:
            return list((await client.request("GET", path, query={"limit": "500"})).get("items") or ())

    try:
        return asyncio.run(ask())
    except ClusterError:
        return []


def _sizes(obj: Json) -> str:
    target = (obj.get("spec") or {}).get("scaleTargetRef") or {}
    return f"{target.get('kind', 'Deployment')} {target.get('name', '')}"
