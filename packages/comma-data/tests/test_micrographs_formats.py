"""What other programs write is read in its own depth, with its own scale, or refused with a code."""

import contextlib
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from comma_data.micrographs.formats import ENDINGS, read_frames
from comma_data.micrographs.frame import MAX_FRAMES, Frame, ImageError
from comma_data.micrographs.grey import grey
from comma_data.micrographs.units import square, to_nm
from comma_data.pool import TooSlowError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

NM = 0.1234
SEED = np.random.default_rng(7)


def noise(dtype: str, shape: tuple[int, ...] = (12, 17)) -> np.ndarray:
    if np.dtype(dtype).kind == "f":
        return SEED.normal(size=shape).astype(dtype)
    info = np.iinfo(dtype)
    return SEED.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def tiff(*pages: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **{k: options.pop(k) for k in ("imagej", "ome", "byteorder") if k in options}) as to:
        for page in pages:
            to.write(page, **{"photometric": "minisblack", **options})
    return file.getvalue()


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mrc(tmp_path: Path, data: np.ndarray, *, nm: float = NM) -> bytes:
    path = tmp_path / "x.mrc"
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data)
        file.voxel_size = nm * 10
    return path.read_bytes()


def hdf5(fill) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        fill(h5)
    return file.getvalue()


def only(name: str, data: bytes) -> Frame:
    (frame,) = read_frames(name, data)
    return frame


def code(name: str, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read_frames(name, data)
    return caught.value.code


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (16, 16)},
        {"compression": "lzma"},
        {"rowsperstrip": 5},
    ],
    ids=str,
)
def test_tiff_comes_back_to_the_bit(dtype, options):
    pixels = noise(dtype)
    frame = only("a.tif", tiff(pixels, **options))
    assert frame.pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_tiff_that_pillow_compressed(compression, dtype):
    pixels = noise(dtype)
    frame = only("a.tif", saved(Image.fromarray(pixels), "TIFF", compression=compression))
    assert frame.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(frame.pixels, pixels)


def test_jpeg_inside_tiff():
    pixels = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
    frame = only("a.tif", saved(Image.fromarray(pixels), "TIFF", compression="jpeg"))
    np.testing.assert_allclose(frame.pixels.astype(int), pixels, atol=6)


@pytest.mark.parametrize(
    ("data", "nm"),
    [
        (lambda p: tiff(p, resolution=(1e7 / NM, 1e7 / NM), resolutionunit="CENTIMETER"), NM),
        (lambda p: tiff(p, resolution=(2.54e5 / NM, 2.54e5 / NM), resolutionunit="INCH"), 100 * NM),
        (lambda p: tiff(p, imagej=True, resolution=(1 / NM, 1 / NM), metadata={"unit": "nm"}), NM),
        (lambda p: tiff(p, imagej=True, resolution=(1e3 / NM, 1e3 / NM), metadata={"unit": "um"}), NM),
        (lambda p: tiff(p, imagej=True, resolution=(10, 10), metadata={"unit": "pixel"}), None),
        (lambda p: tiff(p, imagej=True, resolution=(300, 300), metadata={"unit": "inch"}), None),
        (lambda p: tiff(p, imagej=True, resolution=(118, 118), metadata={"unit": "cm"}), None),
        (lambda p: tiff(p, imagej=True, resolution=(1e7 / NM, 1e7 / NM), metadata={"unit": "cm"}), NM),
        (lambda p: tiff(p, imagej=True, resolution=(0.5, 0.5), metadata={"unit": "um"}), 2000.0),
        (
            lambda p: tiff(
                p,
                ome=True,
                metadata={"axes": "YX", "PhysicalSizeX": NM / 1e3, "PhysicalSizeY": NM / 1e3},
            ),
            NM,
        ),
        (
            lambda p: tiff(
                p,
                ome=True,
                metadata={
                    "PhysicalSizeX": NM,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": NM * 2,
                    "PhysicalSizeYUnit": "nm",
                },
            ),
            None,
        ),
        (
            lambda p: tiff(p, extratags=[(34682, 2, None, f"[Scan]\nPixelWidth={NM}e-9\nPixelHeight={NM}e-9\n", True)]),
            NM,
        ),
        (
            lambda p: tiff(
                p, extratags=[(34118, 2, None, f"\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {NM} nm\r\n", True)]
            ),
            NM,
        ),
        (
            lambda p: tiff(
                p,
                extratags=[
                    (65003, 2, None, "nm", True),
                    (65004, 2, None, "nm", True),
                    (65009, 12, 1, NM, True),
                    (65010, 12, 1, NM, True),
                ],
            ),
            NM,
        ),
        (lambda p: tiff(p, resolution=(300, 300), resolutionunit="INCH"), None),
        (tiff, None),
    ],
    ids=[
        "cm",
        "inch",
        "imagej-nm",
        "imagej-um",
        "imagej-pixel",
        "imagej-dpi",
        "imagej-dots-per-cm",
        "imagej-cm",
        "imagej-coarse-um",
        "ome",
        "ome-oblong",
        "fei",
        "zeiss",
        "gatan",
        "dpi",
        "none",
    ],
)
def test_tiff_scale(data, nm):
    found = only("a.tiff", data(noise("uint16"))).nm_per_pixel
    assert found == (nm if nm is None else pytest.approx(nm, rel=1e-5))


