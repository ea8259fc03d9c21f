"""Defects of one column: a share of its atoms is missing, replaced or added.

A single atom changes a column of 4 to 10 nm by a few per cent and does not show under ordinary noise. What micrographs
do show are columns in which many sites are concerned; so 60 to 100 % of the sites of one column are, and the share is
part of the geometry.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from comma_data.errors import StructureError
from comma_data.simulate.defects.defect import Defect, Fact, Outline, Specimen
from comma_data.simulate.defects.lattice import SAME_NM, columns, net, repeat, resolution, wrapped
from comma_data.simulate.projection import Cloud
from comma_data.simulate.scan import EXPONENT

SHARE = (0.6, 1.0)
"""Least and largest share of a column's sites."""

VISIBLE = 0.3
"""Least change of a column's brightness, as a share of the brightest column."""

FOREIGN = (6, 14, 22, 29, 34, 42, 50, 57, 74, 79, 83)
"""Atomic numbers of the elements that are substituted, where they change the brightness enough."""

CHOICE = 8
"""Pairs of column and element, nearest first, from which one is drawn."""

RADIUS_NM = (0.06, 0.12)
"""Least and largest radius of the part of the picture that counts as the defect; in between half the resolution."""

APART_NM = 0.2
"""Least distance of interstitial atoms along a column."""

OPEN_NM = 0.07
"""Least distance, in projection, from an interstitial column to the others."""


@dataclass(frozen=True, kw_only=True)
class _Column:
    members: np.ndarray
    """Indices of the atoms."""
    at: np.ndarray
    """(2,), nm."""
    weight: float
    """Brightness, as a share of the brightest column."""
    mean_number: float
    """Mean of Z**1.7 of its atoms."""


