"""Arrays in NumPy's own file format, from places that are not trusted."""

import io
from math import prod

import numpy as np


def read_array(data: bytes) -> np.ndarray:
    """The array of an npy file; what its header announces has to be there, and objects are refused.

    Raises:
        ValueError: It is no npy file of version 1 or 2, holds objects, or has another length.
    """
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = header(file)
    rest = memoryview(data)[file.tell() :]
    if dtype.hasobject or len(rest) != prod(shape) * dtype.itemsize:
        raise ValueError(f"an npy file of {dtype} {shape} with {len(rest)} bytes")
    return np.frombuffer(bytearray(rest), dtype).reshape(shape, order="F" if fortran else "C")
