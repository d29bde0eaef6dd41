"""What each verb answers: reads, lists and their pages, writes, patches and deletes."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import yaml

from . import ownership, patches, scale, selectors
from .errors import FieldError, Json, StatusError, bad_request, expired, invalid, unsupported_media_type
from .kinds import Kind
from .options import Deletion, Options
from .rendering import Form, Rendering, negotiate
from .request import Request
from .resources import Registry, present
from .selectors import Predicate
from .store import Key, Record, Store, encode

Virtual = Callable[[str], list[Json]]
_PATCH_TYPES = (patches.JSON_PATCH, patches.MERGE_PATCH, patches.STRATEGIC_PATCH, patches.APPLY_PATCH)


@dataclass(frozen=True, slots=True)
class Answer:
    """Body and code of a response."""

    body: bytes
    code: int = 200


def rendering(kind: Kind, request: Request, now: float) -> Rendering:
    """How `request` wants `kind` shown."""
    form = negotiate(request.headers.get("Accept", ""))
    return Rendering(kind, form, request.query.get("includeObject", "Metadata"), now)


def predicate(kind: Kind, request: Request) -> Predicate:
    """The label and field selectors of `request`, and its name where it has one."""
    by_label = selectors.labels(request.query.get("labelSelector", ""))
    by_field = selectors.fields(request.query.get("fieldSelector", ""), kind)
    name = request.name

    def matches(obj: Json) -> bool:
        return (not name or obj["metadata"]["name"] == name) and by_label(obj) and by_field(obj)

    return matches


def options_of(request: Request) -> Options:
    """How a write is meant, by its query."""
    agent = request.headers.get("User-Agent", "").partition("/")[0] or "unknown"
    if request.query.get("dryRun", "") not in {"", "All"}:
        raise bad_request(f'invalid dryRun: Unsupported value: "{request.query["dryRun"]}": supported values: "All"')
    return Options(
        manager=request.query.get("fieldManager") or agent,
        subresource=request.subresource,
        dry_run=request.query.get("dryRun") == "All",
        force=request.flag("force"),
        validation=request.query.get("fieldValidation") or "Warn",
    )


class Verbs:
    """The verbs over one registry; `virtual` kinds are not stored but asked for, by namespace."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store: Store = registry.store
        self.virtual: dict[tuple[str, str], Virtual] = {}

    def read(self, kind: Kind, request: Request) -> Answer:
        """One object, or its Scale."""
        if kind.resource in self.virtual:
            found = [o for o in self.virtual[kind.resource](request.namespace) if o["metadata"]["name"] == request.name]
            if not found:
                raise StatusError(
                    404, "NotFound", f'{kind.plural}.{kind.group} "{request.namespace}/{request.name}" not found'
                )
            return Answer(encode(found[0]))
        record = self._registry.read(kind, request.namespace, request.name)
        if request.subresource == "scale":
            return Answer(encode(scale.read(kind, record.object)))
        return Answer(rendering(kind, request, self._store.clock.now()).one(record))

    def page(self, kind: Kind, request: Request) -> Answer:
        """A list, paged and selected as asked."""
        shown, matches = rendering(kind, request, self._store.clock.now()), predicate(kind, request)
        if kind.resource in self.virtual:
            records = [Record(obj, 0) for obj in self.virtual[kind.resource](request.namespace) if matches(obj)]
            return Answer(shown.many(records, {}))
        version, after, items = self._snapshot(kind, request)
        chosen = [item for item in items if item[0] > after and matches(item[1].object)]
        limit = request.number("limit") or 0
        metadata: Json = {"resourceVersion": str(version)}
        if limit and len(chosen) > limit:
            metadata["continue"] = _page_token(version, chosen[limit - 1][0])
            if not request.query.get("labelSelector") and not request.query.get("fieldSelector"):
                metadata["remainingItemCount"] = len(chosen) - limit
            chosen = chosen[:limit]
        return Answer(shown.many([record for _, record in chosen], metadata))

    def _snapshot(self, kind: Kind, request: Request) -> tuple[int, Key, list[tuple[Key, Record]]]:
        token = request.query.get("continue", "")
        if token:
            version, after = _read_page_token(token)
            return version, after, self._store.items_at(kind.resource, version, request.namespace)
        wanted = request.query.get("resourceVersion") or "0"
        if not wanted.isdigit():
            raise bad_request(f'resourceVersion: Invalid value: "{wanted}": it must be a number given by the server')
        if int(wanted) > self._store.version:
            raise StatusError(
                504,
                "Timeout",
                f"Too large resource version: {wanted}, current: {self._store.version}",
                retry_after=1,
                details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
            )
        if request.query.get("resourceVersionMatch") == "Exact":
            try:
                return int(wanted), ("", ""), self._store.items_at(kind.resource, int(wanted), request.namespace)
            except StatusError as error:
                raise expired("The resourceVersion for the provided list is too old.") from error
        return self._store.version, ("", ""), self._store.items(kind.resource, request.namespace)

    def create(self, kind: Kind, request: Request, body: Any, options: Options) -> Answer:
        """POST."""
        record = self._registry.create(kind, request.namespace, body, options)
        return Answer(self._shown(kind, request, record), 201)

    def update(self, kind: Kind, request: Request, body: Any, options: Options) -> Answer:
        """PUT, of an object, its status or its Scale."""
        if request.subresource == "scale":
            current = self._registry.read(kind, request.namespace, request.name)
            body = scale.write(kind, present(kind, current.object), body)
        record, created = self._registry.update(kind, request.namespace, request.name, body, options)
        return Answer(self._shown(kind, request, record), 201 if created else 200)

    def patch(self, kind: Kind, request: Request, content_type: str, body: bytes, options: Options) -> Answer:
        """PATCH of any type; server-side apply creates what is not there."""
        accepted = tuple(t for t in _PATCH_TYPES if not (kind.custom and t == patches.STRATEGIC_PATCH))
        if content_type not in accepted:
            raise unsupported_media_type(accepted)
        if content_type == patches.APPLY_PATCH:
            return self._apply(kind, request, body, options)
        patch = decoded(body)
        record = self._registry.read(kind, request.namespace, request.name)
        current = present(kind, record.object)
        if request.subresource == "scale":
            patched = _patched(content_type, scale.read(kind, current, for_update=True), patch, {})
            new = scale.write(kind, current, patched)
        else:
            schema = kind.structural.schema if kind.structural else {}
            new = _patched(content_type, current, patch, schema)
            _check_identity(kind, current, new, request.subresource)
        options = replace(options, is_patch=True)
        record, _ = self._registry.update(kind, request.namespace, request.name, new, options)
        return Answer(self._shown(kind, request, record))

    def _apply(self, kind: Kind, request: Request, body: bytes, options: Options) -> Answer:
        if not request.query.get("fieldManager"):
            raise invalid(
                "PatchOptions",
                "meta.k8s.io",
                "",
                [FieldError("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")],
            )
        applied = _applied(kind, request, body)
        if request.subresource == "scale":
            applied = scale.applied(kind, applied)
        record = self._store.get(kind.resource, request.namespace, request.name)
        live = present(kind, record.object) if record else None
        if live is None and request.subresource:
            self._registry.read(kind, request.namespace, request.name)
        version = applied["metadata"].pop("resourceVersion", None)
        structural = kind.structural
        if kind.has_status and request.subresource != "scale":
            applied = {
                key: value
                for key, value in applied.items()
                if (key == "status") == (request.subresource == "status") or key in {"apiVersion", "kind", "metadata"}
            }
        result = ownership.apply(
            live,
            applied,
            structural.schema if structural else {},
            manager=options.manager,
            subresource=request.subresource,
            force=options.force,
            now=self._store.timestamp(),
        )
        options = replace(options, is_apply=True)
        if live is None:
            return Answer(
                self._shown(kind, request, self._registry.create(kind, request.namespace, result, options)), 201
            )
        result["metadata"]["resourceVersion"] = version or live["metadata"]["resourceVersion"]
        record, _ = self._registry.update(kind, request.namespace, request.name, result, options)
        return Answer(self._shown(kind, request, record))

    def delete(self, kind: Kind, request: Request, body: Any) -> Answer:
        """DELETE of one object: a Status, or the object while something keeps it."""
        record, gone = self._registry.delete(kind, request.namespace, request.name, _deletion(request, body))
        if not gone or kind.kind == "Pod":
            return Answer(self._shown(kind, request, record))
        details = {
            "name": request.name,
            "group": kind.group,
            "kind": kind.plural,
            "uid": record.object["metadata"]["uid"],
        }
        return Answer(
            encode(
                {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "details": {key: value for key, value in details.items() if value},
                }
            )
        )

    def delete_collection(self, kind: Kind, request: Request, body: Any) -> Answer:
        """DELETE of all objects that match."""
        matches, deletion = predicate(kind, request), _deletion(request, body)
        chosen = [item for item in self._store.items(kind.resource, request.namespace) if matches(item[1].object)]
        for (namespace, name), _ in chosen:
            if self._store.get(kind.resource, namespace, name) is not None:
                self._registry.delete(kind, namespace, name, deletion)
        shown = rendering(kind, request, self._store.clock.now())
        return Answer(shown.many([record for _, record in chosen], {"resourceVersion": str(self._store.version)}))

    def _shown(self, kind: Kind, request: Request, record: Record) -> bytes:
        if request.subresource == "scale":
            return encode(scale.read(kind, record.object, for_update=True))
        form = rendering(kind, request, self._store.clock.now())
        return form.one(record) if form.form is not Form.TABLE else encode(present(kind, record.object))


