"""A structure as a picture: the atoms of one cell in parallel projection, nearest neighbours connected."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from markupsafe import Markup
from pymatgen.core import Element

from comma_data.pages.elements import colour, ink, radius
from comma_data.pages.svg import drawing, element
from comma_data.sample import RawStructure

MOST = 400
"""Atoms that are drawn."""
SIZE = 460.0
"""Pixels across."""
CLOSE = 1.15
"""Atoms are connected up to this many times the mean of their two nearest distances."""
_TURN = np.radians(-22.0)
_TILT = np.radians(14.0)
_ROOM = 11.0
"""Radius in pixels from which an atom is named."""
_EDGE = 1e-3
"""Atoms this close to a face of the cell, as a fraction, are drawn on the opposite face too."""


@dataclass(frozen=True, kw_only=True)
class Atoms:
    """What is drawn."""

    numbers: np.ndarray
    """(m,)"""
    positions: np.ndarray
    """(m, 3), Å."""
    nearest: np.ndarray
    """(m,), Å: distance to the nearest atom of the repeating structure."""
    place: np.ndarray
    """(m,): which atom of the structure each of them is."""


def picture(structure: RawStructure) -> Markup:
    """The cell seen from its front, slightly from above, c upwards.

    Each element has its colour, and its name where there is room.
    """
    atoms = shown_atoms(structure)
    cell = np.asarray(structure["cell"], dtype=float)
    axes = view(cell)
    corners = np.array([np.array(c) @ cell for c in product((0, 1), repeat=3)])
    seen, frame = atoms.positions @ axes, corners @ axes
    scale, middle = _fit(np.vstack([seen, frame if np.any(cell) else seen]))
    seen, frame = (_placed(points, scale, middle) for points in (seen, frame))
    items = _edges(frame, cell) + _bonds(atoms, seen) + _balls(atoms, seen, scale)
    drawn = [markup for _, markup in sorted(items, key=lambda item: item[0])]
    symbols = sorted({_symbol(z) for z in atoms.numbers})
    definitions = element("defs", *map(_gradient, symbols))
    label = f"Structure of {len(structure['numbers'])} atoms: {', '.join(symbols)}"
    return drawing([definitions, *drawn], width=SIZE, height=SIZE, label=label, class_="structure")


def shown_atoms(structure: RawStructure) -> Atoms:
    """The atoms moved into the cell, those on its faces repeated on the opposite ones; at most `MOST`."""
    cell = np.asarray(structure["cell"], dtype=float)
    repeats = np.asarray(structure["periodic"], dtype=bool)
    positions = np.asarray(structure["positions"], dtype=float)[:MOST]
    numbers = np.asarray(structure["numbers"])[:MOST]
    fractions = positions @ np.linalg.pinv(cell)
    positions = positions - (np.floor(fractions + _EDGE) * repeats) @ cell
    fractions = (fractions - np.floor(fractions + _EDGE)) * repeats + ~repeats
    on_face = np.abs(fractions) < _EDGE
    nearest = _nearest(positions, cell, repeats)
    made = [(i, np.array(c)) for i in range(len(numbers)) for c in product((0, 1), repeat=3) if np.all(on_face[i] >= c)]
    kept = sorted(made, key=lambda item: item[1].sum())[:MOST]
    rows = [i for i, _ in kept]
    moved = positions[rows] + np.array([c for _, c in kept]) @ cell
    return Atoms(numbers=numbers[rows], positions=moved, nearest=nearest[rows], place=np.array(rows))


def _nearest(positions: np.ndarray, cell: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """(n,), infinite for an atom that is alone."""
    images = [np.array(c) @ cell for c in product(*[(-1, 0, 1) if r else (0,) for r in repeats])]
    nearest = np.full(len(positions), np.inf)
    for image in images:
        distances = np.linalg.norm(positions[:, None] - positions[None] - image, axis=2)
        distances[distances < 1e-6] = np.inf
        nearest = np.minimum(nearest, distances.min(axis=1))
    return nearest


def view(cell: np.ndarray) -> np.ndarray:
    """(3, 3): Cartesian to right, up, towards the eye; the cell from its front, slightly from above, c upwards."""
    rows = [*cell[[2, 0, 1]], *np.eye(3)[[2, 0, 1]]]
    frame: list[np.ndarray] = []
    for row in rows:
        rest = row - sum((row @ f) * f for f in frame)
        if len(frame) < 3 and np.linalg.norm(rest) > 1e-3 * max(float(np.linalg.norm(row)), 1e-9):
            frame.append(rest / np.linalg.norm(rest))
    up, right, _ = frame
    axes = np.column_stack([right, up, np.cross(right, up)])
    turn = np.array([[np.cos(_TURN), 0, -np.sin(_TURN)], [0, 1, 0], [np.sin(_TURN), 0, np.cos(_TURN)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(_TILT), np.sin(_TILT)], [0, -np.sin(_TILT), np.cos(_TILT)]])
    return axes @ turn @ tilt


def _fit(points: np.ndarray) -> tuple[float, np.ndarray]:
    """Pixels per Å and the middle."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    extent = max(float((high - low).max()), 2.0)
    return (SIZE - 70) / extent, (low + high) / 2


