"""Measured powder patterns in CIF, by its powder dictionary (Toby, International Tables G, 2005, chapter 3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np

from comma_data.formulas import classify, reduced
from comma_data.patterns import MOST, PatternError, checked
from comma_data.sample import RawPattern

_ANGLES = ("_pd_proc_2theta_corrected", "_pd_meas_2theta_scan")
_RANGES = ("_pd_meas_2theta_range", "_pd_proc_2theta_range")
_INTENSITIES = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_proc_intensity_net",
)
_XRAYS = frozenset({"x-ray", "xray", "?", "."})


@dataclass(frozen=True, kw_only=True)
class PowderBlock:
    """The pattern of one data block."""

    name: str
    pattern: RawPattern
    formula: str | None
    """Reduced formula, where the block itself states one."""


def read_pdcif(text: str, *, wavelength: float | None = None) -> Iterator[PowderBlock | PatternError]:
    """The patterns of a CIF file, in its order; or what is wrong with one.

    Of several wavelengths the one with the greatest weight counts, or the first. It is looked for in the block, then
    in the others. Calculated patterns are not read.

    Args:
        text: The file.
        wavelength: Å, where the file has none.

    Raises:
        PatternError: Code `cif-syntax`, or `no-pattern` where no block has measured intensities.
    """
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise PatternError("cif-syntax", f"is no CIF: {str(error)[:200]}") from error
    blocks = [block for block in document if _first(block, _INTENSITIES)]
    if not blocks:
        raise PatternError("no-pattern", f"no data block has {_INTENSITIES[0]} or another measured intensity")
    for block in blocks:
        try:
            yield _block(block, [block, *document], wavelength)
        except PatternError as error:
            yield error


def _block(block: gemmi.cif.Block, anywhere: Sequence[gemmi.cif.Block], wavelength: float | None) -> PowderBlock:
    probe = _first(block, ("_diffrn_radiation_probe",))
    if probe and gemmi.cif.as_string(probe[0]).lower() not in _XRAYS:
        raise PatternError("not-x-ray", f"measured with {gemmi.cif.as_string(probe[0])[:40]!r}, not with X-rays")
    intensity = _numbers(_first(block, _INTENSITIES))
    stated = next((found for other in anywhere if (found := _wavelength(other)) is not None), wavelength)
    pattern = checked(_angles(block, intensity.size), intensity, stated)
    return PowderBlock(name=block.name, pattern=pattern, formula=_formula(block))


def _angles(block: gemmi.cif.Block, points: int) -> np.ndarray:
    if listed := _first(block, _ANGLES):
        return _numbers(listed)
    for name in _RANGES:
        ends = _numbers([v for end in ("_min", "_max") for v in _first(block, (name + end,))])
        if ends.size == 2 and 1 < points <= MOST:
            return np.linspace(ends[0], ends[1], points)
    raise PatternError("no-two-theta", f"has neither {_ANGLES[1]} nor {_RANGES[0]}_min and _max")


def _wavelength(block: gemmi.cif.Block) -> float | None:
    values = _numbers(_first(block, ("_diffrn_radiation_wavelength", "_diffrn_radiation_wavelength.value")))
    weights = _numbers(_first(block, ("_diffrn_radiation_wavelength_wt", "_diffrn_radiation_wavelength.wt")))
    known = np.isfinite(values)
    if not known.any():
        return None
    weighted = weights.size == values.size and np.isfinite(weights[known]).all()
    return float(values[known][np.argmax(weights[known])] if weighted else values[known][0])


def _formula(block: gemmi.cif.Block) -> str | None:
    stated = _first(block, ("_chemical_formula_sum",))
    amounts = classify(gemmi.cif.as_string(stated[0]).replace(" ", "")).amounts if stated else {}
    return reduced(amounts) if amounts else None


def _first(block: gemmi.cif.Block, names: Sequence[str]) -> list[str]:
    """The values of the first of these names that has any, as a loop or a pair, spelt with a dot or without."""
    for name in names:
        for spelt in (name, name.replace("_meas_", "_meas.", 1).replace("_proc_", "_proc.", 1)):
            if values := list(block.find_values(spelt)):
                return values
    return []


def _numbers(values: Sequence[str]) -> np.ndarray:
    """Numbers without their uncertainties; NaN for what is none."""
    return np.array([gemmi.cif.as_number(value) for value in values], dtype=np.float64)
