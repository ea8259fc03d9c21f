"""Sound images in every format that needs no extra reader, mutants of them, and files that unpack to gigabytes."""

import io
import random
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import mrcfile
import numpy as np
import tifffile
from PIL import Image

DECLARED = 60_000
"""Pixels each way of an image that is not there."""
UNPACKED = 2**30
"""Bytes of zeros in a file of about a megabyte."""


def sound_images() -> Mapping[str, bytes]:
    """Ending -> a file of 24 x 32 pixels of noise."""
    pixels = np.random.default_rng(19).integers(0, 2**16, (24, 32), dtype=np.uint16)
    plain = Image.fromarray((pixels >> 8).astype(np.uint8))
    return {
        "png": _saved(plain, "PNG"),
        "jpg": _saved(plain, "JPEG"),
        "bmp": _saved(plain, "BMP"),
        "plain.tif": tiff(pixels),
        "deflate.tif": tiff(pixels, compression="zlib", predictor=2),
        "tiles.tif": tiff(pixels, tile=(16, 16), metadata=None),
        "mrc": _mrc(pixels),
        "h5": _hdf5(pixels),
    }


def mutant(data: bytes, rng: random.Random) -> bytes:
    """The file with up to six bits or words changed, cut out or repeated, more often in its header than elsewhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(min(len(changed), 400) if rng.random() < 0.6 else len(changed))
        match rng.randrange(5):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place : place + 4] = rng.randbytes(4)
            case 2:
                changed[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
            case 3 if len(changed) > 128:
                del changed[place : place + rng.randint(1, 64)]
            case _:
                changed[place:place] = changed[place : place + rng.randint(1, 64)]
    return bytes(changed)


def bombs() -> Mapping[str, bytes]:
    """File name -> content, which declares or unpacks to gigabytes."""
    zeros = _zeros()
    return {
        "declared.png": _png(DECLARED, zeros),
        "declared.bmp": _bmp(DECLARED),
        "declared.tif": _tiff_of(DECLARED, zeros),
        "unpacked.tif": _tiff_of(64, zeros),
        "declared.mrc": _mrc(np.zeros((8, 8), dtype=np.float32), declared=DECLARED),
        "declared.h5": _hdf5_of(DECLARED, zeros),
        "unpacked.h5": _hdf5_of(64, zeros),
    }


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    """A TIFF file, written by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="minisblack", **options)
    return file.getvalue()


def _saved(image: Image.Image, name: str) -> bytes:
    file = io.BytesIO()
    image.save(file, format=name)
    return file.getvalue()


def _zeros() -> bytes:
    """A zlib stream of `UNPACKED` zeros, made piece by piece."""
    deflate = zlib.compressobj(9)
    piece = bytes(2**22)
    return b"".join(deflate.compress(piece) for _ in range(UNPACKED // len(piece))) + deflate.flush()


def _png(side: int, zeros: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zeros), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _bmp(side: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def _tiff_of(side: int, zeros: bytes) -> bytes:
    """One deflated strip that unpacks to `UNPACKED`, whatever the tags declare."""
    tags = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (273, 0), (277, 1), (278, side), (279, len(zeros))]
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", t, 4, 1, start if t == 273 else v) for t, v in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + zeros


def _mrc(pixels: np.ndarray, *, declared: int | None = None) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image.mrc"
        with mrcfile.new(path) as file:
            file.set_data(pixels)
            file.voxel_size = 0.5
        data = bytearray(path.read_bytes())
    if declared:
        data[:8] = struct.pack("<ii", declared, declared)
    return bytes(data)


def _hdf5(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5.create_dataset("image", data=pixels, chunks=(8, 16), compression="gzip")
    return file.getvalue()


def _hdf5_of(side: int, zeros: bytes) -> bytes:
    """One deflated chunk that unpacks to `UNPACKED`."""
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        dataset = h5.create_dataset("image", (side, side), dtype=np.uint8, chunks=(side, side), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zeros)
    return file.getvalue()
