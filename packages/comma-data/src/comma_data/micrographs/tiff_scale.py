"""Nanometres per pixel of a TIFF file, from the tags of microscopes and programs; the most specific one that is there.

What each tag means: FEI 34680/34682 `Scan.PixelWidth` in m; Zeiss 34118 `ap_image_pixel_size` with its unit; Olympus
SIS 33560 `pixelsizex` in m; Gatan DigitalMicrograph 65003/65004 units and 65009/65010 scales; ImageJ `unit` in the
description, resolution tags in pixels per unit; OME-XML `PhysicalSizeX` with its unit, µm where none is given.
"""

import re
from collections.abc import Callable, Sequence

from tifffile import TiffFile, TiffPage

from comma_data.micrographs.raster import FINEST_PRINT
from comma_data.micrographs.units import square, to_nm

_OME = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_PHYSICAL = re.compile(r"\bPhysicalSize([XY])(Unit)?\s*=\s*[\"']([^\"']*)[\"']")
_ZEISS = ("ap_image_pixel_size", "ap_pixel_size")
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
_PRINT_UNITS = ("inch", "in", "cm")


def scale(tiff: TiffFile, page: TiffPage) -> float | None:
    """Nanometres per pixel, None where no tag says it.

    Resolutions per inch or cm, plain or of ImageJ, count only where they are finer than any printer's, since most
    programs write 72 or 300 dots per inch into whatever they save, and ImageJ takes these over.
    """
    found = (reader(tiff, page) for reader in _READERS)
    return next((nm for nm in found if nm is not None), None)


def _fei(tiff: TiffFile, _page: TiffPage) -> float | None:
    scan = (tiff.fei_metadata or {}).get("Scan", {})
    return square(to_nm(scan.get("PixelWidth"), "m"), to_nm(scan.get("PixelHeight"), "m"))


def _zeiss(tiff: TiffFile, _page: TiffPage) -> float | None:
    values = tiff.sem_metadata or {}
    entry = next((values[name] for name in _ZEISS if name in values), None)
    return to_nm(entry[1], str(entry[2])) if isinstance(entry, Sequence) and len(entry) > 2 else None


def _olympus(_tiff: TiffFile, page: TiffPage) -> float | None:
    values = _tag(page, 33560)
    if not isinstance(values, dict):
        return None
    return square(to_nm(values.get("pixelsizex"), "m"), to_nm(values.get("pixelsizey"), "m"))


def _gatan(_tiff: TiffFile, page: TiffPage) -> float | None:
    units, scales = (_tag(page, 65003), _tag(page, 65004)), (_tag(page, 65009), _tag(page, 65010))
    x, y = (to_nm(value, str(unit)) for value, unit in zip(scales, units, strict=True))
    return square(x, y)


def _imagej(tiff: TiffFile, page: TiffPage) -> float | None:
    unit = str((tiff.imagej_metadata or {}).get("unit", ""))
    x, y = (_pixel(page, name) for name in ("XResolution", "YResolution"))
    nm = square(to_nm(x, unit), to_nm(y, unit))
    return _finer_than_print(nm) if unit.strip().lower() in _PRINT_UNITS else nm


def _ome(tiff: TiffFile, _page: TiffPage) -> float | None:
    pixels = _OME.search(tiff.ome_metadata or "")
    if pixels is None:
        return None
    values = {axis + unit: value for axis, unit, value in _PHYSICAL.findall(pixels[0])}
    x, y = (to_nm(values.get(axis), values.get(f"{axis}Unit", "µm")) for axis in "XY")
    return square(x, y)


def _resolution(_tiff: TiffFile, page: TiffPage) -> float | None:
    unit = next((name for number, name in _RESOLUTION_UNITS.items() if number == _tag(page, 296)), "")
    x, y = (to_nm(_pixel(page, name), unit) for name in ("XResolution", "YResolution"))
    return _finer_than_print(square(x, y))


_READERS: tuple[Callable[[TiffFile, TiffPage], float | None], ...] = (
    _fei,
    _zeiss,
    _olympus,
    _gatan,
    _imagej,
    _ome,
    _resolution,
)


def _finer_than_print(nm: float | None) -> float | None:
    return nm if nm is not None and nm < FINEST_PRINT else None


def _tag(page: TiffPage, tag: int | str) -> object:
    return page.tags[tag].value if tag in page.tags else None


def _pixel(page: TiffPage, name: str) -> float | None:
    """Units per pixel of a resolution tag, which is a fraction of pixels per unit."""
    value = _tag(page, name)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])
