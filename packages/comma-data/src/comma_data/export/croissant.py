"""The exported files as Croissant 1.0 (MLCommons, http://mlcommons.org/croissant/1.0), which search engines read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comma_data.export.columns import Column, Type, Vector

Node = dict[str, Any]

CONTEXT: Node = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The JSON-LD context that the specification prescribes."""

TYPES: Mapping[str, str] = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int8": "sc:Integer",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "float32": "sc:Float",
    "float64": "sc:Float",
    "image": "sc:ImageObject",
}
"""Scalar -> data type; bytes have none, so that columns of them are left out."""

FILES = "parquet-files"


@dataclass(frozen=True, kw_only=True)
class Records:
    """What the rows of a table are."""

    name: str = "samples"
    about: str = "One row per sample."
    key: Sequence[str] = ("id",)
    """Columns that together tell a row from every other."""
    includes: str = "data/*.parquet"
    """Pattern of the files."""


SAMPLES = Records()


def croissant(  # noqa: PLR0913 - what a data set says of itself
    *,
    name: str,
    version: str,
    licence: str,
    about: str,
    columns: Sequence[Column],
    files: Mapping[str, tuple[int, str]],
    records: Records = SAMPLES,
) -> Node:
    """The document `croissant.json`.

    Args:
        name: Of the data set.
        version: Of the data set, `major.minor.patch`.
        licence: Name or address of the licence.
        about: One paragraph.
        columns: Of the table.
        files: Path of each Parquet file below the document -> its bytes and sha256.
        records: What the rows are.
    """
    objects = [_file(path, size, sha256) for path, (size, sha256) in files.items()]
    every = {
        "@type": "cr:FileSet",
        "@id": FILES,
        "name": FILES,
        "description": "All Parquet files.",
        "encodingFormat": "application/x-parquet",
        "includes": records.includes,
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": about,
        "license": licence,
        "version": version,
        "distribution": [*objects, every],
        "recordSet": [_records(columns, records)],
    }


def _file(path: str, size: int, sha256: str) -> Node:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": sha256,
    }


def _records(columns: Sequence[Column], records: Records) -> Node:
    fields = [_field(f"{records.name}/{c.name}", c.type, column=c.name, about=c.about) for c in columns]
    keys = [{"@id": f"{records.name}/{column}"} for column in records.key]
    return {
        "@type": "cr:RecordSet",
        "@id": records.name,
        "name": records.name,
        "description": records.about,
        "key": keys if len(keys) > 1 else keys[0],
        "field": fields,
    }


def _field(identifier: str, kind: Type, *, column: str, about: str = "", path: str = "") -> Node:
    """A field; one of a struct, or of a list of structs, has its members as sub-fields."""
    repeated = isinstance(kind, list | Vector)
    inner = _innermost(kind)
    node: Node = {"@type": "cr:Field", "@id": identifier, "name": identifier.rsplit("/", 1)[1]}
    node |= {"description": about} if about else {}
    node |= {"repeated": True} if repeated else {}
    if isinstance(inner, dict):
        members = {name: member for name, member in inner.items() if _innermost(member) in TYPES}
        below = [
            _field(f"{identifier}/{name}", [member] if repeated else member, column=column, path=name)
            for name, member in members.items()
        ]
        return node | {"subField": below}
    return node | {"dataType": TYPES[str(inner)], "source": _source(column, path, inner)}


def _source(column: str, path: str, kind: Type) -> Node:
    source: Node = {"fileSet": {"@id": FILES}, "extract": {"column": column}}
    steps = [part for part in (path, "bytes" if kind == "image" else "") if part]
    return source | ({"transform": {"jsonPath": ".".join(steps)}} if steps else {})


def _innermost(kind: Type) -> Type:
    if isinstance(kind, Vector):
        return kind.dtype
    return _innermost(kind[0]) if isinstance(kind, list) else kind
