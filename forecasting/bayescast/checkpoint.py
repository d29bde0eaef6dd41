"""One workload's state as bytes: versioned, checked, bounded by the spec; restoring is exact to the bit."""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from .errors import CorruptCheckpoint, NewerCheckpoint, SpecMismatch
from .spec import ForecastSpec

VERSION = 1
_MAGIC = b"bayescast"
_HEAD = struct.Struct("<HII")  # version, length of the header, crc of all that follows


def pack(spec: ForecastSpec, last_time: float, arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Return the checkpoint of one row: `arrays` holds that row of every state array."""
    layout = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
    header = json.dumps(
        {"spec": _fingerprint(spec), "last_time": last_time.hex(), "layout": layout}, sort_keys=True
    ).encode()
    body = header + zlib.compress(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values()), level=1)
    return _MAGIC + _HEAD.pack(VERSION, len(header), zlib.crc32(body)) + body


def unpack(
    spec: ForecastSpec, blob: bytes, arrays: Mapping[str, NDArray[np.generic]]
) -> tuple[float, dict[str, NDArray[np.generic]]]:
    """Return (last_time, rows) of a checkpoint of `spec`; `arrays` (a row of every state array) says what must be in it.

    CorruptCheckpoint, NewerCheckpoint or SpecMismatch say why it cannot be.
    """
    header, payload = _open(blob)
    theirs, ours = header["spec"], _fingerprint(spec)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if differing:
        raise SpecMismatch(
            f"the checkpoint was made with another {', '.join(differing)}: replay the history with the new spec instead"
        )
    layout = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
    if header["layout"] != layout:
        raise SpecMismatch("the checkpoint's arrays are not those of this version: replay the history instead")
    rows: dict[str, NDArray[np.generic]] = {}
    at = 0
    for name, array in arrays.items():
        rows[name] = np.frombuffer(payload, array.dtype, array.size, at).reshape(array.shape)
        at += array.nbytes
    return float.fromhex(header["last_time"]), rows


def _open(blob: bytes) -> tuple[dict[str, dict[str, object] | str], bytes]:
    cure = "replay the history instead"
    if len(blob) < len(_MAGIC) + _HEAD.size or not blob.startswith(_MAGIC):
        raise CorruptCheckpoint(f"these {len(blob)} bytes are no checkpoint: {cure}")
    version, length, crc = _HEAD.unpack_from(blob, len(_MAGIC))
    if version > VERSION:
        raise NewerCheckpoint(f"checkpoint version {version}, this code reads up to {VERSION}: upgrade, or {cure}")
    body = blob[len(_MAGIC) + _HEAD.size :]
    if zlib.crc32(body) != crc or length > len(body):
        raise CorruptCheckpoint(f"the checkpoint is damaged (checksum): {cure}")
    try:
        return json.loads(body[:length]), zlib.decompress(body[length:])
    except (ValueError, zlib.error) as error:
        raise CorruptCheckpoint(f"the checkpoint is damaged ({error}): {cure}") from error


def _fingerprint(spec: ForecastSpec) -> dict[str, object]:
    """Return the spec as JSON would give it back."""
    fields = asdict(spec) | {"family": spec.resolved_family, "settings": spec.settings._asdict()}
    return dict(json.loads(json.dumps(fields)))
