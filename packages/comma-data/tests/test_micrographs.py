"""Images with labels, boxes, masks and scale, out of folders and archives; every file is a record or a refusal."""

import io
import os
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from comma_data.config import Micrographs
from comma_data.errors import ConfigError, DataError
from comma_data.micrographs.crop import picture
from comma_data.micrographs.frame import ImageError
from comma_data.pool import Processes
from comma_data.sample import Record, Refusal
from comma_data.sources import micrographs
from comma_data.sources.micrographs import read
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

SEED = np.random.default_rng(3)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def noise(*shape: int) -> np.ndarray:
    return SEED.integers(0, 255, shape or (10, 12), dtype=np.uint8)


def folder(path: Path, files: dict[str, bytes | np.ndarray]) -> Path:
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(content) if isinstance(content, np.ndarray) else content)
    return path


def records(path: Path, **options) -> list[Record]:
    found = list(read(path, **options))
    assert not [item for item in found if isinstance(item, Refusal)]
    return [item for item in found if isinstance(item, Record)]


def codes(path: Path, **options) -> Counter[str]:
    return Counter(item.code if isinstance(item, Refusal) else "record" for item in read(path, **options))


def test_a_record_says_where_everything_is_from(tmp_path):
    pixels = SEED.integers(0, 2**16, (9, 8), dtype=np.uint16)
    path = folder(tmp_path / "set", {"CdTe/Bulk_007.tif": b"", "notes.txt": b"not looked at"})
    tifffile.imwrite(path / "CdTe/Bulk_007.tif", pixels, resolution=(1e9, 1e9), resolutionunit="CENTIMETER")
    pattern = r"(?P<formula>\w+)/(?P<label>[A-Za-z]+)_(?P<index>\d+)$"
    (record,) = records(path, pattern=pattern, target="defect", rename={"Bulk": "bulk"})
    np.testing.assert_array_equal(record.value["pixels"], pixels)
    assert record.value["nm_per_pixel"] == pytest.approx(0.01)
    assert (record.source, record.key, record.modality) == ("micrographs", "CdTe/Bulk_007", "image")
    assert (record.formula, dict(record.targets)) == ("CdTe", {"defect": "bulk"})
    assert dict(record.groups) == {"image_frame": "CdTe/Bulk"}
    assert record.annotation is None
    assert dict(record.provenance) == {
        "origin": "measured",
        "file": "CdTe/Bulk_007.tif",
        "format": "tif",
        "bits": "16",
        "nm_per_pixel_from": "tag",
    }


def test_an_archive_says_the_same_as_the_folder_and_processes_the_same_as_one(tmp_path):
    path = folder(tmp_path / "set", {f"{c}/{i}.png": noise() for c in "ab" for i in range(4)} | {"a/x.png": b"?"})
    archive = tmp_path / "set.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(path.rglob("*.png")):
            tar.add(file, str(file.relative_to(path)))
    runs = [
        [(i.key, getattr(i, "code", None) or (dict(i.targets), i.value["pixels"].tolist())) for i in read(p, **o)]
        for p, o in ((path, {}), (archive, {}), (archive, {"engine": Processes(workers=2)}))
        for o in [{"label_from": "folder", **o}]
    ]
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) == 9


def test_keys_of_one_name_are_told_apart(tmp_path):
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("a/x y.png", "a/x-y.png", "a/x y.png"):
            info = tarfile.TarInfo(name)
            info.size = len(content := png(noise()))
            tar.addfile(info, io.BytesIO(content))
    assert [record.key for record in records(archive)] == ["a/x y", "a/x-y-2", "a/x y-3"]


def test_images_of_one_file_share_a_frame(tmp_path):
    path = folder(tmp_path / "set", {"film.tif": b""})
    tifffile.imwrite(path / "film.tif", noise(3, 8, 9), photometric="minisblack")
    found = records(path, frames="file")
    assert [record.key for record in found] == ["film-01", "film-02", "film-03"]
    assert {record.groups["image_frame"] for record in found} == {"film"}
    assert [record.provenance["image"] for record in found] == ["01", "02", "03"]


