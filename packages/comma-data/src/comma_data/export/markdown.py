"""What the cards of exported tables have in common."""

from collections.abc import Mapping, Sequence

from comma_data.export.columns import Column, Type, Vector

SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M"}
"""Rows below -> the category that Hugging Face gives it."""


def size_category(rows: int) -> str:
    """The category that Hugging Face gives a number of rows."""
    return next((name for most, name in SIZES.items() if rows < most), "n>1M")


def column_table(columns: Sequence[Column]) -> str:
    """The columns with their types and what they hold."""
    rows = [(f"`{c.name}`", f"`{_type(c.type)}`", c.about) for c in columns]
    return table(("column", "type", "what it holds"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """A name on one line that does not end the code or the cell it stands in, and starts no markup."""
    return " ".join(text.split()).translate({ord(c): "'" if c == "`" else "/" for c in "`|<>"})


def _type(kind: Type) -> str:
    if isinstance(kind, Vector):
        return f"{kind.dtype}[{kind.length}]"
    if isinstance(kind, list):
        return f"[{_type(kind[0])}]"
    return f"{{{', '.join(code(name) for name in kind)}}}" if isinstance(kind, Mapping) else kind
