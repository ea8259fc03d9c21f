"""What formulas have in common: their cations, and how far apart two compositions are."""

from collections.abc import Sequence

import numpy as np
from comma_data.formulas import classify
from jaxtyping import Float
from sklearn.metrics.pairwise import manhattan_distances

from comma_eval.baselines.formulas import NOBLE_GASES, SYMBOLS, Amounts

ANIONS = frozenset({"H", "C", "N", "O", "F", "S", "Cl", "Se", "Br", "I"})
"""Never cations here: anions of most compounds, or what comes and goes with gases, solvents and salts."""

BETWEEN = frozenset({"P", "As", "Sb", "Te"})
"""Anions of pnictides and tellurides, but cations beside one of `OXIDISING`: LiFePO4, Bi2TeO5."""

OXIDISING = frozenset({"O", "F", "Cl"})


def cations(amounts: Amounts) -> frozenset[str]:
    """The elements of a compound that count as cations, by a rule that looks at which elements are there alone.

    Left out are He, Ne, Ar, H, C, N, O, F, S, Cl, Se, Br and I; P, As, Sb and Te count only beside O, F or Cl,
    where they are the centre of an anion such as phosphate. B, Si, Ge and the metals always count. Where nothing is
    left (ice, sulphur, dry ice) all elements count.
    """
    absent = ANIONS | NOBLE_GASES | (frozenset() if OXIDISING & amounts.keys() else BETWEEN)
    return frozenset(amounts) - absent or frozenset(amounts)


def amounts_of(formula: str) -> Amounts:
    """Elements and amounts of a formula; empty where it is unknown (`?...`)."""
    return classify(formula).amounts


def fractions(compositions: Sequence[Amounts]) -> Float[np.ndarray, "compositions 118"]:
    """Fraction of each element, by atomic number; zeros for an empty composition."""
    table = np.array([[amounts.get(symbol, 0.0) for symbol in SYMBOLS] for amounts in compositions])
    table = table.reshape(len(compositions), len(SYMBOLS))
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)


def distances(a: Sequence[Amounts], b: Sequence[Amounts]) -> Float[np.ndarray, "a b"]:
    """Half the sum of the absolute differences of the element fractions: the share of atoms that would be exchanged.

    0 for the same composition, 1 where no element is shared. Rounded to 1e-9, so that equal distances tie.
    """
    if not (len(a) and len(b)):
        return np.zeros((len(a), len(b)))
    return np.round(manhattan_distances(fractions(a), fractions(b)) / 2, 9)
