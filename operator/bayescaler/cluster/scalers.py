"""Other autoscalers and their targets: HorizontalPodAutoscalers and KEDA's ScaledObjects, and the floor we hold on one.

What a floor stands on is kept on the object itself, in three annotations: the least replicas that it had of its own,
what we wrote over it, and for whom. So it can be put back by anybody who comes after us.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from .client import FIELD_MANAGER, JSON_PATCH, KubeClient
from .errors import Moved, Unprocessable, Unreachable
from .ownership import manager_of
from .paths import Json, collection, item

ORIGINAL = "bayescaler.dev/original-min-replicas"
WRITTEN = "bayescaler.dev/floor"
OWNER = "bayescaler.dev/floor-owner"
MOST_REPLICAS, MOST_DIGITS = 2**31 - 1, 10
UNSET = "unset"
KEDA_VERSION = "keda.sh/v1alpha1"
INT32_MAX = 2_147_483_647


class ScalerKind(StrEnum):
    """Kinds of autoscaler that have a least number of replicas."""

    HPA = "HorizontalPodAutoscaler"
    SCALED_OBJECT = "ScaledObject"


@dataclass(frozen=True, slots=True)
class _Fields:
    """Where a kind lives, what its bounds are called, and what they are where nothing is written."""

    group_version: str
    plural: str
    least: str
    most: str
    least_unset: int
    most_unset: int


_KINDS = {
    # The API server writes the defaults of an HPA into it; KEDA's operator reads its own in place of what is absent.
    ScalerKind.HPA: _Fields("autoscaling/v2", "horizontalpodautoscalers", "minReplicas", "maxReplicas", 1, INT32_MAX),
    ScalerKind.SCALED_OBJECT: _Fields(KEDA_VERSION, "scaledobjects", "minReplicaCount", "maxReplicaCount", 0, 100),
}


class Reference(NamedTuple):
    """What is scaled: group and kind, as the HPA's controller compares them, and its name."""

    group: str
    kind: str
    name: str

    @classmethod
    def of(cls, api_version: str, kind: str, name: str) -> "Reference":
        """Read a scaleTargetRef; the version of its group does not matter."""
        return cls(api_version.rpartition("/")[0], kind, name)


@dataclass(frozen=True, slots=True)
class Claim:
    """A floor of ours: `original` is what was there (None: nothing was written), `written` what we put in its place."""

    original: int | None
    written: int
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Scaler:
    """The few fields kept of an HPA or ScaledObject. `least` is None where nothing is written.

    `keda` names the ScaledObject that made this HPA. `set_by` is the field manager that wrote `least` last.
    `annotated` and `written_text` are what a patch tests.
    """

    kind: ScalerKind
    namespace: str
    name: str
    uid: str
    target: Reference
    least: int | None
    most: int
    claim: Claim | None = None
    keda: str | None = None
    set_by: str | None = None
    annotated: bool = False
    written_text: str | None = None

    @property
    def floor(self) -> int:
        """The least replicas in force."""
        return _KINDS[self.kind].least_unset if self.least is None else self.least

    @property
    def untouched(self) -> bool:
        """Whether what we wrote still stands."""
        return self.claim is not None and self.claim.written == self.least

    @property
    def original(self) -> int | None:
        """The least replicas of its own: what differs from what we wrote is somebody's."""
        return self.claim.original if self.claim is not None and self.untouched else self.least

    @property
    def own_floor(self) -> int:
        """Likewise, as a number."""
        original = self.original
        return _KINDS[self.kind].least_unset if original is None else original

    @property
    def field(self) -> str:
        """What its least number of replicas is called."""
        return _KINDS[self.kind].least

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}"'


def group_version(kind: ScalerKind) -> str:
    """Group and version in which a kind is read and written."""
    return _KINDS[kind].group_version


def resource(kind: ScalerKind) -> str:
    """What a kind is called in a rule: plural and group."""
    return f"{_KINDS[kind].plural}.{_KINDS[kind].group_version.partition('/')[0]}"


def scalers_path(kind: ScalerKind, namespace: str | None) -> str:
    """The collection of a kind, in one namespace or (None) in all."""
    return collection(_KINDS[kind].group_version, _KINDS[kind].plural, namespace)


