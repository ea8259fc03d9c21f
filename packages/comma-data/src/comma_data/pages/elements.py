"""The elements on paper: colours, radii and the periodic table."""

import colorsys
import math
from collections.abc import Mapping
from functools import lru_cache

from markupsafe import Markup
from pymatgen.core import Element

from comma_data.pages.svg import drawing, element, text

CUSTOMARY: Mapping[str, str] = {
    "H": "#f2f2f2", "C": "#5b5b5b", "N": "#3f62d6", "O": "#e0392b", "F": "#7ed957", "P": "#f28a1c",
    "S": "#f0d02e", "Cl": "#35b34a", "Br": "#9b3b22", "I": "#7b2fa5", "B": "#f2a7a0", "Si": "#d9b382",
    "Au": "#c9a227", "Ag": "#b9c1c9", "Cu": "#c87a3a", "Fe": "#c9602a", "Na": "#9a63e0", "K": "#7f45bf",
    "Li": "#b98af0", "Ca": "#4fa64a", "Mg": "#8cc63f", "Sr": "#1f9e6e", "Ba": "#0f7a3c", "Al": "#b8a6b5",
    "Ti": "#8fa3b8", "Zr": "#5fa8b8", "Zn": "#7a80b5", "Mn": "#a05ab4", "Co": "#e07a9a", "Ni": "#57b98a",
    "Cr": "#5f8fc9", "V": "#8a8f9a", "La": "#6cc7e8", "Pb": "#4a5568",
}  # fmt: skip
"""Element -> the hue that chemists expect, after Corey, Pauling and Koltun's models, and hues of common metals that are
told apart beside them."""

_LARGEST = 1.4
"""Å, for elements whose radius is not known."""


def colour(symbol: str) -> str:
    """`#rrggbb`; elements without a customary one get hues a golden angle apart, in three shades."""
    if symbol in CUSTOMARY:
        return CUSTOMARY[symbol]
    number = Element(symbol).Z
    hue = number * (math.sqrt(5) - 1) / 2 % 1
    red, green, blue = colorsys.hls_to_rgb(hue, (0.45, 0.58, 0.71)[number % 3], 0.45)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def ink(symbol: str) -> str:
    """Black or white, whichever is read better on the element's colour (ITU-R BT.601 luma)."""
    red, green, blue = (int(colour(symbol)[i : i + 2], 16) for i in (1, 3, 5))
    return "#000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#fff"


@lru_cache(maxsize=128)
def radius(symbol: str) -> float:
    """Atomic radius, Å (Slater 1964, as pymatgen holds it)."""
    return float(Element(symbol).atomic_radius or _LARGEST)


def periodic_table(counts: Mapping[str, int], whole: int) -> Markup:
    """The table, each element shaded by the squared logarithm of its count.

    Args:
        counts: Symbol -> number of samples.
        whole: Of how many.
    """
    most = math.log1p(max(counts.values(), default=1))
    cells = []
    for number in range(1, 104):
        symbol = Element.from_Z(number).symbol
        count = counts.get(symbol, 0)
        column, row = _place(number)
        strength = (math.log1p(count) / most) ** 2  # a square tells common elements apart
        x, y = 40.0 * (column - 1), 40.0 * (row - 1)
        title = element("title", f"{Element(symbol).long_name}: {count:,} of {whole:,}")
        square = element("rect", x=x + 1, y=y + 1, width=38, height=38, rx=3, class_="cell")
        shade = element("rect", x=x + 1, y=y + 1, width=38, height=38, rx=3, class_="shade", fill_opacity=strength)
        name = text(symbol, x + 20, y + 18, class_="symbol on" if strength > 0.68 else "symbol")
        told = text(_short(count), x + 20, y + 31, class_="count on" if strength > 0.68 else "count")
        cells.append(element("g", title, square, shade, name, *([told] if count else [])))
    return drawing(
        cells, width=720, height=382, label="Periodic table of the samples' elements", class_="table-of-elements"
    )


def _place(number: int) -> tuple[int, float]:
    """Column and row, from 1; the f block stands below."""
    found = Element.from_Z(number)
    if 57 <= number <= 71:
        return number - 57 + 4, 8.5
    if 89 <= number <= 103:
        return number - 89 + 4, 9.5
    return found.group, found.row


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
