"""A sample as the members of a shard, and back, without loss: JSON, and one npy file for each large array.

`sample.json` has the id, groups, targets, structure and composition; every other modality has a document of its own
(`text.json`, `image.json`), so that a reader takes only the bytes it asks for.
"""

import io
import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import orjson

from comma_data import codec_v1
from comma_data.errors import ShardError
from comma_data.npy import read_array
from comma_data.protocol import Protocol
from comma_data.protocol_json import protocol_from_json, protocol_to_json
from comma_data.sample import RawStructure, Sample

SCHEMA = 2
"""Version of what `encode` writes; `decode` reads this and all before it."""
DOCUMENT = "sample.json"
"""Extension of the member that every sample has."""
INLINE = frozenset({"structure", "composition"})
"""Modalities inside of `sample.json`."""

_MODALITY = re.compile(r"[a-z][a-z0-9_]*")
_ARRAY, _GRID, _PROTOCOL, _TUPLE = "$array", "$grid", "$protocol", "$tuple"
LONGEST = 10_000_000
"""Values of a grid."""
_SHORT = 16
"""Fewer values than this are not looked at as a grid."""


def encode(sample: Sample) -> dict[str, bytes]:
    """Member extension (`sample.json`, `image-0.pixels.npy`, ...) -> bytes; the same sample gives the same bytes.

    Raises:
        ValueError: A number is not finite, or a value has a type or a name that the schema does not hold.
    """
    members: dict[str, bytes] = {}
    strange = [m for part in (sample.fields, sample.annotations) for m in part if not _MODALITY.fullmatch(m)]
    if strange:
        raise ValueError(f"modality {strange[0]!r}: a name is a-z, 0-9 and _")
    known = {*sample.fields, *sample.annotations, *sample.provenance}
    apart = sorted(m for m in known - INLINE if _MODALITY.fullmatch(m))
    for modality in apart:
        members[f"{modality}.json"] = _json(_document(sample, {modality}, members))
    inside = _document(sample, known.difference(apart), members)
    head = {"schema": SCHEMA, "id": sample.id, "groups": dict(sample.groups), "targets": dict(sample.targets)}
    return {DOCUMENT: _json({**head, "apart": apart, **inside}), **members}


def decode(members: Mapping[str, bytes], *, modalities: Collection[str] | None = None) -> Sample:
    """The sample that `encode` made these members from.

    Args:
        members: Extension -> bytes; of modalities that are not asked for, they may be left out.
        modalities: What to decode; None is everything.

    Raises:
        ShardError: A member is missing, of another kind than json and npy, or not what the schema says.
    """
    known = len(members) == 1 or all(name.endswith((".json", ".npy")) for name in members)
    if not known or DOCUMENT not in members:
        raise ShardError(f"members {', '.join(sorted(members))}: a sample has one {DOCUMENT}, and .json and .npy files")
    try:
        document = orjson.loads(members[DOCUMENT])
        if document["schema"] == 1:
            return codec_v1.decode(document, members, modalities)
        if document["schema"] != SCHEMA:
            raise ShardError(f"schema version {document['schema']!r}: this version of comma-data reads 1 to {SCHEMA}")
        return _sample(document, members, modalities)
    except (LookupError, TypeError, ValueError, AttributeError, EOFError, RecursionError, MemoryError) as error:
        raise ShardError(f"{DOCUMENT} does not follow its schema: {error!r}") from error


def wanted(member: str, modalities: Collection[str] | None) -> bool:
    """Whether a member has to be read for these modalities."""
    return modalities is None or member == DOCUMENT or _of(member) in modalities


def _of(member: str) -> str:
    """`image` of `image.json` and of `image-0.pixels.npy`."""
    return member.partition(".")[0].partition("-")[0]