@pytest.mark.parametrize(
    ("mode", "pixels"),
    [("L", noise("uint8")), ("I;16", noise("uint16")), ("1", noise("uint8") > 128)],
    ids=["L", "16", "1"],
)
def test_png_comes_back_to_the_bit(mode, pixels):
    image = Image.fromarray(pixels)
    assert image.mode == mode
    frame = only("a.png", saved(image, "PNG"))
    assert frame.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(frame.pixels, pixels)


def test_png_scale_is_taken_where_no_printer_is_as_fine():
    image = Image.fromarray(noise("uint8"))
    assert only("a.png", saved(image, "PNG", dpi=(72, 72))).nm_per_pixel is None
    assert only("a.png", saved(image, "PNG", dpi=(25.4e6 / 500,) * 2)).nm_per_pixel == pytest.approx(500, rel=1e-3)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_equal_colours_are_the_grey_itself_and_others_are_weighed(kind):
    level = noise("uint8")
    same = Image.fromarray(np.stack([level] * 3, axis=-1))
    np.testing.assert_array_equal(only(f"a.{kind.lower()}", saved(same, kind)).pixels, level)
    colour = Image.fromarray(noise("uint8", (12, 17, 3)))
    theirs = np.asarray(colour.convert("L"), dtype=int)
    assert np.abs(only(f"a.{kind.lower()}", saved(colour, kind)).pixels - theirs).max() <= 1


def test_alpha_is_left_out_and_a_palette_shown():
    level = noise("uint8")
    with_alpha = np.concatenate([np.stack([level] * 3, axis=-1), noise("uint8", (12, 17, 1))], axis=-1)
    np.testing.assert_array_equal(only("a.png", saved(Image.fromarray(with_alpha), "PNG")).pixels, level)
    palette = Image.fromarray(level).convert("P")
    np.testing.assert_array_equal(only("a.png", saved(palette, "PNG")).pixels, level)


def test_white_is_the_largest_number():
    pixels = noise("uint16")
    data = tiff(pixels, photometric="miniswhite")
    np.testing.assert_array_equal(only("a.tif", data).pixels, 65535 - pixels)


@pytest.mark.parametrize("colour_type", [2, 4, 6])
def test_colours_of_16_bits_are_refused_before_pillow_drops_half_of_them(colour_type):
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    channels = {2: 3, 4: 2, 6: 4}[colour_type]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, colour_type, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress((b"\0" + bytes(8 * channels)) * 4))
    assert code("a.png", b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")) == "depth-lost"


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32"])
def test_mrc_comes_back_with_its_scale(dtype, tmp_path):
    pixels = noise(dtype)
    frame = only("a.mrc", mrc(tmp_path, pixels))
    assert frame.pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert frame.nm_per_pixel == pytest.approx(NM, rel=1e-6)


def test_emd_of_velox_comes_back_frame_by_frame():
    stack = noise("uint16", (5, 6, 3))
    size = {"width": f"{NM}e-9", "height": f"{NM}e-9"}
    text = json.dumps({"BinaryResult": {"PixelSize": size, "PixelUnitX": "m", "PixelUnitY": "m"}}).encode()

    def fill(h5):
        h5["Data/Image/0a/Data"] = stack
        h5["Data/Image/0a/Metadata"] = np.frombuffer(text.ljust(4000, b"\0"), dtype=np.uint8)[:, None]

    frames = read_frames("a.emd", hdf5(fill))
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.pixels, stack[..., i])
        assert frame.nm_per_pixel == pytest.approx(NM)
    assert [frame.name for frame in frames] == ["01", "02", "03"]


