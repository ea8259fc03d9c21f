"""What a search finds, as arrays, and with everything that is needed to show it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """The nearest values of one modality for each query, best first; equal cosines by row."""

    modality: str
    rows: Int[np.ndarray, "queries hits"]
    """Row of the value's vector; each value comes once, in however many entries it stands."""
    cosines: Float[np.ndarray, "queries hits"]
    """float32."""
    meeting: Bool[np.ndarray, " places"] | None
    """Which places of the modality's values meet the conditions; None where there are none."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """An entry in which a value stands, and where the value is from."""

    id: str
    """Of the sample: `comma data show DATA ID` shows it."""
    formula: str
    """Empty where nobody knows it."""
    elements: tuple[str, ...]
    targets: Mapping[str, float]
    number: int
    """Of the value among the sample's values of its modality, from 0."""
    origin: Mapping[str, str]
    """What is known of: origin, source, doi, joined_by, key, prototype, space_group."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One value that was found."""

    rank: int
    """From 1."""
    cosine: float
    modality: str
    row: int
    """Of its vector in the index."""
    places: tuple[Place, ...]
    """The entries it stands in, of those that meet the conditions."""
    steps: tuple[str, ...]
    """A protocol's steps; of other modalities none."""
    counted: float | None = None
    """Shared elements and amounts, 0 to 2, where they were asked for and the query names any."""