def _document(sample: Sample, modalities: Collection[str], members: dict[str, bytes]) -> dict[str, Any]:
    """What these modalities hold; large arrays go to `members`."""
    return {
        "fields": {
            m: [_pack_value(m, value, f"{m}-{i}", members) for i, value in enumerate(values)]
            for m, values in sample.fields.items()
            if m in modalities
        },
        "annotations": {
            m: [_pack(value, f"{m}-{i}.annotation", members) for i, value in enumerate(values)]
            for m, values in sample.annotations.items()
            if m in modalities
        },
        "provenance": {m: [dict(v) for v in values] for m, values in sample.provenance.items() if m in modalities},
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def _sample(document: Any, members: Mapping[str, bytes], modalities: Collection[str] | None) -> Sample:
    apart = [m for m in document["apart"] if modalities is None or m in modalities]
    parts = [document, *(orjson.loads(members[f"{m}.json"]) for m in apart)]
    fields: dict[str, tuple[Any, ...]] = {}
    annotations: dict[str, tuple[Any, ...]] = {}
    provenance: dict[str, tuple[Mapping[str, str], ...]] = {}
    for part in parts:
        for modality, values in part["fields"].items():
            if modalities is None or modality in modalities:
                unpack = _UNPACK.get(modality, _unpack)
                fields[modality] = tuple([unpack(value, members) for value in values])
        for modality, values in part["annotations"].items():
            if modalities is None or modality in modalities:
                annotations[modality] = tuple([_unpack(value, members) for value in values])
        for modality, values in part["provenance"].items():
            if modalities is None or modality in modalities:
                provenance[modality] = tuple(values)
    return Sample(
        id=document["id"],
        fields=fields,
        groups=document["groups"],
        targets=document["targets"],
        annotations=annotations,
        provenance=provenance,
    )


def _pack_value(modality: str, value: Any, name: str, members: dict[str, bytes]) -> Any:
    if modality == "structure":
        return _pack_structure(value)
    if modality == "text":
        return list(value)
    return _pack(value, name, members)


def _pack_structure(structure: RawStructure) -> dict[str, Any]:
    """Little-endian bytes in base 64 (cell, positions, charges, numbers): the same bits back, and nothing to parse."""
    numbers, periodic = np.asarray(structure["numbers"]), np.asarray(structure["periodic"])
    parts = [structure["cell"], structure["positions"], structure.get("charges", ())]
    floats = np.concatenate([np.asarray(part).astype("<f8").ravel() for part in parts])
    if not np.isfinite(floats).all():
        raise ValueError("structure: a coordinate is not finite and so not JSON compliant")
    if len(floats) != 9 + len(numbers) * (4 if "charges" in structure else 3) or periodic.shape != (3,):
        raise ValueError("structure: numbers (n,), positions (n, 3), cell (3, 3), periodic (3,) do not fit together")
    data = b2a_base64(floats.tobytes() + numbers.astype("<i8").tobytes(), newline=False).decode()
    return {"atoms": len(numbers), "periodic": int(periodic @ (4, 2, 1)), "data": data}


def _unpack_structure(packed: Mapping[str, Any], _members: Mapping[str, bytes]) -> RawStructure:
    n = packed["atoms"]
    floats = np.frombuffer(bytearray(a2b_base64(packed["data"])), "<f8")  # of a bytearray: the caller may write to it
    structure = RawStructure(
        numbers=floats[len(floats) - n :].view("<i8"),
        positions=floats[9 : 9 + 3 * n].reshape(n, 3),
        cell=floats[:9].reshape(3, 3),
        periodic=_PERIODIC[packed["periodic"]].copy(),
    )
    if len(floats) == 9 + 4 * n:
        return structure
    if len(floats) != 9 + 5 * n:
        raise ValueError("structure: not as many bytes as its atoms need")
    structure["charges"] = floats[9 + 3 * n : 9 + 4 * n]
    return structure


_PERIODIC = tuple(np.array([bool(i & 4), bool(i & 2), bool(i & 1)]) for i in range(8))


def _pack(value: Any, name: str, members: dict[str, bytes]) -> Any:
    """A value as JSON; arrays become members called by their place in the value."""
    if isinstance(value, np.ndarray):
        return _pack_array(value, name, members)
    if isinstance(value, Protocol):
        return {_PROTOCOL: protocol_to_json(value)}
    if isinstance(value, Mapping):
        return {_escaped(str(k)): _pack(v, f"{name}.{k}", members) for k, v in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_pack(v, f"{name}.{i}", members) for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [_pack(v, f"{name}.{i}", members) for i, v in enumerate(value)]
    if value is None or isinstance(value, (str, bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    raise ValueError(f"{name}: a {type(value).__name__} cannot be stored; give numbers, text, lists or numpy arrays")


def _escaped(key: str) -> str:
    """A key that cannot be taken for one of ours."""
    return f"${key}" if key.startswith("$") else key


def _pack_array(value: np.ndarray, name: str, members: dict[str, bytes]) -> dict[str, Any]:
    """An even grid of float64 as first value, step and number, where that gives the same bits; else an npy member."""
    if value.dtype == np.float64 and value.ndim == 1 and len(value) >= _SHORT and np.isfinite(value).all():
        step = round(float(value[1] - value[0]), 9)
        if _grid(float(value[0]), step, len(value)).tobytes() == value.tobytes():
            return {_GRID: [float(value[0]), step, len(value)]}
    if f"{name}.npy" in members:
        raise ValueError(f"{name}: two arrays of this name; rename one")
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    members[f"{name}.npy"] = buffer.getvalue()
    return {_ARRAY: f"{name}.npy"}


def _grid(first: float, step: float, number: int) -> np.ndarray:
    return first + step * np.arange(number)


def _unpack(packed: Any, members: Mapping[str, bytes]) -> Any:  # noqa: PLR0911 - one for each kind of value
    if isinstance(packed, list):
        return [_unpack(v, members) for v in packed]
    if not isinstance(packed, dict):
        return packed
    if _ARRAY in packed:
        return read_array(members[packed[_ARRAY]])
    if _GRID in packed:
        first, step, number = packed[_GRID]
        if not 0 <= number <= LONGEST:
            raise ValueError(f"a grid of {number} values: at most {LONGEST}")
        return _grid(first, step, number)
    if _PROTOCOL in packed:
        return protocol_from_json(packed[_PROTOCOL])
    if _TUPLE in packed:
        return tuple(_unpack(v, members) for v in packed[_TUPLE])
    return {k.removeprefix("$"): _unpack(v, members) for k, v in packed.items()}


def _unpack_text(steps: Any, _members: Mapping[str, bytes]) -> tuple[str, ...]:
    return tuple(steps)


_UNPACK = {"structure": _unpack_structure, "text": _unpack_text}
"""Modality -> what reads its values; any other is read by `_unpack`."""