def test_the_table_goes_before_names_and_tags(tmp_path):
    table = "file,label,formula,frame,nm_per_pixel,dose,stage\na/1.png,crack,SiO2,s1,2.5,10.5,cold\n2,bulk,,,,,\n"
    path = folder(tmp_path / "set", {"a/1.png": noise(), "a/2.png": noise(), "labels.csv": table.encode()})
    options = {"label_from": "folder", "table": "labels.csv", "nm_per_pixel": 7.0, "formula": "SrTiO3"}
    first, second = records(path, **options)
    assert (first.formula, first.groups["image_frame"], first.value["nm_per_pixel"]) == ("SiO2", "s1", 2.5)
    assert dict(first.targets) == {"label": "crack", "dose": 10.5, "stage": "cold"}
    assert first.provenance["nm_per_pixel_from"] == "table"
    assert (second.formula, dict(second.targets), second.value["nm_per_pixel"]) == ("SrTiO3", {"label": "bulk"}, 7.0)
    assert second.provenance["nm_per_pixel_from"] == "option"


def test_white_space_and_missing_values_in_a_table_make_no_class(tmp_path):
    table = "file, label ,stage, index, formula\na.png,cat , cold,1,InF \n b.png ,cat,cold,nan,\nc.png,nan,NaN,,\n"
    path = folder(tmp_path / "set", {f"{name}.png": noise() for name in "abc"} | {"t.csv": table.encode()})
    first, second, third = records(path, table="t.csv")
    assert dict(first.targets) == dict(second.targets) == {"label": "cat", "stage": "cold"}
    assert first.formula == "InF"
    assert dict(third.targets) == {}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,label\na,b\n", "file and id"),
        ("file,dose, dose\na,1,2\n", "columns of one name"),
        ("file,label\na,b\na,c\n", "line 3"),
        ("file,label\na,b,c\n", "line 2"),
        ("file,nm_per_pixel\na,-1\n", "above 0"),
        ("file,index\na,first\n", "numbers"),
        ("\xff", "UTF-8"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, table, message):
    path = folder(tmp_path / "set", {"t.csv": table.encode("latin-1"), "a.png": noise()})
    with pytest.raises(DataError, match=message):
        list(read(path, table="t.csv"))
    with pytest.raises(DataError, match=r"no table u\.csv"):
        list(read(path, table="u.csv"))


def test_rows_without_image_and_rows_of_two_images_are_refused(tmp_path):
    path = folder(tmp_path / "set", {"a/1.png": noise(), "b/1.png": noise(), "t.csv": b"id,label\n1,x\n9,y\n"})
    assert codes(path, table="t.csv") == {"record": 1, "ambiguous-row": 1, "no-image": 1}


def test_boxes_and_masks_lie_beside_their_images(tmp_path):
    mask = SEED.integers(0, 3, (10, 12), dtype=np.uint8)
    path = folder(
        tmp_path / "set",
        {
            "boxes/1.txt": b"0 1 4 5\n2 2 10 12\n",
            "boxes/2.txt": b"x1,y1,y2,x2,kind\n1,0,4,5,loop\n",
            "boxes/3.txt": b"",
            "images/1.png": noise(),
            "images/2.png": noise(),
            "images/3.png": noise(),
            "images/4.png": noise(),
            "images_annot/1.png": mask,
        },
    )
    options = {"boxes": "boxes/{name}.txt", "masks": "{folder}_annot/{name}.png", "mask_classes": ("none", "a", "b")}
    first, second, third, fourth = records(path, **options)
    np.testing.assert_array_equal(first.annotation["boxes"], [[0, 1, 4, 5], [2, 2, 10, 12]])
    np.testing.assert_array_equal(first.annotation["mask"], mask)
    assert first.annotation["mask_classes"] == ["none", "a", "b"]
    np.testing.assert_array_equal(second.annotation["boxes"], [[0, 1, 4, 5]])
    assert third.annotation["boxes"].shape == (0, 4)
    assert fourth.annotation is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"x.txt": b"1 2 3\n"}, {"bad-boxes": 1}),
        ({"x.txt": b"4 4 2 2\n"}, {"bad-boxes": 1}),
        ({"x.txt": b"0 0 11 5\n"}, {"bad-boxes": 1}),
        ({"x.txt": b"0 0 nan 5\n"}, {"bad-boxes": 1}),
        ({"x.txt": b"\xff\xfe"}, {"bad-boxes": 1}),
        ({"x_mask.png": noise(4, 4)}, {"bad-mask": 1}),
        ({"x_mask.png": np.full((10, 12), 2, np.uint8)}, {"bad-mask": 1}),
        ({"x_mask.png": noise(10, 12, 3)}, {"bad-mask": 1}),
        ({"x_mask.png": b"?"}, {"unreadable": 1}),
        ({"y.txt": b"0 0 1 1\n"}, {"record": 1, "no-image": 1}),
        ({"z_mask.png": noise()}, {"record": 1, "no-image": 1}),
        ({"note.md": b""}, {"record": 1}),
    ],
    ids=lambda value: str(next(iter(value.items())))[:30],
)
def test_what_cannot_be_annotated_is_refused(tmp_path, files, expected):
    path = folder(tmp_path / "set", {"x.png": noise(), **files})
    options = {"boxes": "{folder}/{name}.txt", "masks": "{folder}/{name}_mask.png", "mask_classes": ("ground", "loop")}
    assert codes(path, **options) == expected


