"""What is encoded, and by what."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from comma_encoders.modalities.structure.config import PRESETS, Config

FLAT = PRESETS["base"]
KINDS: Mapping[str, Config] = {"flat": FLAT, "regions of 8 Å": replace(FLAT, region=8.0, far=20.0)}

Size = tuple[int, int, int]
"""A supercell of a cube with 8 atoms."""


def rock_salt(cells: Size, jitter: float = 0.1, seed: int = 0) -> dict[str, np.ndarray]:
    """A supercell of sodium chloride, every atom moved by about `jitter` Å."""
    grid = np.array(list(np.ndindex(*(2 * n for n in cells))))
    positions = 2.82 * grid + np.random.default_rng(seed).normal(0, jitter, grid.shape)
    return {
        "numbers": np.where(grid.sum(axis=1) % 2, 17, 11),
        "positions": positions,
        "cell": np.diag(5.64 * np.array(cells, dtype=float)),
        "periodic": np.ones(3, dtype=bool),
    }
