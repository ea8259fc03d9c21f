"""A sample as the members of a shard, and back, without loss: one JSON document, and one npy file per large array."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from comma_data.errors import ShardError
from comma_data.protocol import Operation, Protocol
from comma_data.sample import RawStructure, Sample

SCHEMA = 1
"""Version of what `encode` writes; `decode` reads this and all before it."""
DOCUMENT = "sample.json"
"""Extension of the JSON member."""

_ARRAY = "$array"
_PROTOCOL = "$protocol"
_TUPLE = "$tuple"


def encode(sample: Sample) -> dict[str, bytes]:
    """Member extension (`sample.json`, `image-0.pixels.npy`, ...) -> bytes; the same sample gives the same bytes.

    Raises:
        ValueError: A number is not finite, or a value has a type that the schema does not hold.
    """
    members: dict[str, bytes] = {}
    document = {
        "schema": SCHEMA,
        "id": sample.id,
        "groups": dict(sample.groups),
        "targets": dict(sample.targets),
        "fields": {
            modality: [_pack_value(modality, value, f"{modality}-{i}", members) for i, value in enumerate(values)]
            for modality, values in sample.fields.items()
        },
        "annotations": {
            modality: [_pack(value, f"{modality}-{i}.annotation", members) for i, value in enumerate(values)]
            for modality, values in sample.annotations.items()
        },
        "provenance": {modality: [dict(v) for v in values] for modality, values in sample.provenance.items()},
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return {DOCUMENT: text.encode(), **members}


def decode(members: Mapping[str, bytes]) -> Sample:
    """The sample that `encode` made these members from.

    Raises:
        ShardError: A member is missing, of another kind than json and npy, or not what the schema says.
    """
    strange = [name for name in members if name != DOCUMENT and not name.endswith(".npy")]
    if strange or DOCUMENT not in members:
        raise ShardError(f"members {', '.join(sorted(members))}: a sample has one {DOCUMENT} and else only .npy files")
    try:
        document = json.loads(members[DOCUMENT])
        if document["schema"] != SCHEMA:
            raise ShardError(f"schema version {document['schema']!r}: this version of comma-data reads {SCHEMA}")
        return _sample(document, members)
    except (KeyError, TypeError, ValueError) as error:
        raise ShardError(f"{DOCUMENT} does not follow schema {SCHEMA}: {error!r}") from error


def protocol_to_json(protocol: Protocol) -> dict[str, Any]:
    """The protocol as JSON values."""
    return asdict(protocol)


def protocol_from_json(document: Mapping[str, Any]) -> Protocol:
    """The protocol that `protocol_to_json` wrote, also after it went through JSON text.

    Raises:
        TypeError: A key is missing or unknown.
    """
    operations = tuple(_operation(o) for o in document["operations"])
    amounts = tuple((name, moles) for name, moles in document["amounts"])
    rest = {**document, "precursors": tuple(document["precursors"]), "operations": operations, "amounts": amounts}
    return Protocol(**rest)


def _operation(document: Mapping[str, Any]) -> Operation:
    lists = ("temperatures", "hours", "atmospheres", "media")
    return Operation(**{**document, **{name: tuple(document[name]) for name in lists}})


def _sample(document: Mapping[str, Any], members: Mapping[str, bytes]) -> Sample:
    return Sample(
        id=document["id"],
        fields={
            modality: tuple(_unpack_value(modality, value, members) for value in values)
            for modality, values in document["fields"].items()
        },
        groups=document["groups"],
        targets=document["targets"],
        annotations={m: tuple(_unpack(v, members) for v in values) for m, values in document["annotations"].items()},
        provenance={m: tuple(values) for m, values in document["provenance"].items()},
    )


def _pack_value(modality: str, value: Any, name: str, members: dict[str, bytes]) -> Any:
    if modality == "structure":
        return _pack_structure(value)
    if modality == "text":
        return list(value)
    return _pack(value, name, members)


def _unpack_value(modality: str, value: Any, members: Mapping[str, bytes]) -> Any:
    if modality == "structure":
        return _unpack_structure(value)
    if modality == "text":
        return tuple(value)
    return _unpack(value, members)


def _pack_structure(structure: RawStructure) -> dict[str, Any]:
    """Flat lists: Python writes a float so that it reads back to the same bits."""
    packed: dict[str, Any] = {
        "numbers": np.asarray(structure["numbers"]).tolist(),
        "positions": np.asarray(structure["positions"], dtype=float).ravel().tolist(),
        "cell": np.asarray(structure["cell"], dtype=float).ravel().tolist(),
        "periodic": np.asarray(structure["periodic"]).tolist(),
    }
    if "charges" in structure:
        packed["charges"] = np.asarray(structure["charges"], dtype=float).tolist()
    return packed


def _unpack_structure(packed: Mapping[str, Any]) -> RawStructure:
    numbers = np.array(packed["numbers"], dtype=np.int64)
    structure = RawStructure(
        numbers=numbers,
        positions=np.array(packed["positions"], dtype=float).reshape(len(numbers), 3),
        cell=np.array(packed["cell"], dtype=float).reshape(3, 3),
        periodic=np.array(packed["periodic"], dtype=bool),
    )
    if "charges" in packed:
        structure["charges"] = np.array(packed["charges"], dtype=float)
    return structure


def _pack(value: Any, name: str, members: dict[str, bytes]) -> Any:
    """A value as JSON; arrays become members called by their place in the value."""
    if isinstance(value, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
        return {_ARRAY: f"{name}.npy"}
    if isinstance(value, Protocol):
        return {_PROTOCOL: protocol_to_json(value)}
    if isinstance(value, Mapping):
        return {str(k): _pack(v, f"{name}.{k}", members) for k, v in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_pack(v, f"{name}.{i}", members) for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [_pack(v, f"{name}.{i}", members) for i, v in enumerate(value)]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(f"{name}: a {type(value).__name__} cannot be stored; give numbers, text, lists or numpy arrays")


def _unpack(packed: Any, members: Mapping[str, bytes]) -> Any:
    if isinstance(packed, list):
        return [_unpack(v, members) for v in packed]
    if not isinstance(packed, dict):
        return packed
    if _ARRAY in packed:
        return np.load(io.BytesIO(members[packed[_ARRAY]]), allow_pickle=False)
    if _PROTOCOL in packed:
        return protocol_from_json(packed[_PROTOCOL])
    if _TUPLE in packed:
        return tuple(_unpack(v, members) for v in packed[_TUPLE])
    return {k: _unpack(v, members) for k, v in packed.items()}
