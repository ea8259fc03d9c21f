"""The task on measured micrographs: no pixel on both sides, whatever the frames are called; crops beside boxes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_data.split import fold, group_hash
from comma_data.writer import Description, write
from comma_encoders.folder import save
from comma_encoders.model import AlignedModel
from comma_encoders.types import Embedded
from comma_eval.defects import audit, correlation, measured, parts
from comma_eval.defects.crops import crops
from comma_eval.defects.exam import Fold
from comma_eval.defects.parts import divide
from comma_eval.defects.pictures import Place, places, shares
from comma_eval.errors import EmptyTaskError, LeakError, SeenError
from comma_eval.run import Asked, evaluate
from comma_eval.seen import unseen
from comma_eval.tasks.defects import Defects
from hypothesis import given, settings
from hypothesis import strategies as st

EDGE = 16


def picture(seed, height=48, width=320):
    """A noisy lattice, as a microscope sees one."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    signal = 60 * np.cos(2 * np.pi * x / 7.3) * np.cos(2 * np.pi * y / 7.3) + 30 * rng.normal(size=(height, width))
    return np.clip(128 + signal, 0, 255).astype(np.uint8)


def patch(pixels, kind, y, x, *, frame="set/frame-0", formula="CdTe", placed=True):
    at = {"frame_y": str(y), "frame_x": str(x)} if placed else {}
    return Sample(
        id=f"{frame}-{kind}-{y}-{x}".lower().replace("/", "-"),
        fields={"image": ({"pixels": pixels[y : y + EDGE, x : x + EDGE], "nm_per_pixel": None},)},
        groups={"formula": formula, "image_frame": frame, "fold": "2", "material": "m"},
        targets={"defect": kind},
        provenance={"image": ({"origin": "measured", "source": "micrographs a/patches.tar.gz", **at},)},
    )


def strip(kind, row, *, seed=0, step=5, shade=0, **options):
    """Patches of a class along a row of the picture, every one shifted by a few pixels against the one before."""
    pixels = picture(seed) // 2 + np.uint8(shade)
    return [patch(pixels, kind, row, x, **options) for x in range(0, 320 - EDGE + 1, step)]


def two_classes():
    return [*strip("bulk", 0), *strip("vacancy", 30, shade=60)]


def overlaps(a, b):
    known = [sample.provenance["image"][0] for sample in (a, b)]
    (y, x), (v, u) = ((int(k["frame_y"]), int(k["frame_x"])) for k in known)
    return a.groups["image_frame"] == b.groups["image_frame"] and abs(y - v) < EDGE and abs(x - u) < EDGE


def test_no_patch_is_asked_about_that_shares_a_pixel_with_one_that_is_learnt_from():
    (exam,) = measured.exams(two_classes())
    assert len(exam.folds) == 5
    for part in exam.folds:
        for i in part.test:
            assert not any(overlaps(exam.samples[i], exam.samples[j]) for j in part.train)
    assert sorted(exam.asked.tolist()) == list(range(len(exam.samples)))
    assert exam.facts["CdTe"] == "1 pictures, parts of pictures held out in 5 folds"


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 300))
def test_folds_of_any_places_hold_the_law(seed, classes, span):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, 60)
    at = rng.integers(0, span + 1, (60, 2)).tolist()
    where = [Place(picture=f"p-{k % 2}", at=(y, x), shape=(EDGE, EDGE)) for k, (y, x) in zip(truth, at, strict=True)]
    division = divide(where, truth)
    kept = [where[i] for i in division.kept]
    asked = np.concatenate([part.test for part in division.folds]) if division.folds else np.arange(0)
    assert len(set(asked.tolist())) == len(asked)
    for part in division.folds:
        assert not shares(kept, part.test, part.train).any()
        learnt = truth[division.kept][part.train]
        assert all(np.sum(learnt == code) >= parts.FEWEST for code in truth[division.kept][part.test])
    out = set(division.left_out)
    assert out == set(truth.tolist()) - set(truth[division.kept].tolist())


