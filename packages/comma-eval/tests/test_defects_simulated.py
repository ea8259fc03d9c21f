"""The task on simulated sets: what is held out, what is asked, and the leaks that end the run."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_data.split import Split
from comma_encoders.types import Embedded
from comma_eval.defects import audit, simulated
from comma_eval.errors import EmptyTaskError, LeakError, UsageError
from comma_eval.tasks.defects import Defects

MODEL = "seeing"
RANDOM = "seeing, random weights"


class Seeing:
    """Sees the four quarters of an image, and size and length of a structure."""

    def __init__(self):
        self.given = []

    def embed(self, samples):
        self.given += samples
        (modality,) = {name for sample in samples for name in sample.fields}
        values = [sample.fields[modality][0] for sample in samples]
        z = self.image(values) if modality == "image" else self.structure(values)
        return {modality: Embedded(z=torch.tensor(z, dtype=torch.float32), rows=torch.arange(len(samples)))}

    @staticmethod
    def image(values):
        pixels = np.stack([value["pixels"] for value in values])
        return pixels.reshape(len(values), 2, 8, 2, 8).mean(axis=(2, 4)).reshape(len(values), 4)

    @staticmethod
    def structure(values):
        return [[len(value["numbers"]), value["cell"][0, 0], value["numbers"][0]] for value in values]


class Blind(Seeing):
    """Sees noise."""

    def image(self, values):
        return np.random.default_rng(0).normal(size=(len(values), 4))


def sides(samples, test_fold=0):
    split = Split(test_fold=test_fold)
    return tuple([s for s in samples if split.part(s.groups["fold"]) == part] for part in ("train", "test"))


@pytest.fixture(scope="module")
def report(defect_images):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("comma_eval.defects.answers.DRAWS", 2)
        return Defects(shots=(2, 5)).run({MODEL: Seeing(), RANDOM: Blind()}, *sides(defect_images))


@pytest.fixture(autouse=True)
def one_draw(monkeypatch):
    """Of labels, to be quick."""
    monkeypatch.setattr("comma_eval.defects.answers.DRAWS", 1)


@pytest.fixture
def few(defect_images):
    """Images of nine hosts to learn from, of three others to ask about."""
    names = sorted({sample.groups["formula"] for sample in defect_images})
    return tuple([s for s in defect_images if s.groups["formula"] in names[part]] for part in (np.s_[:9], np.s_[9:12]))


def pick(report, **wanted):
    """Metric -> row of the rows with these labels and no others."""
    keys = {"set", "conditions", "labels", *wanted}
    wanted = {"set": "simulated", "labels": "all", **wanted}
    rows = [row for row in report.rows if set(row.labels) == keys and wanted.items() <= row.labels.items()]
    return {row.metric: row for row in rows}


@pytest.mark.parametrize("conditions", ["seen", "unseen"])
def test_what_shows_the_class_is_right_and_what_does_not_is_chance(report, conditions):
    def right(model):
        return pick(report, conditions=conditions, model=model)["accuracy within host"]

    assert right(f"{MODEL}: image").value > 0.9
    assert right(f"{MODEL}: image + structure").value > 0.9
    best = right("majority of each host").value
    for line in ("composition", f"{MODEL}: structure", "majority"):
        assert right(line).value <= best + 1e-9
    for line in ("brightness", f"{RANDOM}: image"):
        assert right(line).low <= best


def test_every_label_count_and_line_has_figures(report):
    lines = {row.labels["model"] for row in report.rows if "model" in row.labels}
    of_models = {f"{m}: {reads}" for m in (MODEL, RANDOM) for reads in ("image", "structure", "image + structure")}
    assert lines == of_models | {
        "majority of each host",
        "majority",
        "brightness",
        "power spectrum",
        "power spectrum + residual",
        "composition",
        "power spectrum + residual + composition",
    }
    for labels in ("2", "5", "all"):
        for line in lines - {"majority of each host"}:
            rows = pick(report, conditions="unseen", labels=labels, model=line)
            assert set(rows) == {"accuracy within host", "accuracy", "macro F1"}
            assert all(row.low <= row.value <= row.high for row in rows.values())


def test_more_labels_do_not_harm(report):
    curve = [pick(report, conditions="seen", labels=n, model=f"{MODEL}: image")["accuracy"].value for n in ("2", "all")]
    assert curve[0] < curve[1]


def test_both_are_compared_with_the_image_alone_and_models_with_what_they_have_to_beat(report):
    def against(line):
        rows = (row.labels for row in report.rows if row.labels.get("model") == line)
        return {labels["against"] for labels in rows if "against" in labels}

    assert against(f"{MODEL}: image") == {"brightness", "power spectrum + residual", f"{RANDOM}: image"}
    assert f"{MODEL}: image" in against(f"{MODEL}: image + structure")
    assert against(f"{MODEL}: structure") == set()
    gained = pick(report, conditions="unseen", model=f"{MODEL}: image", against=f"{RANDOM}: image")["accuracy"]
    assert gained.low > 0.4


def test_the_confusion_of_the_model_sums_to_one(report):
    rows = [row for row in report.rows if "truth" in row.labels]
    assert {row.labels["model"] for row in rows} == {f"{MODEL}: image", f"{MODEL}: image + structure"}
    for conditions in ("seen", "unseen"):
        of_class = pick(report, conditions=conditions, model=f"{MODEL}: image", truth="twin")
        assert sum(row.value for row in of_class.values()) == pytest.approx(1)
        assert of_class["twin"].value > 0.9


def test_items_are_of_held_out_hosts_and_repeat_the_accuracy(report, defect_images):
    asked = {sample.id for sample in sides(defect_images)[1]}
    wanted = {"model": f"{MODEL}: image", "labels": "5"}
    items = [item for item in report.items if wanted.items() <= item.labels.items()]
    assert {item.item for item in items} == asked
    for conditions in ("seen", "unseen"):
        values = [item.value for item in items if item.labels["conditions"] == conditions]
        row = pick(report, conditions=conditions, labels="5", model=f"{MODEL}: image")["accuracy"]
        assert np.mean(values) == pytest.approx(row.value)
    assert {item.group for item in items} == {f"tb-{i.split('-')[0]}" for i in asked}


def test_conditions_are_held_out_by_a_hash_of_their_names(defect_images):
    train, test = sides(defect_images)
    exam = simulated.exam(train, test)
    hidden = simulated.held_out_conditions({s.groups["conditions"] for s in defect_images})
    assert len(hidden) == 1
    (fold,) = exam.folds
    learnt = {exam.samples[i].groups["conditions"] for i in fold.train}
    assert learnt == {f"session-{n}" for n in range(5)} - hidden
    unseen = exam.cells[("conditions", "unseen"),]
    assert {exam.samples[i].groups["conditions"] for i in unseen} == hidden
    assert len({exam.groups[i] for i in fold.test} & {exam.groups[i] for i in fold.train}) == 0


def test_a_fifth_of_the_conditions_is_held_out_whatever_their_order():
    names = [f"session-{n}" for n in range(10)]
    assert simulated.held_out_conditions(names) == simulated.held_out_conditions(names[::-1])
    assert len(simulated.held_out_conditions(names)) == 2
    assert simulated.held_out_conditions(["one"]) == frozenset()


def test_few_hosts_claim_nothing_of_fusion(report, few):
    assert report.facts["fusion"].startswith("claimed on hosts")
    assert simulated.exam(*few).facts["fusion"].startswith("nothing can be claimed")


def test_an_embedder_sees_a_bare_normalised_value(few):
    spy = Seeing()
    Defects(shots=(2,)).run({"spy": spy}, *few)
    assert spy.given
    for sample in spy.given:
        assert (sample.groups, sample.targets, sample.annotations, sample.provenance) == ({}, {}, {}, {})
        assert sample.id.split("-")[0] in sample.fields
        if "image" in sample.fields:
            pixels = sample.fields["image"][0]["pixels"]
            assert pixels.dtype == np.float32
            assert abs(pixels.mean()) < 1e-4
            assert pixels.std() == pytest.approx(1, abs=1e-4)


def planted(samples, change):
    return sides([change(sample) if sample.targets["defect"] == "vacancy" else sample for sample in samples])


def defective(sample):
    cell = sample.fields["structure"][0]
    broken = {**cell, "numbers": cell["numbers"][:1], "positions": cell["positions"][:1]}
    return replace(sample, fields={**sample.fields, "structure": (broken,)})


def with_pixels(sample, change):
    image = sample.fields["image"][0]
    return replace(sample, fields={**sample.fields, "image": ({**image, "pixels": change(image["pixels"])},)})


def test_the_defective_cell_as_structure_ends_the_run(defect_images):
    with pytest.raises(LeakError, match=r"a leak was found: .* come with different structures"):
        Defects().run({}, *planted(defect_images, defective))


def test_structure_alone_above_the_majority_ends_the_run(defect_images, monkeypatch):
    monkeypatch.setattr(audit, "refuse_several_structures", lambda *_: None)
    with pytest.raises(
        LeakError, match=r"a leak was found: 'composition', which sees no image, is right about 0\.[45]"
    ):
        Defects().run({}, *planted(defect_images, defective))


def test_brightness_that_tells_the_class_ends_the_run(defect_images):
    brighter = planted(defect_images, lambda sample: with_pixels(sample, lambda pixels: pixels + np.uint16(9000)))
    with pytest.raises(LeakError, match=r"grey level alone are right about 0\.[45].*match_levels"):
        Defects().run({}, *brighter)


@pytest.mark.parametrize("change", [lambda p: (p // 256).astype(np.uint8), lambda p: np.pad(p, 1, mode="edge")])
def test_a_mode_or_size_that_tells_the_class_ends_the_run(defect_images, change):
    with pytest.raises(LeakError, match=r"type and shape of the pixels alone are right about 0\.5"):
        Defects().run({}, *planted(defect_images, lambda sample: with_pixels(sample, change)))


def test_a_host_on_both_sides_ends_the_run(defect_images):
    train, test = sides(defect_images)
    with pytest.raises(LeakError, match="share pixels, a frame or a host"):
        Defects().run({}, train, [*test, replace(train[0], id="again")])


def test_without_defect_images_it_says_what_makes_them(defect_images):
    train, test = sides(defect_images)
    pictures = [replace(sample, targets={}) for sample in train]
    with pytest.raises(EmptyTaskError, match=r"target `defect`.*comma data build textbook --set simulate\.defects=8"):
        Defects().run({}, pictures, test)
    with pytest.raises(EmptyTaskError, match="no held-out sample is a simulated image with a class"):
        Defects().run({}, train, [])


def test_a_model_without_images_is_named(few):
    class Reader(Seeing):
        def embed(self, samples):
            return {} if "image" in samples[0].fields else super().embed(samples)

    with pytest.raises(UsageError, match=r"reader does not embed `image`.*comma align run demo"):
        Defects().run({"reader": Reader()}, *few)


def test_a_model_that_reads_images_alone_has_no_other_line(few):
    class Looker(Seeing):
        def embed(self, samples):
            return {} if "structure" in samples[0].fields else super().embed(samples)

    report = Defects(shots=(2,)).run({"looker": Looker()}, *few)
    lines = {row.labels["model"] for row in report.rows if row.labels.get("model", "").startswith("looker")}
    assert lines == {"looker: image"}


def test_an_embedder_that_forgets_a_value_is_named(few):
    class Forgetful(Seeing):
        def embed(self, samples):
            return super().embed(samples[:-1])

    with pytest.raises(UsageError, match="one vector for each `image`; without one"):
        Defects().run({"forgetful": Forgetful()}, *few)


def test_a_model_cannot_pass_for_a_baseline(few):
    with pytest.raises(UsageError, match="cannot be called 'brightness'"):
        Defects().run({"brightness": Seeing()}, *few)


@pytest.mark.parametrize(("options", "message"), [({"which": "real"}, "unknown set 'real'"), ({"shots": (5, 5)}, "5")])
def test_options_that_cannot_be_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        Defects(**options)
