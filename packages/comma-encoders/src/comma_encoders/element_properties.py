"""Properties of the elements, from pymatgen's table, for those that have them.

Taken are the properties that pymatgen knows for at least 82 of the first 94 elements, so that few are guessed. None
depends on the oxidation state that an element has in a compound.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float
from pymatgen.core import Element
from torch import Tensor

SYMBOLS = tuple(Element.from_Z(z).symbol for z in range(1, 119))

CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}
SUBSHELL = re.compile(r"\d([spdf])(\d+)")


def valence(element: Element) -> dict[str, int]:
    """Electrons outside the noble-gas core by kind of subshell, for Fe {s: 2, p: 0, d: 6, f: 0}.

    Raises:
        KeyError: pymatgen does not know them.
    """
    counts = dict.fromkeys(CAPACITY, 0)
    for kind, count in SUBSHELL.findall(element.electronic_structure.rpartition("]")[2]):
        counts[kind] += int(count)
    return counts


def electrons(kind: str) -> Callable[[Element], float]:
    """Element -> valence electrons in subshells of a kind."""
    return lambda element: valence(element)[kind]


def unfilled(kind: str) -> Callable[[Element], float]:
    """Element -> places left in a valence subshell of a kind; 0 where it has none."""
    return lambda element: CAPACITY[kind] - count if (count := valence(element)[kind]) else 0


def in_block(block: str) -> Callable[[Element], float]:
    """Element -> 1 if it belongs to the block, else 0."""
    return lambda element: float(element.block == block)


PROPERTIES: Mapping[str, Callable[[Element], float | None]] = MappingProxyType(
    {
        "atomic number": lambda e: e.Z,
        "row": lambda e: e.row,
        "group": lambda e: e.group,
        "Mendeleev number": lambda e: e.mendeleev_no,
        "atomic mass (u)": lambda e: e.atomic_mass,
        "electronegativity (Pauling)": lambda e: e.X,
        "atomic radius (Å)": lambda e: e.atomic_radius_calculated or e.atomic_radius,
        "largest common oxidation state": lambda e: max(e.common_oxidation_states or (0,)),
        "smallest common oxidation state": lambda e: min(e.common_oxidation_states or (0,)),
        **{f"{block} block": in_block(block) for block in CAPACITY},
        "van der Waals radius (Å)": lambda e: e.van_der_waals_radius,
        "melting point (K)": lambda e: e.melting_point,
        "boiling point (K)": lambda e: e.boiling_point,
        "molar volume (cm³/mol)": lambda e: e.molar_volume,
        "ionisation energy (eV)": lambda e: e.ionization_energy,
        "electron affinity (eV)": lambda e: e.electron_affinity,
        **{f"{kind} valence electrons": electrons(kind) for kind in CAPACITY},
        **{f"unfilled {kind} places": unfilled(kind) for kind in ("p", "d", "f")},
    }
)
"""Name -> function of the element; None, NaN or a KeyError where pymatgen knows nothing."""


def value(name: str, element: Element) -> float:
    """A property of an element in its unit; NaN where unknown."""
    try:
        known = PROPERTIES[name](element)
    except KeyError:
        return np.nan
    return np.nan if known is None else float(known)


def raw_table() -> Float[np.ndarray, "118 properties"]:
    """The properties in their units; NaN where unknown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of each unknown value
        return np.array([[value(name, Element(symbol)) for name in PROPERTIES] for symbol in SYMBOLS])


def property_table() -> Float[Tensor, "118 properties"]:
    """The properties standardised over the elements; an unknown one is the mean, 0."""
    table = raw_table()
    table = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    return torch.from_numpy(np.nan_to_num(table, nan=0.0).astype(np.float32))