def vacancy(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """Atoms of one bright column taken out."""
    crystal = specimen.crystal()
    bright = [c for c in _columns_near(specimen, crystal) if c.weight >= VISIBLE / SHARE[0]]
    column = bright[0]
    chosen, share = _draw(column.members, rng)
    left = np.setdiff1d(np.arange(len(crystal.numbers)), chosen)
    return _defect("vacancy", crystal.where(left), specimen, column.at, {"share": share, "atoms": len(chosen)})


def substitution(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """Atoms of one column replaced by an element that the host does not hold."""
    crystal = specimen.crystal()
    foreign = [z for z in FOREIGN if z not in specimen.seen.numbers]
    options = [(c, z) for c in _columns_near(specimen, crystal) for z in foreign if _shows(c, z)][:CHOICE]
    if not options:
        raise StructureError("no-visible-substitution", "no foreign element changes a column enough to be seen")
    return _replaced("substitution", specimen, crystal, options[int(rng.integers(len(options)))], rng)


def antisite(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """Atoms of one column replaced by another element of the host.

    Raises:
        StructureError: `one-element`, or `no-visible-antisite` where the elements are too alike in brightness.
    """
    crystal = specimen.crystal()
    own = np.unique(specimen.seen.numbers)
    if len(own) == 1:
        raise StructureError("one-element", "an antisite needs two elements: take another host")
    options = [(c, int(z)) for c in _columns_near(specimen, crystal) for z in own if _shows(c, int(z))][:CHOICE]
    if not options:
        raise StructureError("no-visible-antisite", "the elements are too alike in brightness: take another host")
    return _replaced("antisite", specimen, crystal, options[int(rng.integers(len(options)))], rng)


def interstitial(specimen: Specimen, rng: np.random.Generator) -> Defect:
    """Atoms of the heaviest element added along the widest channel.

    Raises:
        StructureError: `no-open-channel` where every place is closer than 0.07 nm to a column.
    """
    crystal = specimen.crystal()
    at, radius = _channel(specimen, crystal)
    if radius < OPEN_NM:
        msg = f"the widest channel along {specimen.seen.zone} leaves {radius:.3f} nm: {OPEN_NM} nm are needed"
        raise StructureError("no-open-channel", msg)
    spacing = repeat(specimen.seen) * np.ceil(APART_NM / repeat(specimen.seen))
    heights = np.arange(-specimen.box_nm[2] / 2 + rng.uniform() * spacing, specimen.box_nm[2] / 2, spacing)
    chosen, share = _draw(np.arange(len(heights)), rng)
    added = np.column_stack([np.tile(at, (len(chosen), 1)), heights[chosen]])
    number = specimen.seen.numbers.max()
    cloud = crystal.also(Cloud(positions=added, numbers=np.full(len(chosen), number)))
    return _defect("interstitial", cloud, specimen, at, {"share": share, "atoms": len(chosen), "element": int(number)})


def _replaced(
    kind: str, specimen: Specimen, crystal: Cloud, option: tuple[_Column, int], rng: np.random.Generator
) -> Defect:
    column, number = option
    chosen, share = _draw(column.members, rng)
    numbers = crystal.numbers.copy()
    numbers[chosen] = number
    cloud = Cloud(positions=crystal.positions, numbers=numbers)
    return _defect(kind, cloud, specimen, column.at, {"share": share, "atoms": len(chosen), "element": number})


def _defect(kind: str, cloud: Cloud, specimen: Specimen, at: np.ndarray, facts: Mapping[str, float]) -> Defect:
    radius = float(np.clip(resolution(specimen.seen) / 2, *RADIUS_NM))
    geometry: dict[str, Fact] = {"columns": 1.0, **facts, "at": tuple(at.tolist())}
    return Defect(kind=kind, cloud=cloud, outline=Outline(at=at, half_width_nm=radius), geometry=geometry)


def _draw(members: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A random share of the members, at least one, and what share that is."""
    number = max(1, round(rng.uniform(*SHARE) * len(members)))
    return np.sort(rng.choice(members, number, replace=False)), number / len(members)


def _shows(column: _Column, number: int) -> bool:
    change = SHARE[0] * column.weight * abs(number**EXPONENT / column.mean_number - 1)
    return change >= VISIBLE


def _columns_near(specimen: Specimen, crystal: Cloud) -> list[_Column]:
    """The columns within about one cell of the wanted place, nearest first."""
    reach = np.linalg.norm(net(specimen.seen), axis=1).sum()
    apart = np.linalg.norm(crystal.positions[:, :2] - specimen.centre, axis=1)
    near = np.flatnonzero(apart < reach + SAME_NM)
    remaining = near[np.argsort(apart[near], kind="stable")]
    found: list[_Column] = []
    while len(remaining) and apart[remaining[0]] < reach:
        at = crystal.positions[remaining[0], :2]
        inside = np.linalg.norm(crystal.positions[remaining, :2] - at, axis=1) < SAME_NM
        found.append(_column(specimen, crystal, at, remaining[inside]))
        remaining = remaining[~inside]
    return found


def _column(specimen: Specimen, crystal: Cloud, at: np.ndarray, members: np.ndarray) -> _Column:
    sites, bright = columns(specimen.seen)
    origin = (np.asarray(specimen.offset) @ specimen.seen.vectors)[:2]
    weight = bright[wrapped(at - origin - sites, net(specimen.seen)).argmin()] / bright.max()
    mean = (crystal.numbers[members].astype(float) ** EXPONENT).mean()
    return _Column(members=np.sort(members), at=at, weight=float(weight), mean_number=float(mean))


def _channel(specimen: Specimen, crystal: Cloud) -> tuple[np.ndarray, float]:
    """The point of the projection, (2,), nm, farthest from all columns, near the wanted place; and how far, nm."""
    steps = np.linspace(-0.5, 0.5, 33)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) @ net(specimen.seen) + specimen.centre
    near = crystal.positions[np.linalg.norm(crystal.positions[:, :2] - specimen.centre, axis=1) < 1.5, :2]
    flat = np.unique(near.round(3), axis=0)
    distance = np.linalg.norm(grid[:, None, :] - flat[None, :, :], axis=-1).min(axis=1)
    best = int(distance.argmax())
    return grid[best], float(distance[best])
