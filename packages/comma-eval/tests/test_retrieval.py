"""Planted entries whose modalities share a secret: the embedder that reads it is right."""

import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.tasks.retrieval import Retrieval

ALL = ("structure", "xrd", "image", "text")


@pytest.fixture
def entries(make_structure):
    """12 formulas with two polymorphs; structure, pattern and image carry the number of the entry, texts do not."""

    def entry(number):
        a, polymorph = "Mg Ca Sr Ba Zn Pb Cd Mn Fe Co Ni Cu".split()[number // 2], number % 2
        return Sample(
            id=f"entry-{number:02}",
            fields={
                "structure": (make_structure(a, "O", length=4.0 + number),),
                "xrd": ({"two_theta": np.arange(3.0), "intensity": np.full(3, number), "wavelength": 1.5},),
                "image": ({"pixels": np.full((2, 2), number), "nm_per_pixel": None},),
                "text": ((f"Heat {a}CO3.",),),
                "composition": ({a: 1.0, "O": 1.0},),
            },
            groups={"formula": f"{a}O", "material": f"entry-{number:02}", "polymorph": str(polymorph)},
        )

    return [entry(number) for number in range(24)]


class Reader:
    """Reads the number of the entry where there is one."""

    def __init__(self, modalities=ALL):
        self.modalities = modalities

    def embed(self, samples):
        read = {
            "structure": lambda v: round(float(v["cell"][0, 0]) - 4),
            "xrd": lambda v: int(v["intensity"][0]),
            "image": lambda v: int(v["pixels"][0, 0]),
            "text": lambda v: 2 * "Mg Ca Sr Ba Zn Pb Cd Mn Fe Co Ni Cu".split().index(v[0].split()[1][:2]),
        }
        found = {}
        for m in self.modalities:
            rows = [i for i, s in enumerate(samples) if m in s.fields]
            if rows:
                numbers = torch.tensor([read[m](samples[i].fields[m][0]) for i in rows])
                z = torch.eye(24)[numbers] + 0.5 * torch.eye(24)[numbers - numbers % 2]
                found[m] = Embedded(z=torch.nn.functional.normalize(z, dim=1), rows=torch.tensor(rows))
        return found


def run(entries, modalities=ALL, **options):
    task = Retrieval(**options)
    return task.run({"reader": task.model_of(Reader(modalities))}, [], entries)


def value(report, direction, model="reader", metric="R@1"):
    (found,) = (
        row.value
        for row in report.rows
        if row.labels.get("model") == model and "against" not in row.labels
        if (row.labels["direction"], row.metric) == (direction, metric)
    )
    return found


@pytest.mark.parametrize("pair", ["structure-xrd", "image-xrd", "structure-image"])
def test_who_reads_the_entry_tells_polymorphs_apart(entries, pair):
    report = run(entries, pair=pair)
    a, b = sorted(pair.split("-"))
    assert value(report, f"{a} -> {b}") == value(report, f"{b} -> {a}") == 1.0
    assert value(report, f"{a} -> {b}", "chance") == pytest.approx(1 / 24)


def test_protocols_are_right_for_every_polymorph(entries):
    report = run(entries, pair="text-xrd")
    assert value(report, "xrd -> text") == value(report, "text -> xrd") == 1.0
    assert value(report, "xrd -> text", "chance") == pytest.approx(1 / 12)
    assert value(report, "text -> xrd", "chance") == pytest.approx(2 / 24)


def test_all_pairs_are_asked_and_what_is_not_embedded_is_said(entries):
    report = run(entries, ("structure", "xrd"))
    assert len({row.labels["direction"] for row in report.rows}) == 20
    assert {r.labels["direction"] for r in report.rows if r.labels.get("model") == "reader"} == {
        "structure -> xrd",
        "xrd -> structure",
    }
    assert "image -> xrd" in report.facts["not embedded by reader"]
    assert "structure -> xrd" not in report.facts["not embedded by reader"]


def test_a_model_that_reads_none_is_an_error(entries):
    with pytest.raises(NotEmbeddedError, match="reader does not embed both modalities of any pair asked: image -> xrd"):
        run(entries, ("text",), pair="xrd-image")


def test_lines_know_a_composition_where_one_is_told(entries):
    lines = {}
    for row in run(entries).rows:
        if row.labels.get("model") not in (None, "reader"):
            lines.setdefault(row.labels["direction"], set()).add(row.labels["model"])
    assert lines["composition -> structure"] == {"chance", "composition"}
    assert lines["structure -> text"] == lines["text -> composition"] == {"chance", "element overlap"}
    assert lines["image -> structure"] == lines["text -> xrd"] == {"chance"}


def test_a_whole_composition_finds_its_structure(entries):
    report = Retrieval(pair="composition-structure").run({}, [], entries)
    assert value(report, "composition -> structure", "composition") == 1.0


def test_differences_are_against_every_line(entries):
    report = run(entries, pair="structure-text")
    against = {row.labels["against"] for row in report.rows if "against" in row.labels}
    assert against == {"chance", "element overlap"}


def test_intervals_are_over_formulas(entries):
    assert {row.n for row in run(entries, pair="image-xrd").rows if row.metric == "R@1"} == {12}


def test_nothing_to_tell_apart_is_said(entries):
    with pytest.raises(
        EmptyTaskError, match="no two entries to tell apart with both modalities of the pair 'xrd-image'"
    ):
        run(entries[:1], pair="xrd-image")


@pytest.mark.parametrize("pair", ["xrd", "xrd-xrd", "xrd-imge", "xrd-image-text"])
def test_an_unknown_pair_is_named(pair):
    with pytest.raises(UsageError, match=f"unknown pair '{pair}': give all, or two of composition, image, structure"):
        Retrieval(pair=pair)
