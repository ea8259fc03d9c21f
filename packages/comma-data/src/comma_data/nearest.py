"""The nearest of known names, for messages about an unknown one."""

import difflib
from collections.abc import Collection


def did_you_mean(word: str, known: Collection[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean 'max_atoms'?`, or nothing where no known name is near.

    Args:
        word: What was given.
        known: What would be valid.
        cutoff: Likeness from 0 (any name will do) to 1 (the same name), as `difflib` measures it.
    """
    near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""
