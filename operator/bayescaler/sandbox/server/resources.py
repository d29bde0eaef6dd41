"""The rules of create, update and delete that hold for every kind: versions, generations, subresources, deletion."""

from . import builtins, crds, envelope, events, ownership
from .errors import (
    STALE,
    FieldError,
    Json,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    deletion_conflict,
    forbidden,
    invalid,
    not_found,
    uid_mismatch,
)
from .garbage import Collector
from .kinds import Kind, Kinds
from .options import Deletion, Options
from .store import Record, Store

_SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_CRD = "CustomResourceDefinition"


def present(kind: Kind, obj: Json) -> Json:
    """A stored object as this kind's version shows it."""
    if kind.resource != (kind.group, kind.plural):
        return events.to_new(obj)
    return obj if obj.get("apiVersion") == kind.api_version else {**obj, "apiVersion": kind.api_version}


def _stored_form(kind: Kind, obj: Json) -> Json:
    if kind.plural == "events" and not kind.custom:
        return events.to_stored(obj)
    if kind.stored_version and kind.stored_version != kind.version:
        return {**obj, "apiVersion": f"{kind.group}/{kind.stored_version}"}
    return obj


class Registry:
    """All writes go through here; reads may go to the store."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store = store
        self.kinds = kinds
        self.garbage = Collector(self)

    def read(self, kind: Kind, namespace: str, name: str) -> Record:
        """The stored record, or 404."""
        record = self.store.get(kind.resource, namespace, name)
        if record is None:
            raise not_found(kind.plural, kind.group, name)
        return record

    def create(self, kind: Kind, namespace: str, obj: Json, options: Options) -> Record:
        """Store a new object."""
        obj = envelope.enveloped(kind, namespace, obj)
        metadata = obj["metadata"]
        if metadata.get("resourceVersion"):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self.store.new_suffix()
        name = envelope.checked_name(kind, metadata)
        self._check_namespace(kind, namespace)
        if kind.has_status and kind.kind != _CRD:
            obj.pop("status", None)
        for key in _SERVER_OWNED:
            metadata.pop(key, None)
        obj = self._prepared(kind, obj, None, options)
        stamps = {"uid": self.store.new_uid(), "creationTimestamp": self.store.timestamp()}
        if kind.counts_generations:
            stamps["generation"] = 1  # type: ignore[assignment]  # JSON holds both
        obj["metadata"] = {**obj["metadata"], **stamps}
        if self.store.get(kind.resource, namespace, name) is not None:
            raise already_exists(kind.plural, kind.group, name)
        self._own(kind, obj, None, options)
        return self._store(kind, namespace, name, obj, options)

    def update(self, kind: Kind, namespace: str, name: str, obj: Json, options: Options) -> tuple[Record, bool]:
        """Replace an object or, by `options.subresource`, a part of it; returns the record and whether it is new."""
        current = self.store.get(kind.resource, namespace, name)
        obj = envelope.enveloped(kind, namespace, obj)
        given = obj["metadata"].setdefault("name", name)
        if given != name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        if current is None:
            if not kind.create_on_update or options.subresource:
                raise not_found(kind.plural, kind.group, name)
            if obj["metadata"].get("uid"):
                raise conflict(kind.plural, kind.group, name, uid_mismatch(obj["metadata"]["uid"], ""))
            obj["metadata"].pop("resourceVersion", None)
            return self.create(kind, namespace, obj, options), True
        old = present(kind, current.object)
        self._check_preconditions(kind, old, obj["metadata"], options)
        new = self._prepared(kind, self._isolated(kind, old, obj, options), old, options)
        _check_finalizers(kind, old, new)
        self._own(kind, new, old, options)
        if new == old:
            return current, False
        if kind.counts_generations and _desired(kind, new) != _desired(kind, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if _is_free(new) and not options.dry_run and not self.garbage.holds(kind, new):
            self.store.put(kind.resource, namespace, name, _stored_form(kind, new))
            return self.remove(kind, namespace, name), False
        return self._store(kind, namespace, name, new, options), False

    def delete(self, kind: Kind, namespace: str, name: str, deletion: Deletion) -> tuple[Record, bool]:
        """Delete an object; returns its last record and whether it is gone (finalizers and contents keep it)."""
        record = self.read(kind, namespace, name)
        metadata = record.object["metadata"]
        for what, given, have in (
            ("UID", deletion.uid, metadata["uid"]),
            ("ResourceVersion", deletion.resource_version, metadata["resourceVersion"]),
        ):
            if given and given != have:
                raise deletion_conflict(kind.kind, kind.group, name, what, given, have)
        if deletion.dry_run:
            return record, not metadata.get("finalizers")
        finalizers = self.garbage.finalizers(record.object, deletion.propagation)
        if finalizers or self.garbage.holds(kind, record.object):
            if not metadata.get("deletionTimestamp") or finalizers != metadata.get("finalizers", []):
                record = self._mark_deleted(kind, namespace, name, record, finalizers)
            self.garbage.run()
            left = self.store.get(kind.resource, namespace, name)
            return left or record, left is None
        return self.remove(kind, namespace, name), True

    def _mark_deleted(self, kind: Kind, namespace: str, name: str, record: Record, finalizers: list[str]) -> Record:
        metadata = {
            "deletionTimestamp": self.store.timestamp(),
            "deletionGracePeriodSeconds": 0,
            **record.object["metadata"],
        }
        if finalizers:
            metadata["finalizers"] = finalizers
        if kind.counts_generations and "deletionTimestamp" not in record.object["metadata"]:
            metadata["generation"] = metadata.get("generation", 0) + 1
        obj = {**record.object, "metadata": metadata}
        if kind.kind == "Namespace":
            obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
        record = self.store.put(kind.resource, namespace, name, obj)
        self.garbage.terminating(record.object)
        return record

    def remove(self, kind: Kind, namespace: str, name: str) -> Record:
        """Take an object out of the store, whatever holds it, and carry out what follows."""
        record = self.store.remove(kind.resource, namespace, name)
        if kind.kind == _CRD:
            self.kinds.remove(record.object["spec"]["group"], record.object["spec"]["names"]["plural"])
        self.garbage.run()
        return record

    def _check_namespace(self, kind: Kind, namespace: str) -> None:
        if not kind.namespaced:
            return
        record = self.store.get(("", "namespaces"), "", namespace)
        if record is None:
            raise not_found("namespaces", "", namespace)
        if record.object["metadata"].get("deletionTimestamp"):
            raise forbidden(
                kind.plural,
                kind.group,
                "",
                f"unable to create new content in namespace {namespace} because it is being terminated",
            )

    def _check_preconditions(self, kind: Kind, old: Json, given: Json, options: Options) -> None:
        name, have = old["metadata"]["name"], old["metadata"]
        if given.get("uid", have["uid"]) != have["uid"] and not (kind.custom and options.subresource):
            place = "/".join(part for part in (kind.group, kind.plural, have.get("namespace", ""), name) if part)
            raise conflict(
                kind.plural,
                kind.group,
                name,
                f"StorageError: invalid object, Code: 4, Key: /registry/{place}, "
                f"ResourceVersion: 0, AdditionalErrorMsg: {uid_mismatch(given['uid'], have['uid'])}",
            )
        version = given.get("resourceVersion")
        if not version and not kind.unconditional_update:
            raise invalid(
                kind.kind,
                kind.group,
                name,
                [
                    FieldError(
                        "metadata.resourceVersion",
                        "FieldValueInvalid",
                        "Invalid value: 0: must be specified for an update",
                    )
                ],
            )
        if version and version != have["resourceVersion"]:
            raise conflict(kind.plural, kind.group, name, STALE)

    def _isolated(self, kind: Kind, old: Json, new: Json, options: Options) -> Json:
        if options.subresource == "status":
            kept = {key: value for key, value in old.items() if key != "status"}
            metadata = {**old["metadata"]}
            if options.is_apply and "managedFields" in new["metadata"]:
                metadata["managedFields"] = new["metadata"]["managedFields"]
            return kept | {"metadata": metadata} | ({"status": new["status"]} if "status" in new else {})
        metadata = {**new["metadata"], "resourceVersion": old["metadata"]["resourceVersion"]}
        for key in _SERVER_OWNED:
            metadata.pop(key, None)
            if key in old["metadata"]:
                metadata[key] = old["metadata"][key]
        isolated = {**new, "metadata": metadata}
        if kind.has_status:
            isolated.pop("status", None)
            if "status" in old:
                isolated["status"] = old["status"]
        return isolated

    def _prepared(self, kind: Kind, obj: Json, old: Json | None, options: Options) -> Json:
        structural, name = kind.structural, obj["metadata"]["name"]
        if structural is not None:
            obj, unknown = structural.conform(obj)
            self._report_unknown(kind, unknown, options)
        if not kind.custom and kind.kind in builtins.DEFAULTS:
            obj = builtins.DEFAULTS[kind.kind](obj)
        errors = structural.validate(obj, old) if structural is not None else []
        if not kind.custom and any(error.type == "FieldValueTypeInvalid" for error in errors):
            said = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {errors[0]}'
            raise (
                invalid("", "", "", [FieldError("patch", "FieldValueInvalid", f"Invalid value: {said}")])
                if (options.is_patch)
                else bad_request(said)
            )
        if not errors and not kind.custom:
            errors = self._built_in_errors(kind, obj, old)
        if errors:
            raise invalid(kind.kind, kind.group, name, errors)
        return crds.fill(obj, self.store.timestamp()) if kind.kind == _CRD else obj

    def _built_in_errors(self, kind: Kind, obj: Json, old: Json | None) -> list[FieldError]:
        if kind.group == "events.k8s.io":
            return events.check(obj, old)
        if kind.kind == _CRD:
            return crds.check(obj)
        check = builtins.CHECKS.get(kind.kind)
        return check(obj, old) if check else []

    def _report_unknown(self, kind: Kind, unknown: list[str], options: Options) -> None:
        if not unknown or options.validation == "Ignore":
            return
        told = [f'unknown field "{path}"' for path in unknown]
        if options.validation == "Strict":
            raise StatusError(
                400,
                "BadRequest",
                f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
                f"strict decoding error: {', '.join(told)}",
            )
        options.warnings.extend(told)

    def _own(self, kind: Kind, new: Json, old: Json | None, options: Options) -> None:
        if options.is_apply:
            return
        schema = kind.structural.schema if kind.structural else {}
        cleared = new["metadata"].get("managedFields") in ([], [{}])
        entries = (
            []
            if cleared
            else ownership.track(
                old, new, schema, manager=options.manager, subresource=options.subresource, now=self.store.timestamp()
            )
        )
        new["metadata"] = {key: value for key, value in new["metadata"].items() if key != "managedFields"} | (
            {"managedFields": entries} if entries else {}
        )

    def _store(self, kind: Kind, namespace: str, name: str, obj: Json, options: Options) -> Record:
        stored = _stored_form(kind, obj)
        if options.dry_run:
            return Record(stored, self.store.version)
        record = self.store.put(kind.resource, namespace, name, stored)
        if kind.kind == _CRD:
            for served in crds.kinds_of(record.object):
                self.kinds.add(served)
        return record


def _desired(kind: Kind, obj: Json) -> Json:
    if not kind.custom:
        return obj.get("spec", {})  # type: ignore[no-any-return]  # JSON
    apart = {"metadata", "status"} if kind.has_status else {"metadata"}
    return {key: value for key, value in obj.items() if key not in apart}


def _is_free(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp")) and not obj["metadata"].get("finalizers")


def _check_finalizers(kind: Kind, old: Json, new: Json) -> None:
    if not old["metadata"].get("deletionTimestamp"):
        return
    added = [f for f in new["metadata"].get("finalizers") or () if f not in (old["metadata"].get("finalizers") or ())]
    if added:
        listed = ", ".join(f'"{name}"' for name in added)
        raise invalid(
            kind.kind,
            kind.group,
            old["metadata"]["name"],
            [
                FieldError(
                    "metadata.finalizers",
                    "FieldValueForbidden",
                    "Forbidden: no new finalizers can be added if the object is being "
                    f"deleted, found new finalizers []string{{{listed}}}",
                )
            ],
        )
