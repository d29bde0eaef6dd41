"""Kubernetes objects of a file: several YAML documents, JSON, and the Lists that kubectl prints."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from bayescaler.api.documents import documents

from .notes import MigrateError, listed, one_line

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Documents:
    """The objects of one file, in its order."""

    origin: str
    objects: tuple[Json, ...]

    def wanted(self, kind: str, name: str | None = None) -> tuple[Json, ...]:
        """Return the objects of a kind; `name` (or namespace/name) chooses among them.

        Raises:
            MigrateError: there are none.
        """
        of_kind = [obj for obj in self.objects if obj["kind"] == kind]
        found = tuple(obj for obj in of_kind if name is None or name in _names(obj))
        if not of_kind:
            has = listed([f"{count} {other}" for other, count in self._kinds().items()]) or "nothing"
            cure = f"give one that has it, as of: kubectl get {kind.lower()} NAME -o yaml"
            raise MigrateError(f"{self.origin}: no {kind} in it, found {has}: {cure}")
        if not found:
            there = listed([_names(obj)[-1] for obj in of_kind])
            raise MigrateError(f"{self.origin}: no {kind} {name} in it: choose of {there}")
        return found

    def others(self, kind: str) -> str:
        """Name the kinds that are not of `kind`, with counts; empty if there are none."""
        return listed([f"{count} {other}" for other, count in self._kinds().items() if other != kind])

    def _kinds(self) -> Counter[str]:
        return Counter(one_line(obj["kind"]) for obj in self.objects)


def read_documents(text: str | bytes, origin: str) -> Documents:
    """Read a file; `origin` names it in errors.

    Raises:
        MigrateError: it is no YAML, or holds what is no object.
    """
    try:
        parsed = list(documents(text))
    except yaml.MarkedYAMLError as error:
        at = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise MigrateError(f"{origin}{at}: is no YAML: {one_line(error.problem or str(error))}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MigrateError(f"{origin}: is no YAML: {one_line(str(error))}") from error
    return Documents(origin, tuple(obj for document in parsed for obj in _objects(document, origin)))


def _objects(document: object, origin: str) -> Iterator[Json]:
    if document is None:
        return
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise MigrateError(f"{origin}: holds a document without a kind: give manifests, as kubectl get -o yaml prints")
    items = document.get("items")
    if document["kind"].endswith("List") and isinstance(items, list):
        # Items of a typed list, as the API serves it, leave their kind to the list.
        kind, version = document["kind"].removesuffix("List"), document.get("apiVersion")
        for item in items:
            named = {"apiVersion": version, "kind": kind} | item if kind and isinstance(item, dict) else item
            yield from _objects(named, origin)
        return
    if not isinstance(document.get("metadata", {}), dict):
        raise MigrateError(f"{origin}: metadata of a {one_line(document['kind'])} is no mapping")
    yield document


def _names(obj: Json) -> tuple[str, ...]:
    meta = obj.get("metadata", {})
    name, namespace = str(meta.get("name")), meta.get("namespace")
    return (name, f"{namespace}/{name}") if namespace else (name,)