def _placed(points: np.ndarray, scale: float, middle: np.ndarray) -> np.ndarray:
    """Pixels from the top left corner, and the depth as it was."""
    return np.column_stack([(points[:, :2] - middle) * [scale, -scale] + SIZE / 2, points[:, 2]])


def cell_edges(cell: np.ndarray) -> list[tuple[int, int]]:
    """The twelve edges of the cell, or as many as there are, as places among its corners (0, 0, 0), (0, 0, 1), ..."""
    ends = list(product((0, 1), repeat=3))
    there = np.any(cell != 0, axis=1)
    return [
        (i, j)
        for k in range(3)
        for i, a in enumerate(ends)
        for j, b in enumerate(ends)
        if there[k] and b[k] - a[k] == 1 and sum(np.abs(np.subtract(a, b))) == 1 and not np.any(~there & a)
    ]


def _edges(corners: np.ndarray, cell: np.ndarray) -> list[tuple[float, Markup]]:
    return [(_middle(corners[[i, j]]), _line(corners[i], corners[j], class_="edge")) for i, j in cell_edges(cell)]


def bonded(atoms: Atoms) -> np.ndarray:
    """(b, 2): atoms that are connected."""
    distances = np.linalg.norm(atoms.positions[:, None] - atoms.positions[None], axis=2)
    reach = CLOSE * (atoms.nearest[:, None] + atoms.nearest[None]) / 2
    return np.argwhere(np.triu((distances <= reach) & (distances > 1e-6), k=1))


def _bonds(atoms: Atoms, seen: np.ndarray) -> list[tuple[float, Markup]]:
    bonds = []
    for i, j in bonded(atoms):
        middle = (seen[i] + seen[j]) / 2
        for end in (i, j):
            stroke = colour(_symbol(atoms.numbers[end]))
            behind = float(seen[end, 2]) - 1e-6  # its own atom covers the end
            bonds.append((behind, _line(middle, seen[end], stroke=stroke, class_="bond")))
    return bonds


def _balls(atoms: Atoms, seen: np.ndarray, scale: float) -> list[tuple[float, Markup]]:
    balls = []
    for number, (x, y, depth) in zip(atoms.numbers, seen, strict=True):
        symbol = _symbol(number)
        size = float(np.clip(0.34 * radius(symbol) * scale, 3.0, 30.0))
        ball = element("circle", cx=x, cy=y, r=size, fill=f"url(#ball-{symbol})", class_="ball")
        name = _name(symbol, x, y) if size >= _ROOM else ""
        balls.append((float(depth), element("g", element("title", symbol), ball, name)))
    return balls


def _name(symbol: str, x: float, y: float) -> Markup:
    place = {"x": x, "y": y + 4, "text_anchor": "middle"}
    return element("text", symbol, **place, fill=ink(symbol), stroke=colour(symbol))


def _gradient(symbol: str) -> Markup:
    light = element("stop", offset="0", stop_color="#fff", stop_opacity=0.6)
    full = element("stop", offset="0.4", stop_color=colour(symbol))
    return element("radialGradient", light, full, id=f"ball-{symbol}", cx=0.3, cy=0.26, r=0.8)


def _line(start: np.ndarray, end: np.ndarray, **attributes: str) -> Markup:
    return element("line", x1=float(start[0]), y1=float(start[1]), x2=float(end[0]), y2=float(end[1]), **attributes)


def _middle(points: np.ndarray) -> float:
    return float(points[:, 2].mean())


def _symbol(number: int) -> str:
    return str(Element.from_Z(int(number)).symbol)
