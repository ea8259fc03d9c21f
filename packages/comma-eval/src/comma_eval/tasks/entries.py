"""Values of any modality as queries or gallery, and when two of them belong together.

Structures, patterns and images belong together when they are of one entry of the data set. Protocols carry no polymorph
label and compositions none at all, so where one of them takes part a formula is what makes two values belong together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from comma_data.sample import Sample
from comma_data.split import UNKNOWN
from comma_encoders.retrieval import same_group
from jaxtyping import Bool

from comma_eval.tasks.pool import Side, bare, chosen, protocols, value_names

BY_FORMULA = frozenset({"composition", "text"})
"""Modalities that cannot tell polymorphs apart."""

KeyOf = Callable[[Sample], str]


@dataclass(frozen=True, kw_only=True)
class Values:
    """Values of one modality."""

    side: Side
    """Its groups are what the bootstrap draws, by default formulas."""
    keys: tuple[str, ...]
    """What each belongs to; the same key, and it is relevant."""


def key_for(modalities: Sequence[str]) -> KeyOf:
    """What makes values of these modalities belong together: the formula, or the entry."""
    return formula_of if BY_FORMULA & set(modalities) else entry_of


def entry_of(sample: Sample) -> str:
    """The structure's entry; an image with a class of its own is a sample beside it, and belongs there."""
    return sample.groups.get("material", sample.id)


def formula_of(sample: Sample) -> str:
    """The formula; where it is not known the specimen, of which there may be several patterns, or else the entry."""
    formula = sample.groups["formula"]
    return sample.groups.get("specimen", entry_of(sample)) if formula.startswith(UNKNOWN) else formula


def values(
    samples: Sequence[Sample],
    modality: str,
    key_of: KeyOf,
    *,
    group_of: KeyOf = formula_of,
    one_text_a_key: bool = False,
) -> Values:
    """Every distinct value of a modality once for each key, in an order that is not that of the samples.

    Args:
        samples: in the view in which their texts are asked.
        modality: its name.
        key_of: what makes two values belong together: `formula_of`, `entry_of`, ...
        group_of: what the bootstrap draws; samples of one key are of one group.
        one_text_a_key: keep of the texts of a key the one that stands for it (`pool.chosen`).
    """
    groups = {key_of(sample): group_of(sample) for sample in samples}
    if modality == "text":
        found = list(_texts(samples, key_of, one_text_a_key=one_text_a_key))
    else:
        found = sorted(_others(samples, modality, key_of), key=lambda item: item[:2])
    return Values(
        side=bare(modality, ((groups[key], name, value) for key, name, value in found)),
        keys=tuple(key for key, _, _ in found),
    )


def relevance(queries: Values, gallery: Values) -> Bool[np.ndarray, "q g"]:
    """True where the keys are equal."""
    return np.asarray(same_group(queries.keys, gallery.keys))


def digest(value: Any) -> str:
    """A hash of a raw value: equal values, equal hash."""
    return sha256(b"".join(_bytes(value))).hexdigest()


def _texts(samples: Sequence[Sample], key_of: KeyOf, *, one_text_a_key: bool) -> Iterator[tuple[str, str, Any]]:
    """(key, name, text), sorted."""
    known_of = protocols(samples, key_of)
    for key in sorted(known_of):
        known = known_of[key]
        for told in [chosen(known)] if one_text_a_key else sorted(known):
            yield key, known[told][1][:16], told


def _others(samples: Sequence[Sample], modality: str, key_of: KeyOf) -> Iterator[tuple[str, str, Any]]:
    """(key, name, value); of equal values of a key the one whose name comes first."""
    first: dict[tuple[str, str], tuple[str, Any]] = {}
    for sample in samples:
        key = key_of(sample)
        for name, value in zip(value_names(sample, modality), sample.fields.get(modality, ()), strict=True):
            identity = (key, digest(value))
            if identity not in first or name < first[identity][0]:
                first[identity] = (name, value)
    yield from ((key, name, value) for (key, _), (name, value) in first.items())


def _bytes(value: Any) -> Iterator[bytes]:
    """Everything that a raw value is, piece by piece."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield f"{name}:".encode()
            yield from _bytes(value[name])
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    else:
        yield repr(value).encode()