def test_emd_of_ncem_comes_back_with_its_scale_and_its_volumes_left_out():
    pixels = noise("float32")

    def fill(h5):
        for name, data in (("haadf", pixels), ("volume", noise("float32", (4, 5, 6)))):
            group = h5.create_group(f"data/{name}")
            group.attrs["emd_group_type"] = 1
            group["data"] = data
            for i, side in enumerate(data.shape, start=1):
                group[f"dim{i}"] = np.arange(side) * NM * 10
                group[f"dim{i}"].attrs["units"] = "[Å]"
        h5["preview"] = noise("uint8")

    frame = only("a.emd", hdf5(fill))
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert frame.nm_per_pixel == pytest.approx(NM)


def test_plain_hdf5_gives_its_two_dimensional_data_sets_by_name():
    first, second = noise("uint16"), noise("float64")

    def fill(h5):
        h5.create_dataset("scan/bf", data=first, compression="gzip", shuffle=True)
        h5["scan/df"] = second
        h5["scan/spectrum"] = np.arange(9)

    frames = read_frames("a.h5", hdf5(fill))
    assert [frame.name for frame in frames] == ["bf", "df"]
    np.testing.assert_array_equal(frames[0].pixels, first)
    np.testing.assert_array_equal(frames[1].pixels, second)


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    outside = tmp_path / "secret.h5"
    outside.write_bytes(hdf5(lambda h5: h5.create_dataset("image", data=noise("uint8"))))
    (tmp_path / "secret.bin").write_bytes(bytes(range(256)))

    def linked(h5):
        h5["image"] = h5py.ExternalLink(str(outside), "/image")

    def external(h5):
        h5.create_dataset("image", (4, 4), np.uint8, external=[(str(tmp_path / "secret.bin"), 0, 16)])

    def virtual(h5):
        layout = h5py.VirtualLayout((12, 17), np.uint8)
        layout[:] = h5py.VirtualSource(str(outside), "image", (12, 17))
        h5.create_virtual_dataset("image", layout)

    assert code("a.h5", hdf5(linked)) == "no-image"
    assert code("a.h5", hdf5(external)) == "not-an-image"
    assert code("a.h5", hdf5(virtual)) == "not-an-image"


@pytest.mark.parametrize(("frames", "expected"), [(2, 2), (MAX_FRAMES, MAX_FRAMES), (MAX_FRAMES + 1, "stack-too-long")])
def test_a_small_stack_gives_each_image_and_a_long_one_none(frames, expected, tmp_path):
    stack = noise("uint16", (frames, 8, 9))
    files = {"a.tif": tiff(*stack), "b.tif": tiff(stack, imagej=True), "a.mrc": mrc(tmp_path, stack)}
    for name, data in files.items():
        if isinstance(expected, str):
            assert code(name, data) == expected
        else:
            read = read_frames(name, data)
            np.testing.assert_array_equal(np.stack([frame.pixels for frame in read]), stack)


