"""matplotlib figures as inline SVG that takes its colours from the page and says in words what it shows."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
from comma_data.pages.page import visible
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE, PANEL, ACCENT, MUTED, WARN = (f"#0a0b{i:02x}" for i in range(7))
"""Stand-ins for colours of the page, exchanged for CSS variables once the figure is drawn."""
SERIES = tuple(f"#0a0c{i:02x}" for i in range(6))
"""Stand-ins for colours that tell lines apart; light and dark variants are in the style sheet (Okabe and Ito 2008)."""
MARKS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
"""So that nobody has to tell lines by their colour."""

_VARIABLES = {
    **dict(zip((INK, SOFT, LINE, PANEL, ACCENT, MUTED, WARN),
               ("ink", "soft", "line", "panel", "accent", "muted", "warn"), strict=True)),
    **{stand_in: f"s{i}" for i, stand_in in enumerate(SERIES)},
}  # fmt: skip
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are no formulas
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""The same content gives the same bytes."""
WIDTH = 4.4
"""Inches: about as wide as a telephone, so that letters keep their size there."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure on a page."""

    heading: str
    svg: Markup
    note: str = ""
    """Below the figure."""


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Axes]]:
    """An empty figure in the style of the page; sizes in inches."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # a font without some character only mars the measured width: the browser has others
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def to_svg(figure: Figure, title: str, description: str) -> Markup:
    """The figure as an element of a page, called by `canvas`'s block.

    Args:
        figure: drawn with the stand-ins for colours.
        title: what a screen reader says first, and what is shown where the mouse rests.
        description: what can be read off the figure, in words.
    """
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title}):
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    text = re.sub(r"<metadata>.*?</metadata>", "", file.getvalue(), flags=re.DOTALL)
    opening = re.search(r"<svg[^>]*?viewBox=\"([^\"]+)\"[^>]*>", text)
    if opening is None:
        raise ValueError("matplotlib wrote an SVG of another kind")
    inner = _without_idle_ids(_coloured(text[opening.end() : text.rindex("</svg>")]))
    head = Markup('<svg class="figure" viewBox="{}" role="img" aria-label="{}"><title>{}</title>').format(
        opening[1], said(f"{title}. {description}"), said(title)
    )
    return head + Markup(inner) + Markup("</svg>")  # noqa: S704  matplotlib escapes every text that it writes


def said(text: str) -> str:
    """A text with everything made visible that is not."""
    return str(visible(text))


def shortened(text: str, most: int = 30) -> str:
    """A name as an axis has room for it."""
    text = said(" ".join(text.split()))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _coloured(text: str) -> str:
    """Stand-ins replaced; fonts are those of the page; a style of its own would hold for all of the page."""
    for stand_in, name in _VARIABLES.items():
        text = text.replace(stand_in, f"var(--{name})")
    text = re.sub(r"<style .*?</style>", "", text, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text.replace("font-family: 'DejaVu Sans', sans-serif; ", ""))


def _without_idle_ids(text: str) -> str:
    """Several figures share a page: ids that nothing refers to would stand there twice."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    return re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
