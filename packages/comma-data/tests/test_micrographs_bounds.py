"""Small files that declare, or unpack to, far more than they hold are refused before memory is given to them."""

import io
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import tifffile
from comma_data.micrographs.bounded import check_expands
from comma_data.micrographs.formats import read_frames
from comma_data.micrographs.frame import ImageError

UNPACKED = 2**27
ALLOWED = 2**24


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """A zlib stream of `UNPACKED` zeros."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(bytes(2**22)) for _ in range(UNPACKED // 2**22)) + deflate.flush()


def tiff(side: int, strip: bytes) -> bytes:
    """One deflated strip, whatever the tags declare."""
    tags = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (273, 0), (277, 1), (278, side), (279, len(strip))]
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", t, 4, 1, start if t == 273 else v) for t, v in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + strip


def hdf5(side: int, chunk: bytes) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        dataset = h5.create_dataset("image", (side, side), dtype=np.uint8, chunks=(side, side), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), chunk)
    return file.getvalue()


def peak(work) -> int:
    """Bytes that Python handed out at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refusal(name: str, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read_frames(name, data)
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("a.tif", lambda z: tiff(64, z), "bomb"),
        ("a.tif", lambda z: tiff(60_000, z), "too-many-pixels"),
        ("a.h5", lambda z: hdf5(64, z), "bomb"),
        ("a.h5", lambda z: hdf5(60_000, z), "too-many-pixels"),
        (
            "a.bmp",
            lambda _: b"BM" + struct.pack("<IHHIIiiHH6I", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
            "too-many-pixels",
        ),
    ],
)
def test_bombs_are_refused_in_little_memory(name, make, expected, zeros):
    data = make(zeros)
    assert refusal(name, data) == expected
    assert peak(lambda: refusal(name, data)) < ALLOWED + 4 * len(data)


def test_the_measure_notices_a_reader_that_unpacks_everything(zeros):
    data = tiff(64, zeros)

    def careless():
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            file.asarray()

    assert peak(careless) >= UNPACKED


@pytest.mark.parametrize("most", [2**27 - 1, 2**20, 0])
def test_expansion_is_counted_up_to_the_limit(most, zeros):
    check_expands([zeros], "deflate", most=UNPACKED)
    with pytest.raises(ImageError, match="unpack") as caught:
        check_expands([zeros], "deflate", most=most)
    assert caught.value.code == "bomb"


def test_many_small_segments_count_together():
    segment = zlib.compress(bytes(1000))
    check_expands([segment] * 10, "deflate", most=10_000)
    with pytest.raises(ImageError, match="unpack"):
        check_expands([segment] * 10, "deflate", most=9_999)


def test_damaged_segments_are_unreadable():
    with pytest.raises(ImageError) as caught:
        check_expands([b"no zlib stream"], "deflate", most=100)
    assert caught.value.code == "unreadable"
