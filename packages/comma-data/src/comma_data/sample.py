"""The nouns of a data set: raw values, records as they are read, samples as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import numpy as np


class RawStructure(TypedDict):
    """A crystal, slab, nanoparticle or molecule."""

    numbers: np.ndarray
    """Atomic numbers, (n,), integers from 1 to 118."""
    positions: np.ndarray
    """Cartesian, (n, 3), Å."""
    cell: np.ndarray
    """Rows are the lattice vectors, (3, 3), Å; a zero row where the structure does not repeat."""
    periodic: np.ndarray
    """(3,), bool."""
    charges: NotRequired[np.ndarray]
    """Formal charges, (n,), in elementary charges, where known."""


class RawImage(TypedDict):
    """A micrograph in its original depth."""

    pixels: np.ndarray
    """(height, width)."""
    nm_per_pixel: float | None


class RawPattern(TypedDict):
    """A powder diffraction pattern."""

    two_theta: np.ndarray
    """(p,), degrees, rising."""
    intensity: np.ndarray
    """(p,), arbitrary units, never negative."""
    wavelength: float
    """Å."""


RawText = tuple[str, ...]
"""The steps of a protocol."""

RawComposition = Mapping[str, float]
"""Element symbol -> amount."""


MODALITIES = ("composition", "image", "structure", "text", "xrd")
"""Names of the modalities whose raw values are described here."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One value as a source delivers it, before curation and joining."""

    source: str
    """Name of the module under `sources/` that read it."""
    key: str
    """Its name there, e.g. `mp-1000`: for messages and, made lower-case, for the sample's id."""
    modality: str
    """`structure`, `text` (the value is a `Protocol`, or a tuple of steps as they were written), `image` or `xrd`."""
    value: Any
    formula: str | None
    """Reduced formula of the material, None where the source does not say."""
    targets: Mapping[str, float | str] = field(default_factory=dict)
    """Property name -> number, or class name."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """What else has to stay on one side of a split, e.g. `image_frame`."""
    annotation: Any = None
    """What lies beside the value: masks and boxes of an image."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """`origin` (measured, computed, simulated, handbook, text-mined), and what else the source knows (doi, ...)."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A record that was left out, and why."""

    source: str
    key: str
    code: str
    """A short kebab-case reason that can be counted, e.g. `atoms-too-close`."""
    message: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One entry of a data set: a material, or a protocol, image or pattern without a structure."""

    id: str
    fields: Mapping[str, tuple[Any, ...]]
    """Modality -> zero or more raw values. A modality without a value is absent."""
    groups: Mapping[str, str]
    """What must stay on one side of a split: `formula`, `material`, `fold`."""
    targets: Mapping[str, float | str] = field(default_factory=dict)
    """Property name -> number, or class name."""
    annotations: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Modality -> what lies beside each value: the `Protocol` a text is rendered from, masks and boxes of an image."""
    provenance: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    """Modality -> for each value its origin, `joined_by` (entry, formula), doi, paragraph."""