@pytest.mark.parametrize("boxes", [(b"0 0 1 1", b"0 0 2 2"), (b"", b"")])
def test_a_box_file_that_comes_twice_is_counted(tmp_path, boxes):
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in (("1.txt", boxes[0]), ("1.txt", boxes[1]), ("1.png", png(noise()))):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    found = list(read(archive, boxes="{name}.txt"))
    assert [getattr(item, "code", "record") for item in found] == ["duplicate-annotation", "record"]
    assert found[1].annotation["boxes"].tolist() == ([[0, 0, 1, 1]] if boxes[0] else [])


def test_boxes_and_masks_are_those_of_the_images_own_archive(tmp_path):
    path = folder(tmp_path / "set", {"images/x_1.png": noise(), "masks/x_1.png": np.full((10, 12), 9, np.uint8)})
    for number, name in enumerate("abc", start=1):
        files = {"images/x_1.png": png(noise()), "boxes/x_1.txt": f"0 0 {number} {number}".encode()}
        if name != "b":
            files["masks/x_1.png"] = png(np.full((10, 12), number, np.uint8))
        with zipfile.ZipFile(path / f"{name}.zip", "w") as archive:
            for inside, content in files.items():
                archive.writestr(inside, content)
    found = records(path, masks="masks/{name}.png", boxes="boxes/{name}.txt")
    told = [
        (r.annotation.get("mask", np.zeros(1)).flat[0], r.annotation.get("boxes", np.zeros(1)).max()) for r in found
    ]
    assert told == [(1, 1), (0, 2), (3, 3), (9, 0)]


@pytest.mark.parametrize("again", [False, True])
def test_masks_may_be_packed_apart_where_no_two_images_share_a_name(tmp_path, again):
    path = folder(tmp_path / "set", {})
    path.mkdir()
    packed = {"images": {"x/1.png": noise()}, "masks": {"m/1.png": np.ones((10, 12), np.uint8)}}
    for name, files in {**packed, **({"other": {"x/1.png": noise()}} if again else {})}.items():
        with zipfile.ZipFile(path / f"{name}.zip", "w") as archive:
            for inside, content in files.items():
                archive.writestr(inside, png(content))
    found = list(read(path, masks="m/{name}.png"))
    assert [getattr(item, "code", None) or item.annotation is not None for item in found] == (
        [False, False, "no-image"] if again else [True]
    )


