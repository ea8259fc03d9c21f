"""A structure whose atoms are coloured by what they contribute; a script turns it, without one it stands still."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from comma_data.pages.drawing import MOST, Atoms, bonded, cell_edges, shown_atoms, view
from comma_data.pages.elements import radius
from comma_data.pages.svg import element
from comma_data.sample import RawStructure
from jaxtyping import Float, Int
from markupsafe import Markup
from pymatgen.core import Element

from comma_explorer.explain.page.shade import Shade

SIZE = 440.0
"""Units across; the middle is at 0, so that a turn is a turn of coordinates."""
ROOM = 30.0
"""Between the farthest atom and the edge of the picture."""
NAMED = 8.0
"""Radius from which an atom bears its name."""


def drawn(values: Float[np.ndarray, " atoms"]) -> Int[np.ndarray, " drawn"]:
    """Which atoms are drawn, in their order: all, or as many as there may be, those that contribute most."""
    return np.sort(np.argsort(-np.abs(values), kind="stable")[:MOST])


def picture(structure: RawStructure, shades: Sequence[Shade], values: Float[np.ndarray, " atoms"]) -> Markup:
    """One cell, atoms on its faces repeated on the opposite ones.

    Every element of the picture carries its place in space as `data-at`, which the script of the page reads.

    Args:
        structure: raw.
        shades: of its atoms.
        values: their contributions, which say what is drawn of a large structure. Bonds are not drawn there: the
            nearest of those that are drawn need not be neighbours.
    """
    chosen = drawn(values)
    whole = len(chosen) == len(values)
    atoms = _shown(structure, chosen)
    cell = np.asarray(structure["cell"], dtype=float)
    axes = view(cell)
    corners = np.array([np.array(c) @ cell for c in product((0, 1), repeat=3)])
    everything = np.vstack([atoms.positions, corners]) if np.any(cell) else atoms.positions
    middle = (everything.max(axis=0) + everything.min(axis=0)) / 2
    reach = max(float(np.linalg.norm(everything - middle, axis=1).max()), 1.0)
    scale = (SIZE / 2 - ROOM) / reach
    seen, frame = ((points - middle) @ axes * [scale, -scale, scale] for points in (atoms.positions, corners))
    bonds = _bonds(atoms, seen) if whole else []
    items = [*_edges(frame, cell), *bonds, *_balls(atoms, seen, scale, shades)]
    symbols = ", ".join(sorted({_symbol(z) for z in np.asarray(structure["numbers"]).tolist()}))
    share = "" if whole else f"; {len(chosen)} of them are drawn"
    return element(
        "svg",
        *(markup for _, markup in sorted(items, key=lambda item: item[0])),
        viewBox=f"{-SIZE / 2:g} {-SIZE / 2:g} {SIZE:g} {SIZE:g}",
        role="img",
        aria_label=f"Structure of {len(structure['numbers'])} atoms ({symbols}), coloured by contribution{share}",
        tabindex="0",
        class_="crystal",
    )


def _shown(structure: RawStructure, chosen: Int[np.ndarray, " drawn"]) -> Atoms:
    """These atoms as they are drawn, each with its place in the whole structure."""
    numbers, positions = (np.asarray(structure[name])[chosen] for name in ("numbers", "positions"))
    atoms = shown_atoms({**structure, "numbers": numbers, "positions": positions})
    return replace(atoms, place=chosen[atoms.place])


def _edges(frame: np.ndarray, cell: np.ndarray) -> list[tuple[float, Markup]]:
    return [_line(frame[i], frame[j], "edge") for i, j in cell_edges(cell)]


def _bonds(atoms: Atoms, seen: np.ndarray) -> list[tuple[float, Markup]]:
    """Each in two halves, so that either end stays behind its own atom however the crystal is turned."""
    return [_line(seen[end], (seen[i] + seen[j]) / 2, "bond") for i, j in bonded(atoms) for end in (i, j)]


def _line(start: np.ndarray, end: np.ndarray, class_: str) -> tuple[float, Markup]:
    ends = {"x1": float(start[0]), "y1": float(start[1]), "x2": float(end[0]), "y2": float(end[1])}
    return min(float(start[2]), float(start[2] + end[2]) / 2) - 1.0, element(
        "line", **ends, class_=class_, data_at=_at(start, end)
    )


def _balls(atoms: Atoms, seen: np.ndarray, scale: float, shades: Sequence[Shade]) -> list[tuple[float, Markup]]:
    balls = []
    for number, place, at in zip(atoms.numbers.tolist(), atoms.place.tolist(), seen, strict=True):
        symbol, of = _symbol(number), shades[place]
        size = float(np.clip(0.34 * radius(symbol) * scale, 4.0, 26.0))
        title = element("title", f"{symbol}, atom {place + 1}: {of.words}")
        ball = element("circle", r=size, class_=f"part {of.sign}", style=of.style)
        name = element("text", symbol, y=4.0, text_anchor="middle") if size >= NAMED else ""
        turned = f"translate({at[0]:.2f} {at[1]:.2f})"
        balls.append((float(at[2]), element("g", title, ball, name, transform=turned, data_at=_at(at))))
    return balls


def _at(*points: np.ndarray) -> str:
    return " ".join(f"{x:.2f}" for point in points for x in point)


def _symbol(number: int) -> str:
    return str(Element.from_Z(number).symbol)