def test_whole_pictures_are_held_out_where_every_class_has_several():
    samples = [
        one
        for seed in range(4)
        for kind in ("bulk", "vacancy")
        for one in strip(kind, 0 if kind == "bulk" else 30, seed=seed, step=40, frame=f"set/frame-{seed}")
    ]
    (exam,) = measured.exams(samples)
    assert exam.unit == "pictures"
    frames = np.array([sample.groups["image_frame"] for sample in exam.samples])
    assert all(not set(frames[part.test]) & set(frames[part.train]) for part in exam.folds)


def test_a_class_whose_patches_all_overlap_is_left_out_by_name():
    narrow = [patch(picture(0), "core", 8, 100 + n) for n in range(8)]
    own = strip("fault", 0, seed=5, frame="set/frame-9")
    (exam,) = measured.exams([*two_classes(), *narrow, *own])
    assert exam.classes == ("bulk", "fault", "vacancy")
    assert "left out, as too few of their patches share no pixel: core (8)" in exam.facts["CdTe"]
    assert "in pictures of their own, which may be told by the picture: fault" in exam.facts["CdTe"]


def test_the_two_ends_of_a_narrow_area_are_asked_about():
    where = [Place(picture="p", at=(0, x), shape=(EDGE, EDGE)) for x in range(31)]
    numbers = parts._cut(where, whole=0)
    first, second = np.flatnonzero(numbers == 0), np.flatnonzero(numbers == 1)
    assert (len(first), len(second), np.sum(numbers == -1)) == (8, 8, 15)
    assert not shares(where, first, second).any()


