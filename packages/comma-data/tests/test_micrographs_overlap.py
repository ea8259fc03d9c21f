"""Crops of one picture are found by the pixels they share, at their places, and runs and bands keep them apart."""

import contextlib

import numpy as np
import pytest
from comma_data.errors import ConfigError
from comma_data.micrographs import overlap
from comma_data.micrographs.frame import ImageError
from comma_data.micrographs.framing import Framing, by_overlap, prefix
from comma_data.micrographs.overlap import place
from comma_data.micrographs.runs import run_of
from comma_data.sample import Record, Refusal
from hypothesis import given, settings
from hypothesis import strategies as st

SIDE = 24
PICTURES = [np.random.default_rng(i).integers(0, 255, (90, 160), dtype=np.uint8) for i in range(2)]


def crop(picture: int, y: int, x: int) -> np.ndarray:
    return PICTURES[picture][y : y + SIDE, x : x + SIDE]


def record(number: int, pixels: np.ndarray, frame: str = "set") -> Record:
    value = {"pixels": pixels, "nm_per_pixel": None}
    return Record(
        source="m", key=str(number), modality="image", value=value, formula=None, groups={"image_frame": frame}
    )


def refuse(record: Record, error: ImageError) -> Refusal:
    return Refusal(source="m", key=record.key, code=error.code, message=str(error))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 66), st.integers(0, 136)), min_size=1, max_size=12))
@settings(max_examples=40)
def test_places_agree_with_where_crops_were_taken(cuts):
    placed = place([crop(*cut) for cut in cuts])
    for (picture, y, x), here in zip(cuts, placed, strict=True):
        for (other, v, u), there in zip(cuts, placed, strict=True):
            if here.frame == there.frame:
                assert picture == other
                assert (here.y - there.y, here.x - there.x) == (y - v, x - u)
            if picture == other and abs(y - v) <= SIDE - 10 and abs(x - u) <= SIDE - 10:
                assert here.frame == there.frame


def test_texture_that_repeats_does_not_join_pictures():
    lattice = np.tile(np.arange(8, dtype=np.uint8) * 30, (SIDE, SIDE // 8))
    placed = place([lattice, *(crop(0, 0, 40 * i) for i in range(3))])
    assert len({one.frame for one in placed}) == 4


def test_a_mark_that_was_set_into_each_image_does_not_join_pictures():
    marked = [crop(picture, 0, 0).copy() for picture in (0, 1)]
    for image in marked:
        image[-12:, -12:] = PICTURES[0][70:82, 70:82]
    assert [one.frame for one in place(marked)] == [0, 1]


def test_images_without_a_common_pixel_or_too_small_are_alone():
    assert [one.frame for one in place([crop(0, 0, 0), crop(1, 0, 0), PICTURES[0][:4, :4]])] == [0, 1, 2]
    assert place([]) == []


def test_too_much_to_compare_is_said(monkeypatch):
    monkeypatch.setattr(overlap, "MOST_PIXELS", 10)
    with pytest.raises(ConfigError, match="at most 10"):
        place([crop(0, 0, 0)])


def test_bands_share_no_pixel_and_refuse_what_lies_across():
    records = [record(i, crop(0, 5, 4 * i)) for i in range(34)]
    outcomes = by_overlap(records, band=60, refuse=refuse)
    kept = [one for one in outcomes if isinstance(one, Record)]
    assert {one.code for one in outcomes if isinstance(one, Refusal)} == {"between-bands"}
    for one in kept:
        for other in kept:
            apart = abs(int(one.provenance["frame_x"]) - int(other.provenance["frame_x"]))
            assert one.groups == other.groups or apart >= SIDE
    assert {one.groups["image_frame"] for one in kept} == {f"set/frame-0/band-{i}" for i in range(3)}
    with pytest.raises(ConfigError, match="band"):
        by_overlap(records, band=SIDE - 1, refuse=refuse)


def test_images_of_different_stated_frames_are_never_joined():
    outcomes = by_overlap([record(0, crop(0, 0, 0), "a"), record(1, crop(0, 0, 0), "b")], band=None, refuse=refuse)
    assert [one.groups["image_frame"] for one in outcomes] == ["a/frame-0", "b/frame-0"]


@given(st.integers(1, 50), st.integers(0, 10), st.lists(st.integers(0, 1000), max_size=30))
def test_runs_are_apart_by_more_than_the_gap(length, gap, numbers):
    runs = {}
    for number in numbers:
        with contextlib.suppress(ImageError):
            runs[number] = run_of(number, length=length, gap=gap)
    assert set(numbers) - set(runs) == {number for number in numbers if number % (length + gap) >= length}
    for a, of_a in runs.items():
        for b, of_b in runs.items():
            assert of_a == of_b or abs(a - b) > gap
            assert of_a != of_b or abs(a - b) < length


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("d/0501_300kx_1nm_0006.jpg", "d/0501_300kx_1nm"),
        ("grain1_0042 - Copy.jpg", "grain1"),
        ("Bulk_0.tif", "Bulk"),
        ("map.tif", "map"),
        ("0012.png", "."),
        ("cube/001.png", "cube"),
        ("cube/001 - Copy.png", "cube"),
        ("a/S2480009.png", "a/S"),
    ],
)
def test_prefix(path, expected):
    assert prefix(path) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("file", "d/a_07"), ("folder", "d"), ("prefix", "d/a"), ("runs", "d/a/run-1"), ("overlap", "d")],
)
def test_rules_and_stated_frames(rule, expected):
    framing = Framing(rule=rule, run_length=5, run_gap=1)
    assert framing.of("d/a_07.tif", stated=None, index=None) == expected
    assert framing.of("d/a_07.tif", stated="foil", index=0).split("/")[0] == "foil"


def test_a_run_needs_a_number():
    with pytest.raises(ImageError) as caught:
        Framing(rule="runs", run_length=5, run_gap=1).of("bulk.tif", stated=None, index=None)
    assert caught.value.code == "no-number"
