"""An explanation -> HTML; every text from data is escaped, and the page asks for nothing."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from comma_data.pages.page import environment
from jinja2 import Environment
from markupsafe import Markup

from comma_explorer.explain.explanation import Explained, Explanation
from comma_explorer.explain.page import crystal, over
from comma_explorer.explain.page.curves import curve
from comma_explorer.explain.page.shade import Shade, shade, shades, signed

TEMPLATES = Path(__file__).parent / "templates"
SHOWN = 12
"""Parts that are listed beside a picture."""
HEADINGS = {
    "structure": "Structure",
    "text": "Protocol",
    "image": "Micrograph",
    "xrd": "Diffraction pattern",
    "composition": "Composition",
}
"""Modality -> heading; others stand under their own name."""


_LEFT_OUT = (
    "an atom becomes a vacancy, a word was not written, a stretch of the pattern was not measured, a field of the "
    "picture has its mean, the other elements keep their proportions"
)
HOW: Mapping[str, str] = MappingProxyType(
    {
        "occlusion": (
            f"Method: occlusion. A contribution is what the similarity loses without the part: {_LEFT_OUT}. For atoms "
            "it is the mean of that and of what is lost when the atom becomes another species of its crystal."
        ),
        "removal": f"Method: removal. A contribution is what the similarity loses without the part: {_LEFT_OUT}.",
        "swapping": (
            "Method: swapping. A contribution is what the similarity loses when an atom becomes another species of its "
            "crystal: the mean over all others. Parts that are no atoms are left out."
        ),
        "masking": (
            "Method: masking. A contribution is what the similarity loses when the part stays where it is, and nobody "
            "knows what it is: the mean of all species, of all symbols, no peaks, the mean of the picture."
        ),
        "gradients": (
            "Method: integrated gradients from a value of which all parts are masked. Contributions add up to the "
            "similarity less that of the masked value."
        ),
    }
)
"""Method -> what a contribution means."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line of a list of contributions."""

    label: str
    shade: Shade


@dataclass(frozen=True, kw_only=True)
class Step:
    """The words of one step, and what it contributes as a whole."""

    words: tuple[tuple[str, Shade], ...]
    total: Shade


@dataclass(frozen=True, kw_only=True)
class View:
    """One side as the template shows it."""

    heading: str
    name: str
    notes: tuple[str, ...]
    picture: Markup | None
    turns: bool
    """Whether the picture can be turned."""
    drawn: str
    """What is left out of it; empty where nothing is."""
    steps: tuple[Step, ...]
    groups: tuple[Bar, ...]
    grouped: str
    parts: tuple[Bar, ...]
    """Those that contribute most, by size."""
    count: int
    largest: str
    curve: Markup | None
    untrained: str
    baseline: str | None
    gap: str | None


def page(explanation: Explanation) -> str:
    """One self-contained page; the same explanation gives the same bytes."""
    policy = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    return _environment().get_template("page.html").render(body=fragment(explanation), script=SCRIPT, policy=policy)


def fragment(explanation: Explanation) -> Markup:
    """The explanation as part of a page that has `STYLE`, the style sheet of comma-data's pages, and `SCRIPT`."""
    views = [_view(found) for found in explanation.sides]
    made = (
        _environment()
        .get_template("fragment.html")
        .render(explanation=explanation, views=views, how=HOW[explanation.method])
    )
    return Markup(made)  # noqa: S704  the template escapes what it is given


SCRIPT = (TEMPLATES / "turn.js").read_text(encoding="utf-8")
"""Turns crystals by pointer and keyboard; a page may run it under a policy that names its hash."""
STYLE = (TEMPLATES / "explanation.css").read_text(encoding="utf-8")


def _structure(found: Explained, of: list[Shade]) -> dict[str, Any]:
    values = found.attribution.values
    some, every = len(crystal.drawn(values)), len(values)
    told = f"{some} of {every} atoms drawn, those that contribute most, and no bonds." if some < every else ""
    return {"picture": crystal.picture(found.given.value, of, values), "turns": True, "drawn": told}


def _text(found: Explained, of: list[Shade]) -> dict[str, Any]:
    totals = found.attribution.groups
    largest = max((abs(total) for total in totals.values()), default=0.0)
    words: dict[str, list[tuple[str, Shade]]] = {}
    for label, group, each in zip(found.labels, found.groups, of, strict=True):
        words.setdefault(group, []).append((label, each))
    return {"steps": tuple(Step(words=tuple(w), total=shade(totals[g], largest)) for g, w in words.items())}


def _image(found: Explained, of: list[Shade]) -> dict[str, Any]:
    return {"picture": over.heat(found.given.value, _extent(found), of)}


def _pattern(found: Explained, of: list[Shade]) -> dict[str, Any]:
    return {"picture": over.pattern(found.given.value, _extent(found), of)}


def _bars_only(_found: Explained, _of: list[Shade]) -> dict[str, Any]:
    return {}


def _extent(found: Explained) -> np.ndarray:
    if found.extent is None:
        raise ValueError(f"parts of {found.given.modality} have no place in the value")
    return found.extent


_DRAWN: Mapping[str, Callable[[Explained, list[Shade]], dict[str, Any]]] = MappingProxyType(
    {"structure": _structure, "text": _text, "image": _image, "xrd": _pattern}
)
"""Modality -> how its values are shown; others by bars alone."""


def _view(found: Explained) -> View:
    values = found.attribution.values
    of = shades(values)
    largest = sorted(range(len(values)), key=lambda i: -abs(values[i]))[:SHOWN]
    groups = found.attribution.groups
    top = max((abs(v) for v in groups.values()), default=0.0)
    bars = tuple(Bar(label=_named(found.grouped, g), shade=shade(v, top)) for g, v in groups.items())
    fields: dict[str, Any] = {"picture": None, "turns": False, "drawn": "", "steps": ()}
    return View(
        **{**fields, **_DRAWN.get(found.given.modality, _bars_only)(found, of)},
        heading=HEADINGS.get(found.given.modality, found.given.modality),
        name=found.given.name,
        notes=found.notes,
        groups=bars,
        grouped=found.grouped,
        parts=tuple(Bar(label=_part(found, i), shade=of[i]) for i in largest),
        count=len(values),
        largest=f"{float(np.abs(values).max(initial=0.0)):.3f}",
        curve=None if found.deletion is None else curve(found.deletion, found.given.modality),
        untrained=correlations(found.untrained),
        baseline=None if found.attribution.baseline is None else signed(found.attribution.baseline),
        gap=None if found.attribution.gap is None else signed(found.attribution.gap),
    )


def _named(grouped: str, group: str) -> str:
    return group if grouped == "species" else f"{grouped} {group}"


def _part(found: Explained, place: int) -> str:
    """A part as a list names it: an atom by its number too, a word by its step."""
    label = found.labels[place]
    if found.given.modality == "structure":
        return f"{label}, atom {place + 1}"
    return f"{label} ({found.grouped} {found.groups[place]})" if found.groups else label


def correlations(found: tuple[float | None, ...]) -> str:
    """`+0.12, -0.05, not defined`, with the reason where none is defined."""
    if all(value is None for value in found):
        return "not defined, since fewer than three sizes differ"
    return ", ".join("not defined" if value is None else f"{value:+.2f}".replace("-", "\u2212") for value in found)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(TEMPLATES, signed=signed)
