"""Settings as a manual: every key with its default and meaning, from the attribute docstrings."""

from typing import Any

from pydantic import TypeAdapter


def describe_settings(title: str, kind: Any) -> str:
    """A TOML section with each key's default, type and meaning as comments.

    Args:
        title: name of the section, empty for the top level.
        kind: a pydantic model or a dataclass with attribute docstrings.
    """
    schema = TypeAdapter(kind).json_schema()
    lines = [f"[{title}]"] if title else []
    for key, of in schema["properties"].items():
        if "$ref" in of or "allOf" in of:
            continue  # a section of its own
        required = key in schema.get("required", ())
        default = "required" if required else f"default {_toml(of.get('default'))}"
        lines += [f"# {of.get('description', '')}".replace("\n", "\n# "), f"# {key} = ...    ({default})"]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """A default as it would stand in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "{}"
    return repr(value).replace("'", '"')
