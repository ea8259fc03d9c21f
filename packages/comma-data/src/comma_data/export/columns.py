"""What an exported table holds: the columns, and their types in a form that every writer here translates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comma_data.errors import DataError
from comma_data.sample import Sample


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A list of so many numbers in every row."""

    length: int
    dtype: str = "float32"


Type = str | Vector | list["Type"] | dict[str, "Type"]
"""A scalar (`string`, `bool`, `int8`, `int32`, `int64`, `float32`, `float64`, `binary`, `image`), a vector, `[type]`
for a list, `{name: type}`."""

MODALITIES: Mapping[str, Type] = {
    "structure": [
        {
            "numbers": ["int64"],
            "positions": [["float64"]],
            "cell": [["float64"]],
            "periodic": ["bool"],
            "charges": ["float64"],
        }
    ],
    "text": [["string"]],
    "xrd": [{"two_theta": ["float64"], "intensity": ["float64"], "wavelength": "float64"}],
    "image": [{"png": "image", "npy": "binary", "nm_per_pixel": "float64", "mask": "image", "boxes": [["float64"]]}],
    "composition": [{"elements": ["string"], "amounts": ["float64"]}],
}
"""Modality -> type of its column: always a list, one entry per value of the sample."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column."""

    name: str
    type: Type
    about: str
    """What it holds, with units, for the data card."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Groups and targets that occur anywhere in a data set."""

    groups: tuple[str, ...]
    targets: Mapping[str, str]
    """Name -> `float64`, or `string` where a sample has a class there."""


def names(samples: Iterable[Sample]) -> Names:
    """What the samples call their groups and targets; their fields are not looked at."""
    groups: set[str] = set()
    targets: dict[str, str] = {}
    for sample in samples:
        groups.update(sample.groups)
        for name, value in sample.targets.items():
            if isinstance(value, str) or name not in targets:
                targets[name] = "string" if isinstance(value, str) else "float64"
    return Names(groups=tuple(sorted(groups - {"fold"})), targets=dict(sorted(targets.items())))


def columns(found: Names, modalities: Iterable[str]) -> tuple[Column, ...]:
    """The columns of a data set that has these names and modalities.

    Raises:
        DataError: A modality that has no type here.
    """
    present = sorted(set(modalities), key=lambda m: list(MODALITIES).index(m) if m in MODALITIES else -1)
    if present and present[0] not in MODALITIES:
        raise DataError(f"modality {present[0]!r} cannot be exported; what can is {', '.join(MODALITIES)}")
    return (
        Column(name="id", type="string", about="Id of the sample, unique in the data set."),
        Column(name="formula", type="string", about="Reduced formula; `?` and the id where it is not known."),
        Column(name="fold", type="int8", about="0 to 4. What shares a group shares a fold."),
        *_optional("groups", dict.fromkeys(found.groups, "string"), _GROUPS),
        *(Column(name=m, type=MODALITIES[m], about=_ABOUT[m]) for m in present),
        *_optional("targets", dict(found.targets), _TARGETS),
        Column(name="annotations", type="string", about=_ANNOTATIONS),
        Column(name="provenance", type="string", about=_PROVENANCE),
    )


def _optional(name: str, fields: Mapping[str, Type], about: str) -> tuple[Column, ...]:
    """Parquet has no struct without fields."""
    return (Column(name=name, type=dict(fields), about=about),) if fields else ()


_GROUPS = "What has to stay on one side of a split, by kind; null where a sample has no such group."
_TARGETS = (
    "Properties by name; null where unknown. A number, or the name of a class; numbers are written out as text where"
    " other samples have a class under the same name."
)
_ANNOTATIONS = (
    "JSON: modality -> for each value what lies beside it, e.g. the facts that a text was told from. Masks and boxes"
    " of images stand in the column `image`."
)
_PROVENANCE = "JSON: modality -> for each value its origin, how it was joined, DOI, imaging conditions."
_ABOUT = {
    "structure": (
        "`numbers` (n,) atomic numbers; `positions` (n, 3) Cartesian, Å; `cell` (3, 3), rows are the lattice vectors,"
        " Å, zero where the structure does not repeat; `periodic` (3,); `charges` (n,), null where unknown."
    ),
    "text": "Protocols, each a list of steps.",
    "xrd": "`two_theta` (p,), degrees; `intensity` (p,), arbitrary units; `wavelength`, Å.",
    "image": (
        "`png`: the pixels in their original 8 or 16 bits; `npy`: the array in NumPy's format where PNG cannot hold its"
        " depth, `png` is null then; `nm_per_pixel`; `mask`: a class per pixel; `boxes`: (n, 4), y1 x1 y2 x2 in pixels."
    ),
    "composition": "`elements` (k,) symbols; `amounts` (k,).",
}
