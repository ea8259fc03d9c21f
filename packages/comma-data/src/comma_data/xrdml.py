"""Patterns in PANalytical's XRDML, versions 1.0 to 2.2 of the schema."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import numpy as np

from comma_data.patterns import PatternError, checked
from comma_data.sample import RawPattern

_LINES = {"K-Alpha 1": "kAlpha1", "K-Alpha 2": "kAlpha2", "K-Beta": "kBeta"}
"""What a measurement intended to use -> element that has the wavelength."""


def read_xrdml(text: str, *, wavelength: float | None = None) -> Iterator[RawPattern | PatternError]:
    """The scans of a file, in its order, each on its own; or what is wrong with one.

    Intensities are counts, multiplied by the attenuation where an attenuator stood in the beam. The wavelength is that
    of the line that the measurement intended to use; of `K-Alpha` the mean of both lines by their intensities.

    Args:
        text: The document.
        wavelength: Å, where the document has none.

    Raises:
        PatternError: Code `bad-xml`, `xml-entities` for a document type definition, which could declare entities that
            expand without end, or `no-scan`.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise PatternError("xml-entities", "has a document type definition, which no XRDML file needs; remove it")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a document type definition no entity can be declared
    except (ET.ParseError, ValueError) as error:
        raise PatternError("bad-xml", f"is no XML: {error}") from error
    scans = [(m, scan) for m in root.iterfind("{*}xrdMeasurement") for scan in m.iterfind("{*}scan")]
    if not scans:
        raise PatternError("no-scan", "has no scan")
    for measurement, scan in scans:
        try:
            counts = _counts(scan)
            stated = _wavelength(measurement)
            yield checked(_angles(scan, len(counts)), counts, stated if stated is not None else wavelength)
        except PatternError as error:
            yield error


def _angles(scan: ET.Element, points: int) -> np.ndarray:
    positions = scan.find("{*}dataPoints/{*}positions[@axis='2Theta']")
    if positions is None or positions.find("{*}commonPosition") is not None:
        raise PatternError("no-two-theta", "the scan does not move 2 theta")
    if (listed := _numbers(positions, "listPositions")) is not None:
        return listed
    first, last = _numbers(positions, "startPosition"), _numbers(positions, "endPosition")
    if first is None or last is None or first.size != 1 or last.size != 1:
        raise PatternError("no-two-theta", "the scan states no first and last angle")
    return np.linspace(first[0], last[0], points)


def _counts(scan: ET.Element) -> np.ndarray:
    points = scan.find("{*}dataPoints")
    if points is None:
        raise PatternError("no-data", "the scan has no data points")
    corrected = _numbers(points, "intensities")
    if corrected is not None:
        return corrected
    counts = _numbers(points, "counts")
    if counts is None:
        raise PatternError("no-data", "the scan has no counts")
    factors = _numbers(points, "beamAttenuationFactors")
    if factors is None:
        return counts
    if factors.size != counts.size:
        raise PatternError("different-lengths", f"{counts.size} counts and {factors.size} attenuation factors")
    return counts * factors


def _wavelength(measurement: ET.Element) -> float | None:
    used = measurement.find("{*}usedWavelength")
    if used is None:
        return None
    intended = used.get("intended", "K-Alpha 1")
    if intended == "K-Alpha":
        first, second = _number(used, "kAlpha1"), _number(used, "kAlpha2")
        ratio = _number(used, "ratioKAlpha2KAlpha1")
        if first is not None and second is not None and ratio is not None:
            return (first + ratio * second) / (1 + ratio)
    return _number(used, _LINES.get(intended, "kAlpha1"))


def _number(parent: ET.Element, name: str) -> float | None:
    found = _numbers(parent, name)
    return None if found is None or found.size != 1 else float(found[0])


def _numbers(parent: ET.Element, name: str) -> np.ndarray | None:
    """The numbers of a child element; None where there is no such child."""
    child = parent.find(f"{{*}}{name}")
    if child is None:
        return None
    try:
        return np.array([float(word) for word in (child.text or "").split()])
    except ValueError as error:
        raise PatternError("bad-number", f"{name}: {error}") from error