def project(kind: ScalerKind, raw: Json) -> Scaler | None:
    """The few fields kept; None for what names no target."""
    fields, metadata, spec = _KINDS[kind], raw["metadata"], raw.get("spec") or {}
    ref = spec.get("scaleTargetRef") or {}
    if not ref.get("name"):
        return None
    defaults = ("apps/v1", "Deployment") if kind is ScalerKind.SCALED_OBJECT else ("", "")
    annotations = metadata.get("annotations") or {}
    return Scaler(
        kind=kind,
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        target=Reference.of(ref.get("apiVersion") or defaults[0], ref.get("kind") or defaults[1], ref["name"]),
        least=_whole(spec.get(fields.least)),
        most=fields.most_unset if (most := _whole(spec.get(fields.most))) is None else most,
        claim=_claim(annotations),
        keda=_keda(metadata) if kind is ScalerKind.HPA else None,
        set_by=manager_of(metadata, fields.least),
        annotated=bool(annotations),
        written_text=annotations.get(WRITTEN),
    )


async def patch_floor(client: KubeClient, scaler: Scaler, *, floor: int, name: str, uid: str) -> Scaler:
    """Set the floor of what was seen as `scaler` for the autoscaler `name` of `uid`; return it as it is afterwards.

    A floor that is the scaler's own puts everything back. Raises Moved if it was recreated or edited since, ApiError.
    """
    if floor == scaler.own_floor:
        return await restore_floor(client, scaler)
    original = UNSET if scaler.original is None else str(scaler.original)
    notes = {ORIGINAL: original, WRITTEN: str(floor), OWNER: f"{name}/{uid}"}
    operations = [] if scaler.annotated else [{"op": "add", "path": "/metadata/annotations", "value": {}}]
    operations += [{"op": "add", "path": _annotation(key), "value": value} for key, value in notes.items()]
    return await _patch(client, scaler, [*operations, {"op": "add", "path": _least(scaler), "value": floor}])


async def restore_floor(client: KubeClient, scaler: Scaler) -> Scaler:
    """Put back what was there before us, unless somebody wrote over it already, and forget the floor.

    Raises Moved if it was recreated or edited since it was seen, ApiError.
    """
    claim = scaler.claim
    if claim is None:
        return scaler
    operations: list[Json] = [{"op": "add", "path": _annotation(OWNER), "value": ""}]  # so that it can be removed
    operations += [{"op": "remove", "path": _annotation(key)} for key in (ORIGINAL, WRITTEN, OWNER)]
    if scaler.untouched:
        value = {} if claim.original is None else {"value": claim.original}
        operations.append({"op": "remove" if claim.original is None else "replace", "path": _least(scaler), **value})
    return await _patch(client, scaler, operations)


async def _patch(client: KubeClient, scaler: Scaler, operations: list[Json]) -> Scaler:
    fields = _KINDS[scaler.kind]
    tests: list[Json] = [
        {"op": "test", "path": "/metadata/uid", "value": scaler.uid},
        {"op": "test", "path": _least(scaler), "value": scaler.least},
    ]
    if scaler.annotated:
        tests.append({"op": "test", "path": _annotation(WRITTEN), "value": scaler.written_text})
    else:
        tests.append({"op": "test", "path": "/metadata/annotations", "value": None})
    path = item(fields.group_version, fields.plural, scaler.namespace, scaler.name)
    try:
        answer = await client.request(
            "PATCH",
            path,
            body=[*tests, *operations],
            query={"fieldManager": FIELD_MANAGER},
            content_type=JSON_PATCH,
        )
    except Unprocessable as error:
        if error.causes:
            raise
        raise Moved(f"{scaler} is no longer {scaler.uid} with {scaler.field} {scaler.least}: {error}") from error
    after = project(scaler.kind, answer)
    if after is None:
        raise Unreachable(f"{path}: the answer is no {scaler.kind}")
    return after


def _least(scaler: Scaler) -> str:
    return f"/spec/{_KINDS[scaler.kind].least}"


def _annotation(key: str) -> str:
    return f"/metadata/annotations/{key.replace('~', '~0').replace('/', '~1')}"


def _claim(annotations: Mapping[str, str]) -> Claim | None:
    """What the annotations say; what people have made unreadable claims nothing: the number in force is theirs."""
    written, original = _whole(annotations.get(WRITTEN)), annotations.get(ORIGINAL)
    if written is None or original is None or (original != UNSET and _whole(original) is None):
        return None
    name, _, uid = annotations.get(OWNER, "").rpartition("/")
    return Claim(None if original == UNSET else _whole(original), written, name, uid)


def _keda(metadata: Json) -> str | None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == ScalerKind.SCALED_OBJECT and str(owner.get("apiVersion", "")).startswith("keda.sh/"):
            return str(owner.get("name"))
    return None


def _whole(given: object) -> int | None:
    """A number of replicas, as a number or as text; None for anything else, however long it is."""
    text = "" if given is None else str(given)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS and int(text) <= MOST_REPLICAS else None
