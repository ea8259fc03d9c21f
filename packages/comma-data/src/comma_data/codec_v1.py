"""Reads samples of schema 1: one JSON document with every value, and one npy file per array."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from comma_data.npy import read_array
from comma_data.protocol_json import protocol_from_json
from comma_data.sample import RawStructure, Sample


def decode(
    document: Mapping[str, Any], members: Mapping[str, bytes], modalities: Collection[str] | None = None
) -> Sample:
    """The sample of a parsed `sample.json` of schema 1 and its npy members, or only some modalities of it."""
    fields, annotations, provenance = (
        {m: values for m, values in document[part].items() if modalities is None or m in modalities}
        for part in ("fields", "annotations", "provenance")
    )
    return Sample(
        id=document["id"],
        fields={m: tuple(_field(m, value, members) for value in values) for m, values in fields.items()},
        groups=document["groups"],
        targets=document["targets"],
        annotations={m: tuple(_value(v, members) for v in values) for m, values in annotations.items()},
        provenance={m: tuple(values) for m, values in provenance.items()},
    )


def _field(modality: str, value: Any, members: Mapping[str, bytes]) -> Any:
    if modality == "structure":
        return _structure(value)
    return tuple(value) if modality == "text" else _value(value, members)


def _structure(packed: Mapping[str, Any]) -> RawStructure:
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


def _value(packed: Any, members: Mapping[str, bytes]) -> Any:
    if isinstance(packed, list):
        return [_value(v, members) for v in packed]
    if not isinstance(packed, dict):
        return packed
    if "$array" in packed:
        return read_array(members[packed["$array"]])
    if "$protocol" in packed:
        return protocol_from_json(packed["$protocol"])
    if "$tuple" in packed:
        return tuple(_value(v, members) for v in packed["$tuple"])
    return {k: _value(v, members) for k, v in packed.items()}