def decoded(body: bytes) -> Any:
    """A JSON body, or YAML; 400 on neither."""
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type JSON or YAML): {error}") from error


def _patched(content_type: str, current: Json, patch: Any, schema: Json) -> Json:
    if content_type == patches.JSON_PATCH:
        return patches.json_patch(current, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: a merge patch must be an object")
    if content_type == patches.MERGE_PATCH:
        return dict(patches.merge_patch(current, patch))
    return dict(patches.strategic_patch(current, patch, schema))


def _check_identity(kind: Kind, old: Json, new: Json, subresource: str) -> None:
    """A patch that changes the uid is invalid (in a PUT it is a conflict)."""
    if kind.custom and subresource:
        return
    given = new.get("metadata", {}).get("uid")
    if given not in {None, old["metadata"]["uid"]}:
        raise invalid(
            kind.kind,
            kind.group,
            old["metadata"]["name"],
            [FieldError("metadata.uid", "FieldValueInvalid", f'Invalid value: "{given}": field is immutable')],
        )


def _applied(kind: Kind, request: Request, body: bytes) -> Json:
    applied = decoded(body)
    if not isinstance(applied, dict) or not applied.get("apiVersion") or not applied.get("kind"):
        raise bad_request("error decoding YAML: an applied object must have apiVersion and kind")
    metadata = dict(applied.get("metadata") or {})
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if kind.namespaced:
        metadata.setdefault("namespace", request.namespace)
    return {**applied, "metadata": {**metadata, "name": metadata.get("name", request.name)}}


def _deletion(request: Request, body: Any) -> Deletion:
    given = body if isinstance(body, dict) else {}
    preconditions = given.get("preconditions") or {}
    orphan = given.get("orphanDependents", request.flag("orphanDependents"))
    propagation = given.get("propagationPolicy") or request.query.get("propagationPolicy")
    return Deletion(
        propagation or ("Orphan" if orphan else "Background"),
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        bool(given.get("dryRun") or request.query.get("dryRun")),
    )


def _page_token(version: int, key: Key) -> str:
    return base64.urlsafe_b64encode(encode({"v": "meta.k8s.io/v1", "rv": version, "after": key})).decode()


def _read_page_token(token: str) -> tuple[int, Key]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = read["after"]
        return int(read["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
