"""Values -> one HTML file: every text is escaped, and what would not be seen is made visible."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
MARK = b'<meta name="generator" content="COMMA">'
"""In the head of every page, so that one of ours is told from one of the user's."""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters, marks that turn the direction of writing, characters of no width, halves of surrogate pairs."""
_AMOUNT = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")


def render(template: str, **values: Any) -> str:
    """The page that a template makes of these values."""
    return _environment().get_template(template).render(**values)


def may_write(page: Path) -> bool:
    """Whether nothing stands there, or a page of ours."""
    if not page.exists():
        return True
    with page.open("rb") as file:
        return MARK in file.read(1000)


def visible(value: Any) -> Any:
    """A value ready to be shown: what cannot be seen in a text is written as its code; markup of our own passes."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return value


def number(value: float) -> str:
    """Whole numbers with thousands, others with up to four digits that count."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def share(part: float, whole: float) -> str:
    """`12.3 %`; a part that is not nothing never reads 0."""
    percent = 100 * part / whole if whole else 0.0
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def formula(text: str) -> Markup:
    """A formula with its amounts as subscripts; anything else as it is."""
    parts = [visible(part) for part in _AMOUNT.split(text)]
    return Markup().join(Markup("<sub>{}</sub>").format(p) if i % 2 else p for i, p in enumerate(parts))


def doi(text: str) -> str:
    """Where a DOI leads; whatever the text is, it stays below doi.org."""
    return f"https://doi.org/{quote(visible(str(text)), safe='')}"


def words(name: str) -> str:
    """`texts-joined-by-entry` as `texts joined by entry`."""
    return name.replace("-", " ").replace("_", " ")


def environment(*folders: Path, **filters: Callable[..., Any]) -> Environment:
    """How all pages are made of templates: texts are escaped and made visible, and a name that nobody gave is an error.

    Args:
        folders: Where templates lie beside those of this package.
        filters: Name in templates -> function.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES], encoding="utf-8"),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    return made


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = environment(number=number, formula=formula, words=words, doi=doi)
    made.globals |= {"share": share}
    return made