def figure(picture: np.ndarray, y: int, x: int) -> Image.Image:
    drawn = np.full((100, 120), 255, np.uint8)
    drawn[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return Image.fromarray(drawn)


def test_figures_lose_their_border_and_boxes_move_along(tmp_path):
    picture = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    drawn = np.asarray(figure(picture, 16, 24))
    path = folder(tmp_path / "set", {"f.png": drawn, "f.txt": b"20 30 40 50\n0 0 5 5\n"})
    (record,) = records(path, crop_border=True, boxes="{name}.txt")
    np.testing.assert_array_equal(record.value["pixels"], picture)
    np.testing.assert_array_equal(record.annotation["boxes"], [[4, 6, 24, 26]])


@pytest.mark.parametrize("offset", range(8))
def test_a_border_that_jpeg_blurred_is_cut_too(tmp_path, offset):
    picture = (np.indices((61, 77)).sum(axis=0) % 60).astype(np.uint8)
    file = io.BytesIO()
    figure(picture, 12 + offset, 20 + offset).save(file, "JPEG", quality=60)
    (record,) = records(folder(tmp_path / "set", {"f.jpg": file.getvalue()}), crop_border=True)
    pixels = record.value["pixels"]
    assert np.abs(np.subtract(pixels.shape, picture.shape)).max() <= 2
    assert max(np.median(edge) for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])) < 192


def drawn(shade, dtype, scale=1, *, size=(100, 120)):
    """A picture of noise in a border."""
    pixels = np.full(size, shade * scale)
    pixels[9:91, 11:111] = SEED.integers(20, 200, (82, 100)) * scale
    return pixels.astype(dtype)


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize(("dtype", "scale"), [("u1", 1), ("u2", 1), ("u2", 16), ("u2", 257), ("i2", 16), ("f4", 0.01)])
def test_a_border_is_found_however_many_bits_are_filled(shade, dtype, scale):
    pixels = drawn(shade, dtype, scale)
    assert picture(pixels) == (slice(9, 91), slice(11, 111))
    if dtype == "u2":
        pixels[0, -1] = pixels[50, 50] = 65535  # hot pixels
        assert picture(pixels) == (slice(9, 91), slice(11, 111))


def specimen(dtype):
    """A dark field of 12 bits with a bright particle near a corner, and no border."""
    y, x = np.mgrid[:256, :256]
    field = 300 + 600 * np.exp(-((x - 60) ** 2 + (y - 200) ** 2) / 400) + SEED.poisson(50, (256, 256))
    return field.astype(dtype)


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4"])
def test_a_dark_image_of_a_camera_is_left_whole_or_refused(dtype):
    pixels = specimen(dtype)
    assert picture(pixels) == (slice(0, 256), slice(0, 256))
    pixels[120:140, 100:180] = 3500
    with pytest.raises(ImageError, match=r"\d\d% of it would be cut off.*crop_border = false") as raised:
        picture(pixels)
    assert raised.value.code == "mostly-border"


@given(pixels=arrays(np.uint8, (12, 14), elements=st.sampled_from([0, 3, 5, 6, 60, 64, 65, 255])))
def test_an_image_of_8_bits_is_cut_as_its_values_say_whatever_is_left(pixels):
    distance = np.abs(pixels.astype(int) - int(pixels[0, 0]))
    near = distance <= 5.1
    inside = np.flatnonzero(near.mean(axis=1) < 0.98), np.flatnonzero(near.mean(axis=0) < 0.98)
    try:
        rows, columns = picture(pixels)
    except ImageError as error:
        assert error.code == "nothing-but-border"  # noqa: PT017 - either outcome is one
    else:
        assert inside[0][0] <= rows.start < rows.stop <= inside[0][-1] + 1
        assert inside[1][0] <= columns.start < columns.stop <= inside[1][-1] + 1


def test_an_image_without_border_is_left_whole_and_a_blank_one_refused(tmp_path):
    path = folder(tmp_path / "set", {"a.png": noise(), "b.png": np.zeros((9, 9), np.uint8)})
    found = list(read(path, crop_border=True))
    assert found[0].value["pixels"].shape == (10, 12)
    assert found[1].code == "nothing-but-border"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pattern": "z"}, {"name-not-understood": 1}),
        ({"pattern": r"(?P<index>a)"}, {"name-not-understood": 1}),
        ({"pattern": r"(?P<formula>a)"}, {"bad-formula": 1}),
        ({"pattern": r"(?P<formula>a)", "rename": {"a": "NaCl"}}, {"record": 1}),
        ({"frames": "runs"}, {"no-number": 1}),
    ],
)
def test_names_that_say_too_little_are_refused(tmp_path, options, expected):
    assert codes(folder(tmp_path / "set", {"a.png": noise()}), **options) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": "("},
        {"pattern": "(?P<klass>.)"},
        {"formula": "steel?"},
        {"boxes": "all.txt"},
        {"masks": "{stem}/{name}.png"},
        {"frames": "overlap", "band": 5},
    ],
)
def test_options_that_cannot_be_used(tmp_path, options):
    with pytest.raises(ConfigError):
        list(read(folder(tmp_path / "set", {"a.png": noise()}), **options))