def test_a_preview_beside_a_deep_image_is_left_out():
    pixels = noise("uint16")
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as to:
        to.write(noise("uint8", (12, 17, 3)), photometric="rgb")
        to.write(pixels, photometric="minisblack")
        to.write(pixels[::4, ::4], photometric="minisblack")
    np.testing.assert_array_equal(only("a.tif", file.getvalue()).pixels, pixels)


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("a.tif", lambda: tiff(noise("float32").astype("complex64")), "complex"),
        ("a.tif", lambda: tiff(np.full((4, 4), np.nan, "f4")), "not-finite"),
        ("a.tif", lambda: tiff(noise("uint8", (1, 9))), "too-small"),
        ("a.tif", lambda: b"II*\0", "unreadable"),
        ("a.tif", lambda: tiff(noise("uint16"))[:-100], "truncated"),
        ("a.png", lambda: saved(Image.fromarray(noise("uint8")), "PNG")[:-40], "unreadable"),
        ("a.png", lambda: saved(Image.fromarray(noise("uint8")), "JPEG"), None),
        ("a.png", lambda: b"", "unreadable"),
        ("a.mrc", lambda: bytes(2000), "unreadable"),
        ("a.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "unreadable"),
        ("a.h5", lambda: hdf5(lambda h5: h5.create_dataset("x", data=noise("float32").astype("complex64"))), "complex"),
        ("a.h5", lambda: hdf5(lambda h5: h5.create_dataset("x", (9000, 9000), np.uint8)), "too-many-pixels"),
        ("a.h5", lambda: hdf5(lambda h5: h5.create_dataset("x", data=np.arange(4))), "no-image"),
        ("a.h5", lambda: hdf5(lambda h5: h5.create_dataset("x", (90, 90), np.uint8)), "truncated"),
    ],
)
def test_what_is_refused(name, make, expected):
    if expected is None:
        assert only(name, make()).pixels.shape == (12, 17)
    else:
        assert code(name, make()) == expected


def test_a_cut_mrc_is_refused_before_room_is_made_for_it(tmp_path):
    data = bytearray(mrc(tmp_path, noise("float32")))
    assert code("a.mrc", bytes(data[:-1])) == "truncated"
    data[:8] = struct.pack("<ii", 8000, 8000)
    assert code("a.mrc", bytes(data)) == "truncated"
    data[:8] = struct.pack("<ii", 80_000, 80_000)
    assert code("a.mrc", bytes(data)) == "too-many-pixels"


@given(
    hnp.arrays(
        st.sampled_from(["u1", "u2", "i2", "f4", "f8", ">u2", "?"]),
        st.tuples(st.integers(2, 6), st.integers(2, 6)),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
@settings(max_examples=60)
def test_equal_colours_of_any_type_are_the_channel(level):
    for channels in (1, 3):
        flat = grey(np.stack([level] * channels, axis=-1))
        np.testing.assert_array_equal(flat, level)
        assert flat.dtype == level.dtype.newbyteorder("=")


@given(
    st.sampled_from([e for e in ENDINGS if e in {".png", ".jpg", ".bmp", ".tif", ".mrc", ".h5"}]),
    st.binary(max_size=300),
)
@settings(max_examples=150)
def test_any_bytes_are_refused_or_read(ending, data):
    heads = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".bmp": b"BM", ".tif": b"II*\0\x08\0\0\0"}
    for content in (data, heads.get(ending, b"\x89HDF\r\n\x1a\n") + data):
        with contextlib.suppress(ImageError):  # anything else is the failure
            assert all(frame.pixels.ndim == 2 for frame in read_frames(f"a{ending}", content))


@given(st.floats(1e-4, 1e4), st.sampled_from([("nm", 1), ("µm", 1e3), ("Å", 0.1), ("pm", 1e-3), ("[n_m]", 1)]))
def test_units_agree_with_each_other(value, unit):
    name, factor = unit
    assert to_nm(value / factor, name) == pytest.approx(value)
    assert to_nm(value, "1/nm") is None
    assert square(value, value * 1.005) == value
    assert square(value, value * 2) is None


def test_a_time_limit_is_not_taken_for_a_damaged_file(monkeypatch):
    def slow(_: bytes) -> None:
        raise TooSlowError("took too long")

    monkeypatch.setattr("comma_data.micrographs.formats.FORMATS", {".png": slow})
    with pytest.raises(TooSlowError):
        read_frames("a.png", b"")


def test_without_rosettasciio_its_formats_are_refused_with_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio", None)
    monkeypatch.delitem(sys.modules, "rsciio.digitalmicrograph", raising=False)
    with pytest.raises(ImageError, match="pip install") as caught:
        read_frames("a.dm3", b"")
    assert caught.value.code == "needs-reader"
