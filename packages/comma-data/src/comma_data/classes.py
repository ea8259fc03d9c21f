"""Classes of materials that can be shut out of training, to see what a model makes of a class that it never saw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from pymatgen.core import Element

from comma_data.errors import ConfigError
from comma_data.formulas import composition
from comma_data.nearest import did_you_mean
from comma_data.sample import Sample
from comma_data.split import UNKNOWN

LARGE = 60
"""Sites above which a cell counts as large."""


@dataclass(frozen=True, kw_only=True)
class Class:
    """One class of materials."""

    what: str
    """For people."""
    holds: Callable[[Sample], bool]
    """Whether a sample is of it."""
    needs: frozenset[str] = frozenset()
    """Modalities that have to be read to tell."""


def _elements(sample: Sample) -> frozenset[str]:
    """Of the formula; none where it is not known."""
    formula = sample.groups["formula"]
    return frozenset() if formula.startswith(UNKNOWN) else frozenset(composition(formula))


@cache
def _metal(symbol: str) -> bool:
    return bool(Element(symbol).is_metal)


def _oxide(sample: Sample) -> bool:
    return "O" in _elements(sample) and len(_elements(sample)) > 1


def _intermetallic(sample: Sample) -> bool:
    found = _elements(sample)
    return len(found) > 1 and all(map(_metal, found))


def _large(sample: Sample) -> bool:
    return any(len(structure["numbers"]) > LARGE for structure in sample.fields.get("structure", ()))


def _finite(sample: Sample) -> bool:
    return any(not np.any(structure["periodic"]) for structure in sample.fields.get("structure", ()))


def _measured(sample: Sample) -> bool:
    return any(known.get("origin") == "measured" for known in sample.provenance.get("xrd", ()))


CLASSES: Mapping[str, Class] = {
    "oxides": Class(what="compounds with oxygen", holds=_oxide),
    "intermetallics": Class(what="compounds of metals alone", holds=_intermetallic),
    "large-cells": Class(what=f"cells of more than {LARGE} sites", holds=_large, needs=frozenset({"structure"})),
    "molecules": Class(what="clusters and molecules: periodic nowhere", holds=_finite, needs=frozenset({"structure"})),
    "measured-patterns": Class(what="specimens whose pattern was measured", holds=_measured, needs=frozenset({"xrd"})),
}
"""Name -> class. A sample whose formula is not known is of no class that the formula decides."""


def class_of(name: str) -> Class:
    """The class of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in CLASSES:
        raise ConfigError(f"no class of materials {name!r}{did_you_mean(name, list(CLASSES))}: {', '.join(CLASSES)}")
    return CLASSES[name]
