"""The page about one sample: every value drawn, with where it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from pymatgen.core import Element

from comma_data.pages.drawing import MOST, picture
from comma_data.pages.elements import colour
from comma_data.pages.micrograph import picture as micrograph
from comma_data.pages.page import render, share
from comma_data.pages.plots import curve
from comma_data.protocol import Protocol
from comma_data.sample import RawImage, RawPattern, RawStructure, Sample


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of a modality, ready for the page."""

    svg: Markup | None
    facts: tuple[tuple[str, str], ...]
    """Name -> what is known, in words."""
    steps: tuple[str, ...] = ()
    amounts: tuple[tuple[str, float, str], ...] = ()
    """(element, share of the atoms from 0 to 1, colour), of a structure or a composition."""
    provenance: tuple[tuple[str, str], ...] = ()


def page(sample: Sample) -> str:
    """One HTML page about a sample; it works offline and holds no script."""
    known = [m for m in _MAKERS if sample.fields.get(m)]
    other = sorted(m for m, values in sample.fields.items() if values and m not in _MAKERS)
    values = {modality: _values(sample, modality) for modality in [*known, *other]}
    return render("show.html", sample=sample, values=values, headings=HEADINGS)


HEADINGS = {
    "structure": "Structure",
    "composition": "Composition",
    "text": "Protocols",
    "image": "Images",
    "xrd": "Diffraction patterns",
}
"""Modality -> heading; others stand under their own name."""


def _values(sample: Sample, modality: str) -> list[Value]:
    raw = sample.fields[modality]
    beside = sample.annotations.get(modality, (None,) * len(raw))
    known = sample.provenance.get(modality, ({},) * len(raw))
    make = _MAKERS.get(modality, _other)
    made = []
    for value, annotation, origin in zip(raw, beside, known, strict=True):
        fields = make(value, annotation)
        made.append(Value(**{"svg": None, "facts": (), **fields, "provenance": tuple(sorted(origin.items()))}))
    return made


def _structure(structure: RawStructure, _annotation: Any) -> dict[str, Any]:
    cell = np.asarray(structure["cell"], dtype=float)
    atoms = len(structure["numbers"])
    periodic = int(np.sum(structure["periodic"]))
    facts = [("atoms", f"{atoms:,}" + (f", {MOST} drawn" if atoms > MOST else "")), ("periodic", _PERIODIC[periodic])]
    if periodic == 3:
        volume = abs(float(np.linalg.det(cell)))
        facts += [*_lattice(cell), ("volume", f"{volume:.2f} Å³, {volume / atoms:.2f} Å³ per atom")]
    return {"svg": picture(structure), "facts": tuple(facts), "amounts": _amounts(_counted(structure))}


_PERIODIC = ("in no direction", "in one direction", "in two directions", "in three directions")


def _lattice(cell: np.ndarray) -> list[tuple[str, str]]:
    a, b, c = np.linalg.norm(cell, axis=1)
    unit = cell / np.linalg.norm(cell, axis=1, keepdims=True)
    angles = [np.degrees(np.arccos(np.clip(unit[i] @ unit[j], -1, 1))) for i, j in ((1, 2), (0, 2), (0, 1))]
    return [
        ("a, b, c", f"{a:.4f}, {b:.4f}, {c:.4f} Å"),
        ("α, β, γ", ", ".join(f"{angle:.2f}" for angle in angles) + "°"),
    ]


def _composition(composition: Mapping[str, float], _annotation: Any) -> dict[str, Any]:
    amounts = _amounts(composition)
    return {"facts": tuple((e, f"{composition[e]:g}") for e, _, _ in amounts), "amounts": amounts}


def _amounts(composition: Mapping[str, float]) -> tuple[tuple[str, float, str], ...]:
    """The most abundant first."""
    total = sum(composition.values()) or 1.0
    ordered = sorted(composition.items(), key=lambda item: (-item[1], item[0]))
    return tuple((element, amount / total, colour(element)) for element, amount in ordered)


def _counted(structure: RawStructure) -> dict[str, float]:
    numbers, counts = np.unique(structure["numbers"], return_counts=True)
    return {Element.from_Z(int(z)).symbol: int(n) for z, n in zip(numbers, counts, strict=True)}


def _text(steps: tuple[str, ...], annotation: Any) -> dict[str, Any]:
    if not isinstance(annotation, Protocol):
        return {"steps": steps}
    facts = [("target", annotation.target), ("method", annotation.method)]
    facts += [("precursors", ", ".join(annotation.precursors))] if annotation.precursors else []
    facts += (
        [("balanced amounts", ", ".join(f"{n:g} {m}" for m, n in annotation.amounts))] if annotation.amounts else []
    )
    return {"steps": steps, "facts": tuple(facts)}


def _image(image: RawImage, annotation: Any) -> dict[str, Any]:
    pixels = np.asarray(image["pixels"])
    height, width = pixels.shape
    scale = image["nm_per_pixel"]
    facts = [
        ("pixels", f"{width:,} × {height:,}, {pixels.dtype}"),
        ("scale", f"{scale:.5g} nm per pixel" if scale else "not known"),
    ]
    beside = annotation if isinstance(annotation, Mapping) else {}
    if beside.get("boxes") is not None:
        facts.append(("boxes", f"{len(beside['boxes']):,}"))
    if isinstance(beside.get("mask"), np.ndarray):
        facts.append(("classes of the mask", _classes(beside["mask"], beside.get("mask_classes"))))
    return {"svg": micrograph(image, annotation), "facts": tuple(facts)}


def _classes(mask: np.ndarray, names: Any) -> str:
    """`crack (2): 3.1 %, ...`; names are a mapping from number to name or from name to number, where known."""
    pairs = names.items() if isinstance(names, Mapping) else ()
    named = {str(a): str(b) for a, b in pairs} | {str(b): str(a) for a, b in pairs}
    values, counts = np.unique(mask, return_counts=True)
    told = [f"{named[str(v)]} ({v})" if str(v) in named else str(v) for v in values]
    return ", ".join(f"{name}: {share(int(n), mask.size)}" for name, n in zip(told, counts, strict=True))


def _pattern(pattern: RawPattern, _annotation: Any) -> dict[str, Any]:
    angles, intensity = np.asarray(pattern["two_theta"]), np.asarray(pattern["intensity"], dtype=float)
    facts = (
        ("wavelength", f"{pattern['wavelength']:.5g} Å"),
        ("range", f"{angles[0]:g} to {angles[-1]:g}°, {len(angles):,} points"),
    )
    return {"svg": curve(angles, intensity, name="Powder diffraction pattern", unit_x="2θ in degrees"), "facts": facts}


def _other(value: Any, _annotation: Any) -> dict[str, Any]:
    return {"facts": (("value", repr(value)[:2000]),)}


_MAKERS: Mapping[str, Callable[[Any, Any], dict[str, Any]]] = {
    "structure": _structure,
    "composition": _composition,
    "text": _text,
    "image": _image,
    "xrd": _pattern,
}
