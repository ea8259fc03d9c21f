"""Whether the charges of a structure can sum to zero."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from math import gcd
from operator import or_
from typing import Literal

import numpy as np
from pymatgen.core import Element

from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.sample import RawStructure

Balance = Literal["balanced", "unbalanced", "unknown", "metallic"]

TOLERANCE = 0.05
"""Elementary charges per formula unit by which stated charges may miss zero, as they are often rounded."""

_SYMBOLS: Mapping[int, str] = {z: symbol for symbol, z in ATOMIC_NUMBERS.items()}


def charge_balance(structure: RawStructure) -> Balance:
    """`balanced` or `unbalanced` by the stated charges, or, where none are stated, by tabulated oxidation states.

    Without stated charges: `metallic` where all elements are metals, whose alloys have no oxidation states;
    `balanced` where some choice of the elements' tabulated states, the same or different ones on the atoms of an
    element, sums to zero; `unbalanced` where no choice does; `unknown` where an element has no tabulated state.

    The states and the rule are those of pymatgen's `Composition.oxi_state_guesses` (states that occur in the ICSD,
    else the common ones), which asks for the likeliest choice and can take minutes over it; whether there is one at
    all is a question of reachable sums, and costs microseconds.

    Args:
        structure: With `charges` where they are stated.
    """
    stated = stated_charge(structure)
    if stated is not None:
        return "balanced" if abs(stated) <= TOLERANCE else "unbalanced"
    return _of_composition(_formula_unit(structure["numbers"]))


def stated_charge(structure: RawStructure) -> float | None:
    """Sum of the stated charges per formula unit, in elementary charges; None where none are stated."""
    if "charges" not in structure:
        return None
    units = gcd(*(int(n) for n in np.unique(structure["numbers"], return_counts=True)[1]))
    with np.errstate(over="ignore", invalid="ignore"):  # absurd charges are the guard's to refuse
        return float(structure["charges"].sum()) / max(1, units)


def _formula_unit(numbers: np.ndarray) -> tuple[tuple[int, int], ...]:
    """(atomic number, atoms in the reduced formula) of each element."""
    elements, times = np.unique(numbers, return_counts=True)
    units = gcd(*(int(n) for n in times))
    return tuple((int(z), int(n) // units) for z, n in zip(elements, times, strict=True))


@lru_cache(maxsize=2**17)
def _of_composition(unit: tuple[tuple[int, int], ...]) -> Balance:
    elements = [Element(_SYMBOLS[z]) for z, _ in unit]
    if elements and all(element.is_metal for element in elements):
        return "metallic"
    if len(elements) == 1:
        return "balanced"  # an element by itself is neutral
    states = {z: _states(z) for z, _ in unit}
    if not elements or not all(states.values()):
        return "unknown"
    return "balanced" if _sums_to_zero([states[z] for z, n in unit for _ in range(n)]) else "unbalanced"


def _sums_to_zero(choices: Sequence[tuple[int, ...]]) -> bool:
    """Whether one number of each choice can be taken so that all sum to zero."""
    lowest = [min(choice) for choice in choices]
    reachable = 1  # its bit i: the sum of the lowest numbers plus i can be reached
    for choice, low in zip(choices, lowest, strict=True):
        reachable = reduce(or_, (reachable << (state - low) for state in choice))
    return sum(lowest) <= 0 and bool(reachable >> -sum(lowest) & 1)


@lru_cache(maxsize=128)
def _states(z: int) -> tuple[int, ...]:
    element = Element(_SYMBOLS[z])
    return tuple(int(state) for state in element.icsd_oxidation_states or element.common_oxidation_states)
