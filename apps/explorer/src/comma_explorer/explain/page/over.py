"""Contributions over a micrograph and over a pattern."""

from collections.abc import Sequence

import numpy as np
from comma_data.pages.axes import label, ticks
from comma_data.pages.micrograph import picture as micrograph
from comma_data.pages.svg import drawing, element, text
from comma_data.sample import RawImage, RawPattern
from jaxtyping import Float
from markupsafe import Markup

from comma_explorer.explain.page.shade import Shade

WIDTH, HEIGHT, BASE = 440.0, 230.0, 190.0
"""Of the pattern, and where its axis is."""
MARGIN = 14.0
POINTS = 1200
"""At most this many of a pattern are drawn: in each stretch the highest."""


def heat(image: RawImage, extent: Float[np.ndarray, "parts 4"], shades: Sequence[Shade]) -> Markup:
    """The micrograph with its fields shaded; what lies outside of them the encoder does not see."""
    height, width = np.shape(image["pixels"])
    fields = [
        element(
            "rect",
            element("title", of.words),
            x=float(left),
            y=float(top),
            width=float(right - left),
            height=float(bottom - top),
            class_=f"part {of.sign}",
            style=of.style,
        )
        for (top, left, bottom, right), of in zip(extent, shades, strict=True)
    ]
    named = f"Contributions of {len(fields)} fields of the micrograph"
    above = drawing(fields, width=width, height=height, label=named, class_="heat")
    return Markup('<div class="over">{}{}</div>').format(micrograph(image), above)


def pattern(value: RawPattern, extent: Float[np.ndarray, "parts 2"], shades: Sequence[Shade]) -> Markup:
    """The pattern over shaded stretches; intensities as square roots, as the encoder takes them."""
    low, high = float(extent.min()), float(extent.max())
    angle, intensity = _drawn(np.asarray(value["two_theta"]), np.asarray(value["intensity"], dtype=float), low, high)

    def x(at: float) -> float:
        return MARGIN + (at - low) / max(high - low, 1e-9) * (WIDTH - 2 * MARGIN)

    stretches = [
        element(
            "rect",
            element("title", f"{left:.1f} to {right:.1f}°: {of.words}"),
            x=x(float(left)),
            y=4.0,
            width=x(float(right)) - x(float(left)),
            height=BASE - 4,
            class_=f"part {of.sign}",
            style=of.style,
        )
        for (left, right), of in zip(extent, shades, strict=True)
    ]
    root = np.sqrt(np.clip(intensity, 0, None))
    heights = BASE - root / max(float(root.max(initial=0.0)), 1e-12) * (BASE - 12)
    points = " ".join(f"{x(a):.1f},{h:.1f}" for a, h in zip(angle, heights, strict=True))
    marks = [text(label(tick), x(tick), BASE + 17) for tick in ticks(low, high, 6)]
    axis = element("line", x1=MARGIN, x2=WIDTH - MARGIN, y1=BASE, y2=BASE, class_="axis")
    title = text("2θ in degrees", WIDTH / 2, HEIGHT - 4, class_="title")
    line = element("polyline", points=points, class_="line")
    children = [*stretches, line, axis, *marks, title]
    named = f"Diffraction pattern from {low:.0f} to {high:.0f} degrees, stretches shaded by contribution"
    return drawing(children, width=WIDTH, height=HEIGHT, label=named, class_="plot pattern")


def _drawn(angle: np.ndarray, intensity: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The points between two angles, thinned."""
    inside = (angle >= low) & (angle <= high)
    angle, intensity = angle[inside], intensity[inside]
    if len(angle) <= POINTS:
        return angle, intensity
    kept = [part[intensity[part].argmax()] for part in np.array_split(np.arange(len(angle)), POINTS)]
    return angle[kept], intensity[kept]
