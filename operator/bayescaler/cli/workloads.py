"""The workloads of a fleet: in a folder of manifests and traces, or in a cluster. What cannot be used has a reason."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bayescaler import migrate
from bayescaler.api import API_VERSION, KIND, PLURAL
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError, Forbidden, NotFound
from bayescaler.cluster.listwatch import list_pages
from bayescaler.cluster.paths import collection
from bayescaler.migrate import Migrated, MigrateError, Unsaid

from .trial import SCALED_OBJECT, LeftOut, Workload

Json = Mapping[str, Any]

HPA = "HorizontalPodAutoscaler"
CONVERTED: Mapping[str, Callable[[Json, Unsaid], Migrated]] = {
    HPA: migrate.from_hpa,
    SCALED_OBJECT: migrate.from_scaledobject,
}
SCALERS = (KIND, *CONVERTED)
MANIFESTS, TRACES = (".yaml", ".yml", ".json"), (".csv", ".parquet")
QUERY = "spec.load.prometheus.query"
NOWHERE = "vector(1)"  # a query that is not asked, of one that only a metrics adapter knows


Found = Workload | LeftOut


def in_folder(folder: Path) -> list[Found]:
    """Return what the manifests of a folder, and of those below it, describe; the trace has a manifest's stem."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    manifests = [path for path in files if path.suffix in MANIFESTS]
    stems = {path.with_suffix("") for path in manifests}
    alone = [path for path in files if path.suffix in TRACES and path.with_suffix("") not in stems]
    found: list[Found] = [_in_file(path, str(path.relative_to(folder))) for path in manifests]
    return [*found, *(LeftOut(str(path.relative_to(folder)), "no manifest beside it") for path in alone)]


def in_cluster(kubeconfig: str | None, context: str | None, namespaces: Sequence[str]) -> list[Found]:
    """Return what the API server has in these namespaces, or (none named) in all."""
    try:
        objects = asyncio.run(_listed(kubeconfig, context, namespaces))
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
    around = tuple(obj for kind in ("Deployment", "StatefulSet") for obj in objects.get(kind, ()))
    taken = {_target(obj): _name(obj) for obj in objects[KIND]}
    found: list[Found] = []
    for kind in SCALERS:
        for obj in objects[kind]:
            if kind == HPA and _owned_by_keda(obj):
                continue
            if kind != KIND and _target(obj) in taken:
                why = f"its target is that of {KIND} {taken[_target(obj)]}, which is in the table"
                found.append(LeftOut(f"{kind} {_name(obj)}", why))
            else:
                found.append(_read(obj, f"{kind} {_name(obj)}", around, asked=True))
    return found


def _in_file(path: Path, shown: str) -> Found:
    try:
        documents = migrate.read_documents(path.read_bytes(), shown)
    except MigrateError as error:
        return LeftOut(shown, str(error).removeprefix(shown).lstrip(",: "))
    except OSError as error:
        return LeftOut(shown, f"cannot be read: {error.strerror or error}")
    scalers = [obj for obj in documents.objects if obj["kind"] in SCALERS]
    if len(scalers) != 1:
        kinds = ", ".join(str(obj["kind"]) for obj in documents.objects) or "nothing"
        return LeftOut(shown, f"holds {kinds}: one of {', '.join(SCALERS)} is expected, as one trace is beside it")
    traces = [beside for suffix in TRACES if (beside := path.with_suffix(suffix)).is_file()]
    if len(traces) != 1:
        names = " and ".join(path.with_suffix(suffix).name for suffix in TRACES)
        return LeftOut(shown, f"{names} are both beside it: keep one" if traces else "no trace of its name beside it")
    read = _read(scalers[0], shown, documents.objects, asked=False)
    return replace(read, trace=traces[0]) if isinstance(read, Workload) else read


def _read(obj: Json, shown: str, around: Sequence[Json], *, asked: bool) -> Found:
    """Return the workload of an object; `asked`: whether its query is, so that it has to be known."""
    kind = str(obj["kind"])
    if kind == KIND:
        return Workload(_name(obj), kind, obj)
    try:
        made = CONVERTED[kind](obj, Unsaid(namespace="default", workloads=tuple(around)))
        steering = migrate.steering_of(obj)
    except MigrateError as error:
        return LeftOut(shown, str(error))
    if set(made.unfilled) - (set() if asked else {QUERY}):
        return LeftOut(shown, next(note.text for note in made.notes if note.topic is migrate.Topic.FILL_IN))
    manifest = dict(made.manifest)
    if QUERY in made.unfilled:
        load = manifest["spec"]["load"]
        load = load | {"prometheus": load["prometheus"] | {"query": NOWHERE}}
        manifest["spec"] = manifest["spec"] | {"load": load}
    return Workload(_name(obj), kind, manifest, steering)


async def _listed(kubeconfig: str | None, context: str | None, namespaces: Sequence[str]) -> dict[str, list[Json]]:
    """Return all objects by kind; kinds that the server does not have are empty."""
    kinds = {
        KIND: (API_VERSION, PLURAL),
        HPA: ("autoscaling/v2", "horizontalpodautoscalers"),
        SCALED_OBJECT: ("keda.sh/v1alpha1", "scaledobjects"),
        "Deployment": ("apps/v1", "deployments"),
        "StatefulSet": ("apps/v1", "statefulsets"),
    }
    found: dict[str, list[Json]] = {kind: [] for kind in kinds}
    async with await KubeClient.connect(kubeconfig, context) as client:
        for kind, (version, plural) in kinds.items():
            for namespace in namespaces or (None,):
                try:
                    async for page in list_pages(client, collection(version, plural, namespace)):
                        # Items of a list leave their kind to the list.
                        found[kind] += [
                            {"apiVersion": version, "kind": kind} | item for item in page.get("items") or ()
                        ]
                except NotFound:
                    continue
                except Forbidden as error:
                    if kind in SCALERS:
                        raise
                    click.echo(f"bayescaler: warning: what pods request is unknown: {error}", err=True)
    return found


def _name(obj: Json) -> str:
    meta = obj.get("metadata") or {}
    return f"{meta.get('namespace') or 'default'}/{meta.get('name', '?')}"


def _target(obj: Json) -> tuple[str, str, str]:
    """Return namespace, kind and name of the workload that an object scales."""
    ref = (obj.get("spec") or {}).get("scaleTargetRef") or {}
    return str(obj["metadata"].get("namespace")), str(ref.get("kind") or "Deployment"), str(ref.get("name"))


def _owned_by_keda(obj: Json) -> bool:
    owners: Iterator[Json] = iter(obj["metadata"].get("ownerReferences") or ())
    return any(owner.get("kind") == SCALED_OBJECT for owner in owners)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
