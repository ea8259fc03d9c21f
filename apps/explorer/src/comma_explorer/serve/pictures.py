"""Values as pictures: drawn here, so that a page needs no script to show them."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.pages import page as pages
from comma_data.pages.drawing import picture as structure
from comma_data.pages.micrograph import picture as micrograph
from comma_data.pages.plots import curve
from comma_data.pages.svg import element
from markupsafe import Markup

DRAWN = ("structure", "image", "xrd")
"""Modalities that are shown as pictures."""
SMALL = 700
"""Points of a pattern at most: in each stretch the highest."""


def drawn(modality: str, value: Any) -> Markup:
    """An SVG of a value.

    Raises:
        KeyError: the modality has no picture.
    """
    return _MAKERS[modality](value)


def document(modality: str, value: Any) -> bytes:
    """The SVG as a file of its own, with the colours of the pages in it."""
    inner = drawn(modality, value)
    style = element("style", Markup(_style()))  # noqa: S704 - a file of the package
    start, end = inner.index(">") + 1, inner.index(" ")
    opened = Markup('<svg xmlns="http://www.w3.org/2000/svg"') + Markup(inner[end:start])  # noqa: S704 - made above
    return f"{opened}{style}{inner[start:]}".encode()


def _pattern(value: Any) -> Markup:
    angle, intensity = np.asarray(value["two_theta"], dtype=float), np.asarray(value["intensity"], dtype=float)
    if len(angle) > SMALL:
        parts = np.array_split(np.arange(len(angle)), SMALL)
        kept = [part[intensity[part].argmax()] for part in parts]
        angle, intensity = angle[kept], intensity[kept]
    return curve(angle, intensity, name="Powder diffraction pattern", unit_x="2θ in degrees")


_MAKERS: Mapping[str, Callable[[Any], Markup]] = {"structure": structure, "image": micrograph, "xrd": _pattern}


@lru_cache(maxsize=1)
def _style() -> str:
    """The style sheet of the pages of comma-data, whose classes the pictures bear."""
    return (Path(pages.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8").replace("<", "")
