"""One workload's state as bytes: versioned, checked, bounded by the spec; restoring is exact to the bit."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import CorruptCheckpoint, NewerCheckpoint, SpecMismatch
from .spec import ForecastSpec

Rows = Mapping[str, NDArray[Any]]

VERSION = 3
_CURE = "replay the history instead"
_MAGIC = b"bayescast"
_HEAD = struct.Struct("<HII")  # version, length of the header, crc of all that follows


def pack(spec: ForecastSpec, last_time: float, arrays: Rows) -> bytes:
    """Return the checkpoint of one row: `arrays` holds that row of every state array."""
    about = {"spec": _fingerprint(spec), "last_time": last_time.hex(), "layout": _layout(arrays)}
    header = json.dumps(about, sort_keys=True).encode()
    body = header + zlib.compress(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values()), level=1)
    return _MAGIC + _HEAD.pack(VERSION, len(header), zlib.crc32(body)) + body


def unpack(spec: ForecastSpec, blob: bytes, arrays: Rows) -> tuple[float, dict[str, NDArray[Any]]]:
    """Return (last_time, rows) of a checkpoint of `spec`; `arrays` holds a row of every state array to fit into.

    CorruptCheckpoint, NewerCheckpoint or SpecMismatch say why it cannot be.
    """
    header, compressed = _open(blob)
    theirs, ours = header["spec"], _fingerprint(spec)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if differing:
        raise SpecMismatch(
            f"the checkpoint was made with another {', '.join(differing)}: replay the history with the new spec instead"
        )
    if header["layout"] != _layout(arrays):
        raise SpecMismatch("the checkpoint's arrays are not those of this version: replay the history instead")
    payload = _inflate(compressed, sum(array.nbytes for array in arrays.values()))
    rows: dict[str, NDArray[Any]] = {}
    at = 0
    for name, array in arrays.items():
        rows[name] = np.frombuffer(payload, array.dtype, array.size, at).reshape(array.shape)
        at += array.nbytes
    return header["last_time"], rows


def _open(blob: bytes) -> tuple[dict[str, Any], bytes]:
    """Return (what the header says, compressed arrays) of a checkpoint, or say why it is none."""
    if len(blob) < len(_MAGIC) + _HEAD.size or not blob.startswith(_MAGIC):
        raise CorruptCheckpoint(f"these {len(blob)} bytes are no checkpoint: {_CURE}")
    version, length, crc = _HEAD.unpack_from(blob, len(_MAGIC))
    if version > VERSION:
        raise NewerCheckpoint(f"checkpoint version {version}, this code reads up to {VERSION}: upgrade, or {_CURE}")
    body = blob[len(_MAGIC) + _HEAD.size :]
    if zlib.crc32(body) != crc or length > len(body):
        raise CorruptCheckpoint(f"the checkpoint is damaged (checksum): {_CURE}")
    try:
        header = json.loads(body[:length])
        about = {
            "spec": dict(header["spec"]),
            "layout": header["layout"],
            "last_time": float.fromhex(header["last_time"]),
        }
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptCheckpoint(f"the checkpoint is damaged ({error!r}): {_CURE}") from error
    return about, body[length:]


def _inflate(compressed: bytes, size: int) -> bytes:
    """Return exactly `size` bytes; whatever the blob claims, no more are made."""
    try:
        payload = zlib.decompressobj().decompress(compressed, size + 1)
    except zlib.error as error:
        raise CorruptCheckpoint(f"the checkpoint is damaged ({error}): {_CURE}") from error
    if len(payload) != size:
        raise CorruptCheckpoint(f"the checkpoint is damaged ({len(payload)} bytes, not {size}): {_CURE}")
    return payload


def _layout(arrays: Rows) -> dict[str, list[Any]]:
    """Return type and shape of every array, as JSON would give it back."""
    return {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}


def _fingerprint(spec: ForecastSpec) -> dict[str, object]:
    """Return the spec as JSON would give it back."""
    return dict(json.loads(json.dumps(spec.plain())))
