"""Sites as a file states them -> a raw structure with one element on each site, by stated rules."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS, reduced
from comma_data.lattice import reduced_where_skewed
from comma_data.sample import RawStructure
from comma_data.structure_formats.sites import Sites, Species

Disorder = Literal["refuse", "majority"]
"""What is done with partly occupied sites."""

ROUNDING = 0.005
"""Occupancies that differ from 1 by no more are rounded ones of a full site."""
ISOTOPES: Mapping[str, str] = {"D": "H", "T": "H"}
"""Symbols of isotopes that files use like elements. Z, and with it everything learnt here, is the element's."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A structure, and what was decided on the way to it."""

    structure: RawStructure
    formula: str | None
    """Reduced formula that the file states; None where a site was decided, as it is that of the disordered one."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """For provenance: `disorder: majority`, with the `disordered_formula` where that is another; `isotopes: read as H`;
    `cell: reduced`."""


def resolve(sites: Sites, disorder: Disorder = "refuse") -> Resolved:
    """One element for each site.

    A site that charges of one element share belongs to that element, with the mean charge. A site that elements share,
    or that is partly vacant, is refused, or, by `majority`, taken by the element that has more than half of it. D and T
    become H. A cell lower than `lattice.SKEWED` is reduced where that helps; positions stay as they are.

    Raises:
        StructureError: Code `disordered`, `bad-occupancy` or `unknown-element`.
    """
    chosen = [_occupant(site, disorder) for site in sites.species]
    cell = reduced_where_skewed(sites.cell, sites.periodic)
    structure = RawStructure(
        numbers=np.array([ATOMIC_NUMBERS[symbol] for symbol, _, _ in chosen], dtype=np.int64),
        positions=np.array(sites.positions, dtype=float),
        cell=np.array(sites.cell if cell is None else cell, dtype=float),
        periodic=np.array(sites.periodic, dtype=bool),
    )
    charges = [charge for _, charge, _ in chosen if charge is not None]
    if charges and len(charges) == len(chosen):
        structure["charges"] = np.array(charges, dtype=float)
    decided = any(share < 1.0 - ROUNDING for _, _, share in chosen)
    isotopes = sorted({symbol for site in sites.species for symbol, _, _ in site if symbol in ISOTOPES})
    notes = {
        "disorder": "majority" if decided else "",
        "disordered_formula": _disordered_formula(sites, chosen) if decided else "",
        "isotopes": f"{', '.join(isotopes)} read as H" if isotopes else "",
        "cell": "" if cell is None else "reduced",
    }
    return Resolved(
        structure=structure,
        formula=None if decided else sites.formula,
        notes={name: note for name, note in notes.items() if note},
    )


def _disordered_formula(sites: Sites, chosen: Sequence[Species]) -> str:
    """What the occupancies make, where that is not what the chosen elements make."""
    whole = Counter(element for element, _, _ in chosen)
    shares: defaultdict[str, float] = defaultdict(float)
    for site, (element, _, share) in zip(sites.species, chosen, strict=True):
        occupied = site if share < 1.0 - ROUNDING else [(element, None, 1.0)]
        for symbol, _, part in occupied:
            shares[ISOTOPES.get(symbol, symbol)] += part
    stated = reduced(shares)
    return "" if stated == reduced(whole) else stated


def _occupant(site: tuple[Species, ...], disorder: Disorder) -> Species:
    """The element of a site, its charge, and the share that it has of the site."""
    if len(site) == 1 and site[0][2] == 1.0 and site[0][0] in ATOMIC_NUMBERS:
        return site[0]
    shares: dict[str, float] = {}
    for symbol, _, share in site:
        element = ISOTOPES.get(symbol, symbol)
        if element not in ATOMIC_NUMBERS:
            raise StructureError("unknown-element", f"{symbol!r} is no element; give symbols from H to Og")
        shares[element] = shares.get(element, 0.0) + share
    total = sum(shares.values())
    if not site or not all(0 < share <= 1 + ROUNDING for _, _, share in site) or total > 1 + ROUNDING:
        raise StructureError(
            "bad-occupancy",
            f"a site holds {_listed(shares) or 'nothing'}: occupancies are above 0 and sum to 1 at most",
        )
    element, share = max(shares.items(), key=lambda both: both[1])
    if share < 1 - ROUNDING and not (disorder == "majority" and share > 0.5):
        choice = "" if disorder == "majority" else ', or disorder = "majority"'
        raise StructureError("disordered", f"a site holds {_listed(shares)}; give an ordered model{choice}")
    return element, _mean_charge(species for species in site if ISOTOPES.get(species[0], species[0]) == element), share


def _mean_charge(species: Iterable[Species]) -> float | None:
    known = [(charge, share) for _, charge, share in species]
    if any(charge is None for charge, _ in known):
        return None
    return sum((charge or 0.0) * share for charge, share in known) / sum(share for _, share in known)


def _listed(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{element} {share:g}" for element, share in shares.items())
