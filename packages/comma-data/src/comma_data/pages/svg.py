"""Elements of inline SVG; attributes and texts are escaped."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from comma_data.pages.page import visible


def element(name: str, *children: str, **attributes: Any) -> Markup:
    """`<name attribute="...">children</name>`; of an attribute's name `class_` means `class`, `text_anchor` a hyphen.

    Children that are not markup are texts.
    """
    given = Markup().join(
        Markup(' {}="{}"').format(_name(key), visible(_value(value)))
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup().join(visible(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, given, inner)


def drawing(children: Iterable[str], *, width: float, height: float, label: str, class_: str = "plot") -> Markup:
    """A whole figure that takes the width it is given; `label` is what a screen reader says."""
    box = f"0 0 {_value(width)} {_value(height)}"
    return element("svg", *children, viewBox=box, role="img", aria_label=label, class_=class_)


def text(content: str, x: float, y: float, anchor: str = "middle", class_: str | None = None) -> Markup:
    """A line of text."""
    return element("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def _name(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def _value(value: Any) -> Any:
    """Coordinates to a hundredth: enough for a screen, and the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
