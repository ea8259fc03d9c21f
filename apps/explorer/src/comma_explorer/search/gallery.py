"""The vectors of one modality, and the ways to search them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from comma_explorer.search import manifest, quantised, reading
from comma_explorer.search.exact import Nearest, Vectors, brute_force
from comma_explorer.search.quantised import Codes

FEW = 20_000
"""Vectors that are compared one by one sooner than by their codes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gallery:
    """What is searched."""

    vectors: Vectors
    """float32, unit length, memory-mapped."""
    rows: Int[np.ndarray, " found"]
    """Row of the vector for each place where a value stands, rising."""
    start: int
    """Where these places begin in the table of places."""
    lists: Any = None
    """`approximate.Lists`, open from the beginning, so that they stay those of these vectors when the index is built
    again meanwhile; None where there are none."""
    codes: Codes | None = None

    def nearest(
        self, query: Float[np.ndarray, " dim"], k: int, allowed: Bool[np.ndarray, " n"] | None, *, exact: bool
    ) -> Nearest:
        """The k nearest values, best first; under a condition always exactly, so that none is lost."""
        k = min(k, len(self.vectors) if allowed is None else int(allowed.sum()))
        if k == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        if self.lists is not None and allowed is None and not exact:
            found = self._probed(query, k)
            if len(found[0]) == k:
                return found
        if self.codes is None or (allowed is not None and allowed.sum() <= FEW):
            return brute_force(self.vectors, query, k, allowed)
        return quantised.nearest(self.vectors, self.codes, query, k, allowed)

    def _probed(self, query: np.ndarray, k: int) -> Nearest:
        from comma_explorer.search import approximate  # noqa: PLC0415 - faiss, only where there are lists

        return approximate.nearest(self.vectors, self.lists, query, k)


def names(modality: str) -> dict[str, str]:
    """Part -> its file's name."""
    parts = {part: f"{modality}.{part}.npy" for part in ("codes", "bounds", "axes")}
    return {"vectors": f"{modality}.npy", **parts, "lists": f"{modality}.faiss"}


def opened(folder: Path, modality: str, told: manifest.Modality, rows: np.ndarray, start: int) -> Gallery:
    """The gallery of a modality from the files of an index.

    Args:
        folder: Of the index.
        modality: Its name.
        told: What the manifest says of it.
        rows: Row of the vector for each of its places, rising.
        start: Where these begin.

    Raises:
        DamagedIndexError: A file cannot be read.
    """
    files = {part: folder / name for part, name in names(modality).items()}
    codes = None
    if told.prefix is not None:
        codes = Codes(**{part: reading.array(files[part]) for part in ("codes", "bounds", "axes")})
    return Gallery(
        vectors=reading.array(files["vectors"]),
        rows=rows,
        start=start,
        codes=codes,
        lists=None if told.approximate is None else _lists(files["lists"], told.approximate),
    )


def _lists(path: Path, near: manifest.Approximate) -> Any:
    from comma_explorer.search import approximate  # noqa: PLC0415 - faiss, only where there are lists

    return approximate.Lists(
        index=approximate.opened(path),
        number=near.lists,
        probes=near.probes,
        candidates=near.candidates,
        recall=near.recall,
    )
