"""What users have -> raw pattern: a two-column file or array, pymatgen's DiffractionPattern, a mapping."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from comma_encoders.errors import InputError, KindError
from comma_encoders.files import is_file, short

CU_K_ALPHA = 1.54184
"""Å, the weighted mean of Kα1 and Kα2 of copper: assumed where a value does not say."""
LINE_WIDTH = 0.1
"""Full width at half maximum, degrees, that lines without a profile are given."""
STEP = 0.02
"""Degrees between the points of such a profile."""


_SEMICOLON = re.compile(r"\s*[^\s;]+\s*;\s*[-+.\d]")


def _from_file(path: Path) -> dict[str, Any]:
    if not is_file(path):
        raise InputError(f"there is no pattern file {short(path)}")
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        table = _table(lines[_names(lines) :], "," if path.suffix.lower() == ".csv" else None)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} has to hold two columns, 2θ in degrees and intensity: {error}") from error
    if not len(table):
        raise InputError(f"{path} has to hold two columns, 2θ in degrees and intensity; it holds none")
    return _measured(table[:, 0], table[:, 1])


def _table(rows: list[str], delimiter: str | None) -> Float[np.ndarray, "p 2"]:
    """The first two columns; where a semicolon stands between numbers, a comma is their decimal sign."""
    if rows and _SEMICOLON.match(rows[0]):
        rows, delimiter = [row.replace(",", ".") for row in rows], ";"
    return np.loadtxt(rows, delimiter=delimiter, usecols=(0, 1), ndmin=2)


def _names(lines: list[str]) -> int:
    """1 where the first line names the columns, and others follow."""
    return int(len(lines) > 1 and (lines[0].lstrip()[:1].isalpha() or _no_numbers(lines[0])))


def _no_numbers(line: str) -> bool:
    """Whether a line has two cells or more, and neither of the first two is a number: `2theta;"counts"`."""
    cells = re.split(r"[,;]", line) if re.search(r"[,;]", line) else line.split()
    return len(cells) > 1 and not any(_is_number(cell.strip().strip("'\"")) for cell in cells[:2])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_array(table: np.ndarray) -> dict[str, Any]:
    if table.ndim != 2 or 2 not in table.shape or table.dtype.kind not in "uif":
        raise KindError(
            f"an array has to be (p, 2) or (2, p) of numbers, 2θ in degrees and intensity; got "
            f"{table.shape} of {table.dtype}"
        )
    angle, intensity = table.T if table.shape[1] == 2 else table
    return _measured(angle, intensity)


def _from_lines(angle: Any, height: Any, spacing: Any) -> dict[str, Any]:
    """Lines without a profile, as Gaussians: a straight line drawn from one to the next would be no pattern."""
    angle, height = np.asarray(angle, dtype=np.float64), np.asarray(height, dtype=np.float64)
    if not len(angle):
        raise InputError("a diffraction pattern without any line")
    grid = np.arange(max(angle[0] - 1, STEP), min(angle[-1] + 1, 180 - STEP), STEP)
    spread = LINE_WIDTH / (2 * np.sqrt(2 * np.log(2)))
    profile = np.exp(-0.5 * ((grid[:, None] - angle) / spread) ** 2) @ height
    return _measured(grid, profile, _wavelength(angle, spacing))


def _wavelength(angle: np.ndarray, spacing: Any) -> float:
    """Å, by Bragg's law from the distances between planes, Å, that stand beside the lines."""
    between = np.asarray([] if spacing is None else spacing, dtype=np.float64)
    if between.shape != angle.shape:
        return CU_K_ALPHA
    return float(np.median(2 * between * np.sin(np.radians(angle / 2))))


def _measured(angle: np.ndarray, intensity: np.ndarray, wavelength: float = CU_K_ALPHA) -> dict[str, Any]:
    return {"two_theta": angle, "intensity": intensity, "wavelength": wavelength}


def coerce(value: Any) -> dict[str, Any]:
    """A raw pattern from one, the path of a two-column file, an array of two columns, or pymatgen's DiffractionPattern.

    Copper radiation is assumed but for a raw pattern, which states its wavelength, and a DiffractionPattern, whose
    distances between planes tell it.

    Raises:
        InputError: none of these, or a file that cannot be read.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str | Path):
        return _from_file(Path(value))
    if isinstance(value, np.ndarray):
        return _from_array(value)
    if hasattr(value, "d_hkls") and hasattr(value, "x") and hasattr(value, "y"):
        return _from_lines(value.x, value.y, value.d_hkls)
    raise KindError(
        f"cannot make a pattern of {type(value).__name__}; give a path, an array (p, 2), pymatgen's "
        "DiffractionPattern, or a mapping with two_theta, intensity, wavelength"
    )


def example(rng: np.random.Generator) -> dict[str, Any]:
    """Ten random peaks between 10° and 90°."""
    angle = np.linspace(10, 90, 1601)
    peaks = rng.uniform(12, 88, 10)
    intensity = (rng.uniform(0.1, 1, 10) * np.exp(-(((angle[:, None] - peaks) / 0.15) ** 2))).sum(axis=1)
    return {"two_theta": angle, "intensity": intensity, "wavelength": CU_K_ALPHA}
