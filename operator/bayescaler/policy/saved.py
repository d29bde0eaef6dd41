"""What a restart would lose of one autoscaler, as a few bytes: everything that cannot be read from Prometheus again.

    magic (2) version (1) mark of the object's uid (4) checksum of all that follows (4), deflated JSON

The posterior, and with it the calibration and the misses owed, is built anew from history and so is not in it. Bytes
that are damaged, of a newer format or of another object are refused whole; inside, each part has a version of its own
and is refused by itself. Parts that speak of the load carry a mark of what load meant: of another query, step or kind
they are left out when the state is taken up again.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Any, TypeVar

from . import canary
from .conflicts import Tenure
from .lead_time import HeldLead
from .reasons import Phase
from .saved_state import coarser, ledger_of, number, plain, state_of
from .state import State
from .trust import Charge, Standing

VERSION = 1
PARTS = {"decisions": 1, "steering": 1, "phase": 1, "lead time": 1, "capacity": 1, "other writers": 1, "canary": 1}
"""The version of each part; raised where its older form can no longer be read, or its newer one not by before."""
MOST_BYTES = 3072
"""Four kilobytes in base64."""
_MAGIC = b"BA"
_HEAD = struct.Struct(">2sB4sI")
_MOST_PLAIN = 1 << 20
_LONGEST_NAME = 128
_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)

T = TypeVar("T")


class RefusedState(Exception):  # noqa: N818 - what happened to the state, not what is wrong with the program
    """A saved state that cannot be taken up; the text says why, and what is done instead."""


class DamagedState(RefusedState):
    """Not the bytes that were saved."""


class NewerState(RefusedState):
    """Saved by a later version."""


class ForeignState(RefusedState):
    """Saved of another object."""


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """One autoscaler: `load` and `use` are marks of what its numbers mean, `lead_time` and `evidence` as `to_floats`
    gives them, `capacity` the one in force, `standing` how far the forecast is trusted, `tenure` what was seen of other
    writers, `trial` where a canary stands. `refused` says of which parts nothing could be read, and why; they are as at
    a start.
    """

    state: State
    standing: Standing = field(default_factory=Standing)
    load: str = ""
    use: str = ""
    lead_time: Sequence[float] = ()
    held: HeldLead | None = None
    evidence: Sequence[float] = ()
    capacity: float | None = None
    tenure: Tenure | None = None
    trial: canary.Trial | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """The bytes of a state; `trimmed` tells whether it had to be made coarser to be no more than `MOST_BYTES`."""

    blob: bytes
    trimmed: bool


def mark_of(*meaning: object) -> str:
    """Return a short mark of what numbers mean."""
    return hashlib.blake2b(repr(meaning).encode(), digest_size=6).hexdigest()


def pack(saved: Saved, uid: str) -> Packed:
    """Return the bytes of a state, at most `MOST_BYTES`.

    What does not fit is given up in this order: steering's look back, the replicas it has seen, then the times in the
    longest window, two entries made one.
    """
    told: dict[str, Any] = {
        "parts": PARTS,
        "state": plain(saved.state),
        "phase": saved.standing.phase.value,
        "windows": saved.standing.windows,
        "load": saved.load,
        "use": saved.use,
        "leadTime": [_short(value) for value in saved.lead_time],
        "evidence": [number(value) for value in saved.evidence],
        "capacity": None if saved.capacity is None else number(saved.capacity),
    }
    if saved.standing.charge is not None:
        told["charge"] = saved.standing.charge.value
    if saved.held is not None:
        held = saved.held
        told["held"] = [held.buckets, held.step_seconds, number(held.changed_at), held.shorter_since, held.shorter]
    if saved.tenure is not None and saved.tenure.of:
        told["tenure"] = _plain_tenure(saved.tenure)
    if saved.trial is not None:
        told["canary"] = canary.plain(saved.trial)
    trimmed = False
    while len(blob := _sealed(told, uid)) > MOST_BYTES:
        trimmed = True
        if not coarser(told["state"]):
            told["state"].pop("steering", None)
            told |= {"leadTime": [], "held": None, "tenure": None}
    return Packed(blob, trimmed)


def unpack(blob: bytes, uid: str) -> Saved:
    """Return the state that `pack` was given; DamagedState, NewerState or ForeignState say why it cannot be.

    A part that does not hold together, or is of a newer version, is left out and said in `refused`.
    """
    told = _opened(blob, uid)
    parts = _Parts(told.get("parts"))
    state = parts.read("decisions", lambda: state_of(_without_steering(told["state"])))
    if state is not None and (ledger := parts.read("steering", lambda: ledger_of(told["state"]))) is not None:
        state = replace(state, ledger=ledger)
    lead_time, held = parts.read("lead time", lambda: _lead_time(told)) or ([], None)
    evidence, capacity = parts.read("capacity", lambda: _capacity(told)) or ([], None)
    return Saved(
        state=state or State(),
        standing=parts.read("phase", lambda: _standing(told)) or Standing(),
        load=str(told.get("load")),
        use=str(told.get("use")),
        lead_time=lead_time,
        held=held,
        evidence=evidence,
        capacity=capacity,
        tenure=parts.read("other writers", lambda: _tenure(told.get("tenure"))),
        trial=parts.read("canary", lambda: _trial(told.get("canary"))),
        refused=tuple(parts.refused),
    )


class _Parts:
    """Reads parts one by one; `refused` says which could not be, and why."""

    def __init__(self, versions: object) -> None:
        self._versions = versions if isinstance(versions, dict) else {}  # before parts had any, all were the first
        self.refused: list[str] = []

    def read(self, name: str, read: Callable[[], T]) -> T | None:
        """Return a part, None where it is refused."""
        version = self._versions.get(name, 1)
        if version != PARTS[name]:
            self.refused.append(f"{name}: of version {version}, known is {PARTS[name]}: learned anew")
            return None
        try:
            return read()
        except _MALFORMED as error:
            self.refused.append(f"{name}: does not hold together ({error!r}): learned anew")
            return None


def _sealed(told: dict[str, Any], uid: str) -> bytes:
    body = zlib.compress(json.dumps(told, separators=(",", ":"), allow_nan=False).encode(), level=6)
    return _HEAD.pack(_MAGIC, VERSION, _mark(uid), zlib.crc32(body)) + body


def _opened(blob: bytes, uid: str) -> dict[str, Any]:
    if len(blob) < _HEAD.size or not blob.startswith(_MAGIC):
        raise DamagedState(f"{len(blob)} bytes that are no saved state: it is built anew")
    _, version, mark, checksum = _HEAD.unpack_from(blob)
    body = blob[_HEAD.size :]
    if version > VERSION:
        raise NewerState(f"the saved state is of version {version}, known is {VERSION}: upgrade, or it is built anew")
    if version < 1 or zlib.crc32(body) != checksum:
        raise DamagedState("the saved state is damaged (checksum): it is built anew")
    if mark != _mark(uid):
        raise ForeignState("the saved state is of another object: it is built anew")
    try:
        inflated = zlib.decompressobj().decompress(body, _MOST_PLAIN)
        told = json.loads(inflated)
    except (zlib.error, ValueError) as error:
        raise DamagedState(f"the saved state is damaged ({error}): it is built anew") from error
    if not isinstance(told, dict):
        raise DamagedState("the saved state is no record: it is built anew")
    return told


def _mark(uid: str) -> bytes:
    return hashlib.blake2b(uid.encode(), digest_size=4).digest()


def _short(value: float) -> float | int | None:
    """A millionth of a pod is enough of a weight."""
    return number(round(value, 6))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _without_steering(state: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: part for name, part in state.items() if name != "steering"}


def _lead_time(told: Mapping[str, Any]) -> tuple[list[float], HeldLead | None]:
    held = told.get("held")
    return [_number(value) for value in told["leadTime"]], None if held is None else _held(*held)


def _capacity(told: Mapping[str, Any]) -> tuple[list[float], float | None]:
    capacity = None if told["capacity"] is None else float(told["capacity"])
    if capacity is not None and not (isfinite(capacity) and capacity > 0.0):
        raise ValueError(f"capacity {capacity}")
    return [_number(value) for value in told["evidence"]], capacity


def _trial(told: Mapping[str, Any] | None) -> canary.Trial | None:
    return None if told is None else canary.trial_of(told)


def _held(buckets: int, step: float, changed: float | None, since: float | None, shorter: int) -> HeldLead:
    return HeldLead(int(buckets), float(step), -inf if changed is None else float(changed), since, int(shorter))


def _standing(told: dict[str, Any]) -> Standing:
    charge = told.get("charge")
    return Standing(Phase(told["phase"]), int(told.get("windows", 0)), None if charge is None else Charge(charge))


_TENURE = ("value", "returned_to", "hands_off_until", "reverted_at", "edited_at", "edited_from")


def _plain_tenure(tenure: Tenure) -> dict[str, Any]:
    told = {name: getattr(tenure, name) for name in _TENURE if getattr(tenure, name) is not None}
    known = {"of": tenure.of, "by": tenure.by[:_LONGEST_NAME], "returns": list(tenure.returns)}
    return told | known | ({"wrote": list(tenure.wrote)} if tenure.wrote is not None else {})


def _tenure(told: dict[str, Any] | None) -> Tenure | None:
    if told is None:
        return None
    wrote, known = told.get("wrote"), {name: told[name] for name in _TENURE if name in told}
    if not all(isinstance(value, int | float) for value in (*known.values(), *told["returns"], *(wrote or ()))):
        raise TypeError("what is known of other writers is no number")
    return Tenure(
        of=str(told["of"]),
        by=str(told["by"]),
        returns=tuple(told["returns"]),
        wrote=None if wrote is None else (float(wrote[0]), int(wrote[1])),
        **known,
    )
