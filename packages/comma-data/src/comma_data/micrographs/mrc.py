"""MRC images and short stacks, through mrcfile."""

import io

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from mrcfile.mrcinterpreter import MrcInterpreter
from mrcfile.utils import data_dtype_from_header

from comma_data.micrographs.frame import Frame, ImageError, check_count, check_size, in_order
from comma_data.micrographs.grey import grey
from comma_data.micrographs.units import square, to_nm

_STAMPS = {0x44: "<", 0x11: ">"}
"""First byte of the machine stamp -> byte order (MRC2014 format, word 54)."""


def read_mrc(data: bytes) -> tuple[Frame, ...]:
    """The images of a file; the scale is the cell's size over its sampling, in Å (MRC2014 format, words 8 to 13).

    Raises:
        ImageError: `unreadable`, `truncated`, `too-many-pixels`, `stack-too-long`, `complex`.
    """
    header = _header(data)
    sections = int(header["nz"])
    check_count(sections)
    check_size((int(header["ny"]), int(header["nx"])))
    _check_length(header, len(data))
    stack = MrcInterpreter(iostream=io.BytesIO(data)).data
    scale = square(_nm(header, "x"), _nm(header, "y"))
    images = stack.reshape(sections, *stack.shape[-2:])
    return in_order(Frame(pixels=grey(image), nm_per_pixel=scale) for image in images)


def _header(data: bytes) -> np.record:
    if len(data) < HEADER_DTYPE.itemsize or data[208:211] != b"MAP":
        raise ImageError("unreadable", "no MRC file: the word MAP is missing from its header")
    order = _STAMPS.get(data[212], "<")
    return np.frombuffer(data, HEADER_DTYPE.newbyteorder(order), count=1).view(np.recarray)[0]


def _check_length(header: np.record, given: int) -> None:
    """Compare with what is there, as mrcfile makes room for what is declared before it looks."""
    try:
        itemsize = data_dtype_from_header(header).itemsize
    except ValueError as error:
        raise ImageError("unreadable", str(error)) from error
    values = int(header["nx"]) * int(header["ny"]) * int(header["nz"])
    if int(header["mode"]) == 101:  # two values share a byte
        values = (int(header["nx"]) + 1) // 2 * int(header["ny"]) * int(header["nz"])
    needed = HEADER_DTYPE.itemsize + int(header["nsymbt"]) + values * itemsize
    if int(header["nsymbt"]) < 0 or needed > given:
        raise ImageError("truncated", f"{given} bytes, where the header declares {needed}; fetch the file again")


def _nm(header: np.record, axis: str) -> float | None:
    sampling = int(header[f"m{axis}"])
    return to_nm(float(header["cella"][axis]) / sampling, "Å") if sampling > 0 else None
