"""Arrays in one npz: whole or not at all, and never a pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write the arrays by name; a process that is killed meanwhile leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(values) for name, values in arrays.items()})
    part.replace(path)


def read(path: Path) -> dict[str, np.ndarray]:
    """Name -> array."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