def test_options_of_a_build_are_those_of_the_reader(tmp_path):
    options = Micrographs().model_dump(exclude={"path", "optional", "max_refused"})
    assert len(records(folder(tmp_path / "set", {"a.png": noise()}), **options)) == 1


def test_a_file_that_takes_too_long_or_kills_its_process_is_refused(tmp_path, monkeypatch):
    path = folder(tmp_path / "set", {"a.png": noise(3000, 3000)})
    monkeypatch.setattr("comma_data.micrographs.decode.LONGEST", 1e-3)
    assert codes(path) == {"too-costly": 1}
    monkeypatch.setattr(micrographs, "decode", _die)
    assert codes(path, engine=Processes(workers=1)) == {"parser-died": 1}


def _die(*_: object, **__: object) -> None:
    os._exit(9)


SETS = {
    "stem-patches-cdte-srtio3": (
        {
            "pattern": r"DataSet_(?P<formula>CdTe|STO)/(?P<label>\w+)_(?P<index>\d+)$",
            "rename": {"STO": "SrTiO3"},
            "frames": "prefix",
        },
        {"record": 1883},
    ),
    "fecral-loops-tem": ({"boxes": "bounding_boxes/{name}.txt"}, {"record": 145, "duplicate-annotation": 2}),
    "ebc-sem": (
        {"masks": "{folder}_annot/{name}.png", "mask_classes": ("background", "oxide", "crack")},
        {"record": 22, "no-image": 2},
    ),
    "simulated-stem2d": ({"label_from": "folder", "crop_border": True, "frames": "file"}, {"record": 270}),
}


@pytest.mark.parametrize("name", SETS)
def test_published_sets_are_read_whole(name, data_root):
    options, expected = SETS[name]
    assert codes(data_root / "micrographs" / f"{name}.tar.gz", **options) == expected


def test_files_of_microscopes_are_read_or_refused(data_root):
    pytest.importorskip("rsciio", reason="rosettasciio is not installed")
    found = list(read(data_root / "fixtures" / "micrograph-formats.tar.gz"))
    files = {item.key if isinstance(item, Refusal) else item.provenance["file"] for item in found}
    scales = {item.provenance["file"]: item.value["nm_per_pixel"] for item in found if isinstance(item, Record)}
    assert len(files) == 57
    refused = {item.code for item in found if isinstance(item, Refusal)}
    assert refused - {"needs-reader"} == {"complex", "no-image", "stack-too-long"}
    assert scales["olympus_SIS.tif"] == pytest.approx(0.0239279, rel=1e-5)
    assert scales["test_loading_image_saved_with_DM.tif"] == pytest.approx(168.6747, rel=1e-5)
    assert scales["test_dm_image_um_unit.dm3"] == pytest.approx(168.6747, rel=1e-5)
    assert scales["test_loading_image_saved_with_imageJ.tif"] == pytest.approx(168.6747, rel=1e-5)
    assert scales["multi_signal.dm3"] == pytest.approx(0.0177516, rel=1e-5)


@pytest.mark.parametrize("kind", ["L", "1", "P"])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_masks_keep_the_stored_numbers(tmp_path, kind, ending):
    numbers = SEED.integers(0, 2 if kind == "1" else 3, (10, 12), dtype=np.uint8)
    image = Image.fromarray(numbers.astype(bool) if kind == "1" else numbers)
    if kind == "P":
        image.putpalette([0, 0, 0, 200, 30, 40, 10, 220, 90] + [0] * 759)
    image.save(tmp_path / f"mask.{ending}")
    path = folder(tmp_path / "set", {"x.png": noise(), f"x_mask.{ending}": (tmp_path / f"mask.{ending}").read_bytes()})
    (record,) = records(path, masks="{folder}/{name}_mask." + ending)
    np.testing.assert_array_equal(record.annotation["mask"], numbers)
