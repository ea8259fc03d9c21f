"""What the name of an image file says: class, material, frame, number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from comma_data.errors import ConfigError
from comma_data.formulas import classify, reduced
from comma_data.micrographs.frame import ImageError

GROUPS = ("label", "formula", "frame", "index", "entry")
"""Groups that a pattern may name."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of an image beside its pixels."""

    label: str | None = None
    """Class."""
    formula: str | None = None
    """As it is written."""
    frame: str | None = None
    """The picture, foil or sample that it belongs to."""
    index: int | None = None
    """Its number in the order in which images were taken or cut out."""
    entry: str | None = None
    """Key of the structure that it shows."""
    nm_per_pixel: float | None = None
    targets: Mapping[str, float | str] = field(default_factory=dict)


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern of a build.

    Raises:
        ConfigError: It is no regular expression, or names a group that means nothing here.
    """
    if pattern is None:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"micrographs.pattern {pattern!r}: no regular expression ({error})") from error
    strange = sorted(set(expression.groupindex) - set(GROUPS))
    if strange:
        raise ConfigError(f"micrographs.pattern: unknown group {', '.join(strange)}; groups are {', '.join(GROUPS)}")
    return expression


def from_name(path: str, pattern: re.Pattern[str] | None, *, folders: bool) -> Known:
    """What a path says.

    Args:
        path: Inside the folder or archive.
        pattern: Searched in the path without its ending.
        folders: The folder's name is the class, where the pattern finds none.

    Raises:
        ImageError: `name-not-understood` where the pattern does not occur.
    """
    label = PurePosixPath(path).parent.name or None if folders else None
    if pattern is None:
        return Known(label=label)
    match = pattern.search(str(PurePosixPath(path).with_suffix("")))
    if match is None:
        raise ImageError("name-not-understood", f"the name does not contain the pattern {pattern.pattern!r}")
    found = {name: match[name] for name in pattern.groupindex}
    number = found.get("index")
    if number is not None and not number.isdecimal():
        raise ImageError("name-not-understood", f"index {number!r} is no whole number")
    return Known(
        label=found.get("label") or label,
        formula=found.get("formula"),
        frame=found.get("frame"),
        index=int(number) if number is not None else None,
        entry=found.get("entry"),
    )


def reduced_formula(text: str | None) -> str | None:
    """The reduced formula of what a name, a row or the build states.

    Raises:
        ImageError: `bad-formula` where it has no fixed amounts.
    """
    if not text:
        return None
    amounts = classify(text).amounts
    if not amounts:
        raise ImageError("bad-formula", f"{text!r} is no formula with fixed amounts; correct it, or use `rename`")
    return reduced(amounts)