def test_parts_run_along_the_longer_side():
    where = [Place(picture="p", at=(y, y % 3), shape=(EDGE, EDGE)) for y in range(0, 200, 4)]
    assert parts._cut(where, whole=0).tolist() == [y * 5 // 197 for y in range(0, 200, 4)]


def test_a_place_that_is_not_known_shares_all_of_its_picture():
    where = [
        Place(picture="p", at=None, shape=(4, 4)),
        Place(picture="p", at=(90, 90), shape=(4, 4)),
        Place(picture="q", at=(90, 90), shape=(4, 4)),
        Place(picture="p", at=(93, 87), shape=(4, 4)),
        Place(picture="p", at=(94, 90), shape=(4, 4)),
    ]
    every = np.arange(5)
    assert shares(where, every, every).tolist() == [
        [True, True, False, True, True],
        [True, True, False, True, False],
        [False, False, True, False, False],
        [True, True, False, True, True],
        [True, False, False, True, True],
    ]


def copies(shift=0):
    """Patches of the same picture, stretched in grey and compressed once more, each in a frame of its own."""
    rng = np.random.default_rng(3)
    again = np.clip(0.8 * picture(0) + 20 + rng.normal(scale=3, size=(48, 320)), 0, 255).astype(np.uint8)
    return [
        patch(again, "interstitial", 16, x + shift, frame=f"set/frame-{10 + n}", placed=False)
        for n, x in enumerate(range(0, 300, 20))
    ]


def whole():
    """The picture, covered by patches."""
    return [patch(picture(0), "bulk", y, x) for y in (0, 16, 32) for x in range(0, 305, 16)]


def test_frames_that_hold_the_same_picture_are_joined_whatever_their_grey():
    known, again = whole(), copies()
    found = places([*known, *again])
    assert {place.picture for place in found} == {"set/frame-0"}
    assert [place.at for place in found[len(known) :]] == [(16, x) for x in range(0, 300, 20)]


def test_another_picture_of_the_same_lattice_stays_apart():
    other = [patch(picture(1), "bulk", 16, x, frame=f"set/other-{x}", placed=False) for x in range(0, 300, 60)]
    found = places([*whole(), *other])
    assert {place.picture for place in found[-5:]} == {f"set/other-{x}" for x in range(0, 300, 60)}


def really(samples):
    """Where the patches of `whole` and `copies` lie: all in one picture."""
    at = [tuple(map(int, sample.id.rsplit("-", 2)[-2:])) for sample in samples]
    return [Place(picture="one", at=place, shape=(EDGE, EDGE)) for place in at]


def test_copies_under_other_names_are_not_learnt_from_and_asked_about():
    (exam,) = measured.exams([*whole(), *copies()])
    assert len(exam.folds) == 5
    for part in exam.folds:
        assert not shares(really(exam.samples), part.test, part.train).any()


def test_copies_that_are_not_recognised_would_have_been_on_both_sides(monkeypatch):
    monkeypatch.setattr(correlation, "SAME", 2.0)
    (exam,) = measured.exams([*whole(), *copies()])
    assert any(shares(really(exam.samples), part.test, part.train).any() for part in exam.folds)


def test_the_audit_names_patches_on_both_sides():
    samples = two_classes()
    planted = Fold(train=np.array([0, 1]), test=np.array([2, 40]))
    met = shares(places(samples), planted.test, planted.train)
    with pytest.raises(LeakError, match="set-frame-0-bulk-0-10, which is asked about, and set-frame-0-bulk-0-0, which"):
        audit.refuse_shared(planted, met, [sample.id for sample in samples])


def test_a_mode_that_tells_the_class_ends_the_run():
    def coloured(sample):
        image = sample.fields["image"][0]
        return replace(sample, fields={"image": ({**image, "pixels": image["pixels"].astype(np.uint16)},)})

    samples = [coloured(s) if s.targets["defect"] == "vacancy" else s for s in two_classes()]
    with pytest.raises(LeakError, match=r"type and shape of the pixels alone.*uint16 16x16"):
        measured.exams(samples)


def loops(frame, number, count=4):
    """A micrograph of 120 x 120 pixels with bright discs and boxes around them."""
    rng = np.random.default_rng([number, len(frame)])
    pixels = rng.normal(100, 10, (120, 120))
    corners = [(10, 10), (10, 70), (70, 10), (70, 70)][:count]
    boxes = []
    for y, x in corners:
        side = int(rng.integers(14, 22))
        pixels[y : y + side, x : x + side] += 40 * np.outer(np.hanning(side), np.hanning(side))
        boxes.append([y, x, y + side, x + side])
    return Sample(
        id=f"{frame}-{number}",
        fields={"image": ({"pixels": np.clip(pixels, 0, 255).astype(np.uint8), "nm_per_pixel": None},)},
        groups={"formula": f"?{frame}-{number}", "image_frame": frame, "fold": "1", "split": frame},
        annotations={"image": ({"boxes": np.array(boxes, dtype=float)},)},
        provenance={"image": ({"origin": "measured", "source": "micrographs b/loops.tar.gz"},)},
    )


def square(sample):
    return map(int, sample.provenance["image"][0]["crop"].split())


def test_crops_come_in_pairs_of_one_size_and_the_background_meets_no_box():
    image = loops("foil", 0)
    found = list(crops(image))
    assert [crop.targets["defect"] for crop in found] == ["marked", "background"] * 4
    for crop, again in zip(found, crops(image), strict=True):
        assert (crop.id, list(square(crop))) == (again.id, list(square(again)))
    boxes = image.annotations["image"][0]["boxes"]
    for marked, background in zip(found[::2], found[1::2], strict=True):
        shapes = {crop.fields["image"][0]["pixels"].shape for crop in (marked, background)}
        assert len(shapes) == 1
        y, x, side = square(background)
        assert ((boxes[:, 2] <= y) | (boxes[:, 0] >= y + side) | (boxes[:, 3] <= x) | (boxes[:, 1] >= x + side)).all()
        y, x, side = square(marked)
        assert ((boxes[:, 0] >= y) & (boxes[:, 2] <= y + side) & (boxes[:, 1] >= x) & (boxes[:, 3] <= x + side)).any()


def test_a_box_without_free_ground_gives_no_crop():
    image = loops("foil", 0)
    full = replace(image, annotations={"image": ({"boxes": np.array([[5.0, 5.0, 115.0, 115.0]])},)})
    assert list(crops(full)) == []


def test_frames_of_one_prefix_stay_on_one_side():
    images = [loops(f"foil-{frame}", number) for frame in range(6) for number in range(3)]
    (exam,) = measured.exams(images)
    assert exam.labels["host"] == "loops"
    assert len(exam.samples) == 6 * 3 * 8
    frames = np.array(exam.groups)
    assert all(not set(frames[part.test]) & set(frames[part.train]) for part in exam.folds)
    assert exam.facts["loops"] == "18 images of 6 frames, frames held out in 5 folds"


class Means:
    """Sees the rows of an image, each by its mean."""

    def embed(self, samples):
        z = [np.resize(s.fields["image"][0]["pixels"].std(axis=1), 8) for s in samples]
        return {"image": Embedded(z=torch.tensor(np.array(z)), rows=torch.arange(len(samples)))}


@pytest.mark.slow
def test_every_host_and_every_set_of_boxes_has_its_tables(monkeypatch):
    monkeypatch.setattr("comma_eval.defects.answers.DRAWS", 1)
    patches = [*strip("bulk", 0, step=38), *strip("vacancy", 30, shade=60, step=38)]
    samples = [*patches, *(loops(f"foil-{n}", 0) for n in range(4))]
    report = Defects(which="measured", shots=(2,)).run({"mine": Means(), "mine, random weights": Means()}, (), samples)
    figures = {
        (row.labels["host"], row.labels["labels"], row.labels["model"], row.metric)
        for row in report.rows
        if "model" in row.labels and not {"against", "truth"} & row.labels.keys()
    }
    lines = ("majority", "brightness", "power spectrum", "power spectrum + residual")
    assert figures == {
        (host, labels, model, metric)
        for host in ("CdTe", "loops")
        for labels in ("2", "all")
        for model in (*lines, "mine: image", "mine, random weights: image")
        for metric in ("accuracy", "macro F1")
    }
    brightness = {"model": "brightness", "host": "CdTe", "labels": "all", "set": "measured"}
    (row,) = [row for row in report.rows if row.labels == brightness and row.metric == "accuracy"]
    assert row.value > 0.95  # the planted shade
    assert row.n == 10
    assert report.facts["test fold"] == "none"
    assert {item.labels["host"] for item in report.items} == {"CdTe", "loops"}


def test_without_measured_images_it_says_what_makes_them(defect_images):
    with pytest.raises(EmptyTaskError, match=r"no measured image .* among 320 samples\. Remedy: build a set with \[\["):
        measured.exams(defect_images)
    with pytest.raises(EmptyTaskError, match=r"CdTe: 1 pictures, .*left out, .*: bulk \(8\), vacancy \(8\)"):
        measured.exams([patch(picture(0), kind, 0, x) for kind in ("bulk", "vacancy") for x in range(8)])


def test_what_a_model_has_seen_is_left_out():
    samples = [*two_classes(), loops("foil", 0)]
    assert unseen(samples, None) == tuple(samples)
    assert [s.id for s in unseen(samples, [group_hash("CdTe")])] == ["foil-0"]
    with pytest.raises(SeenError, match="the model has seen all 2 materials or frames"):
        unseen(samples, [group_hash("CdTe"), group_hash("foil")])


@pytest.mark.slow
def test_hosts_that_a_model_has_seen_have_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr("comma_eval.defects.answers.DRAWS", 1)
    samples = [
        replace(sample, groups={**sample.groups, "formula": formula, "fold": str(fold(formula))}, id=f"{n}-{sample.id}")
        for n, formula in enumerate(("CdTe", "SrTiO3"))
        for sample in (*strip("bulk", 0, step=38), *strip("vacancy", 30, step=38))
    ]
    about = {"name": "patches", "build": {}, "inputs": {}, "counts": {}, "joined": {}}
    write(samples, tmp_path / "data", Description(**about))
    save(AlignedModel.create("image", dim=8), tmp_path / "mine", {"groups_seen": [group_hash("SrTiO3")]})
    task = Defects(which="measured", shots=(2,))
    report = evaluate(task, tmp_path / "mine", tmp_path / "data", Asked(part="all"))
    assert {row.labels["host"] for row in report.rows} == {"CdTe"}
    assert report.facts["model trained on"].endswith("none of the 1 held-out formulas among them")
