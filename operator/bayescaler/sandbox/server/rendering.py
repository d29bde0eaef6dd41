"""Content negotiation: the same records as objects, as Tables (what kubectl prints) or as metadata alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import Json, StatusError
from .kinds import Kind
from .resources import present
from .store import Record, encode


class Form(StrEnum):
    """What the Accept header asks for."""

    OBJECT = "object"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


def negotiate(accept: str) -> Form:
    """The first form of an Accept header that the server has; 406 when it has none."""
    if not accept:
        return Form.OBJECT
    for choice in accept.split(","):
        mime, *raw = (part.strip() for part in choice.split(";"))
        parameters = dict(parameter.split("=", 1) for parameter in raw if "=" in parameter)
        if mime not in {"application/json", "*/*", "application/*"}:
            continue
        wanted = parameters.get("as", "")
        if wanted in {"", "Table"} and parameters.get("v", "v1") in {"v1", "v2"}:
            return Form.TABLE if wanted else Form.OBJECT
        if wanted in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
            return Form.METADATA
    raise StatusError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, "
        "application/json;as=Table;v=v1;g=meta.k8s.io, "
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    )


def _metadata_only(obj: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


@dataclass(frozen=True, slots=True)
class Rendering:
    """One request's way of showing a kind; `include` is a Table's includeObject (None, Metadata or Object)."""

    kind: Kind
    form: Form
    include: str
    now: float

    def one(self, record: Record) -> bytes:
        """One object."""
        if self.form is Form.TABLE:
            return encode(self._table([record], {"resourceVersion": str(record.version)}, columns=True))
        if self.form is Form.METADATA:
            return encode(_metadata_only(present(self.kind, record.object)))
        return self._plain(record)

    def many(self, records: Sequence[Record], metadata: Json) -> bytes:
        """A list."""
        if self.form is Form.TABLE:
            return encode(self._table(records, metadata, columns=True))
        if self.form is Form.METADATA:
            items = [_metadata_only(present(self.kind, record.object)) for record in records]
            return encode(
                {
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata,
                    "items": items,
                }
            )
        head = encode({"kind": f"{self.kind.kind}List", "apiVersion": self.kind.api_version, "metadata": metadata})
        return head[:-1] + b',"items":[' + b",".join(map(self._plain, records)) + b"]}"

    def event(self, event_type: str, record: Record, *, first: bool) -> bytes:
        """One line of a watch; only the first Table of a stream names its columns."""
        if self.form is Form.TABLE:
            shown = encode(self._table([record], {"resourceVersion": str(record.version)}, columns=first))
        else:
            shown = self.one(record)
        return b'{"type":"' + event_type.encode() + b'","object":' + shown + b"}\n"

    def bookmark(self, version: int, *, initial_events_end: bool = False) -> bytes:
        """A BOOKMARK line."""
        metadata: Json = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Json = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        if self.form is Form.METADATA:
            obj |= {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        elif self.form is Form.TABLE:
            obj = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": None,
                "rows": [{"cells": [None], "object": _metadata_only(obj)}],
            }
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _plain(self, record: Record) -> bytes:
        shown = present(self.kind, record.object)
        return record.encoded if shown is record.object else encode(shown)

    def _table(self, records: Sequence[Record], metadata: Json, *, columns: bool) -> Json:
        definitions = [
            {"name": c.name, "type": c.type, "format": c.format, "description": c.description, "priority": c.priority}
            for c in self.kind.printer_columns
        ]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": definitions if columns else None,
            "rows": [self._row(record) for record in records],
        }

    def _row(self, record: Record) -> Json:
        obj = present(self.kind, record.object)
        cells: list[Any] = [column.cell(obj, self.now) for column in self.kind.printer_columns]
        row: Json = {"cells": cells}
        if self.include != "None":
            row["object"] = obj if self.include == "Object" else _metadata_only(obj)
        return row
