"""Which formulas are hard to tell apart by their composition: the galleries in which more than bookkeeping counts.

Each function takes formulas and gives a square matrix: row i marks the formulas, itself among them, that formula i is
searched among. A formula without a rival has an empty row, and is not asked. All are pure functions of the set of
formulas; their order only orders the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import numpy as np
from jaxtyping import Bool

from comma_eval.baselines.formulas import Amounts
from comma_eval.chemistry import amounts_of, cations, distances

GALLERY = 20
"""Formulas in a gallery by nearest composition, the query's own among them."""

Neighbours = Bool[np.ndarray, "formulas formulas"]


def same_elements(formulas: Sequence[str]) -> Neighbours:
    """Formulas of exactly the same elements: only the amounts differ."""
    return _same(formulas, frozenset)


def same_cations(formulas: Sequence[str]) -> Neighbours:
    """Formulas with the same cations (`chemistry.cations`): amounts and anions differ."""
    return _same(formulas, cations)


def nearest(formulas: Sequence[str], size: int = GALLERY) -> Neighbours:
    """Each formula and the `size` - 1 others nearest to it in composition (`chemistry.distances`), or all there are.

    Ties are common (every ABO3 that shares A is equally far), and broken by a hash of both formulas, so that no formula
    is everyone's neighbour because of its name.
    """
    found = np.zeros((len(formulas), len(formulas)), dtype=bool)
    readable = [place for place, formula in enumerate(formulas) if amounts_of(formula)]
    if len(readable) < 2:
        return found
    compositions = [amounts_of(formulas[place]) for place in readable]
    for place, row in zip(readable, distances(compositions, compositions), strict=True):
        near = np.flatnonzero(row <= np.sort(row)[:size][-1])
        order = sorted((readable[k] != place, row[k], _tie(formulas[place], formulas[readable[k]]), k) for k in near)
        found[place, [readable[k] for *_, k in order[:size]]] = True
    return found


def _tie(formula: str, other: str) -> str:
    """In the order of these stand formulas that are equally far."""
    return sha256(f"{formula}|{other}".encode()).hexdigest()


RIVALS: Mapping[str, Callable[[Sequence[str]], Neighbours]] = {
    "elements": same_elements,
    "cations": same_cations,
    "nearest": nearest,
}
"""Name of a pool -> which formulas are searched together."""


def _same(formulas: Sequence[str], key: Callable[[Amounts], frozenset[str]]) -> Neighbours:
    """Formulas with an equal key, where there are at least two."""
    keys = [key(amounts_of(formula)) for formula in formulas]
    codes = {value: code for code, value in enumerate(dict.fromkeys(keys))}
    coded = np.array([codes[value] for value in keys], dtype=int)
    readable = np.array([bool(value) for value in keys], dtype=bool)
    equal = (coded[:, None] == coded[None, :]) & readable[:, None]
    return equal & (equal.sum(axis=1, keepdims=True) > 1)
