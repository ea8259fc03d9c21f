import json
from dataclasses import replace

import numpy as np
import pytest
from comma_data.writer import Description, write
from comma_eval.cli import app
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.task import Prediction, Task
from comma_eval.tasks.cell import TARGETS, conventional
from comma_eval.tasks.lattice import SOURCES, Lattice
from planted import Sees, material, materials
from pymatgen.core import Lattice as Cell
from pymatgen.core import Structure
from typer.testing import CliRunner

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def train():
    return materials(36)


@pytest.fixture(scope="module")
def test():
    return materials(48)[48:]


def raw(crystal):
    return {
        "numbers": np.array(crystal.atomic_numbers),
        "positions": crystal.cart_coords,
        "cell": crystal.lattice.matrix,
        "periodic": np.ones(3, bool),
    }


HALITE = Structure.from_spacegroup("Fm-3m", Cell.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
RUTILE = Structure.from_spacegroup(
    "P4_2/mnm", Cell.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
)


@pytest.mark.parametrize(
    ("crystal", "lengths"), [(HALITE, (5.64, 5.64, 5.64)), (RUTILE, (4.594, 4.594, 2.959))], ids=["halite", "rutile"]
)
def test_the_cell_does_not_depend_on_how_it_is_given(crystal, lengths):
    turned = crystal.copy()
    turned.make_supercell([[1, 1, 0], [0, 1, 1], [2, 0, 1]])
    expected = [*lengths, crystal.volume / len(crystal)]
    for given in (crystal, crystal.get_primitive_structure(), turned):
        assert list(conventional(raw(given)).values()) == pytest.approx(expected, rel=1e-4)


def test_what_does_not_repeat_has_no_cell():
    slab = {**raw(HALITE), "periodic": np.array([True, True, False])}
    assert conventional(slab) is None


@pytest.fixture(scope="module")
def plain(train, test):
    """Without a model; a molecule is among the held-out samples."""
    molecule = material(999)
    structure = {**molecule.fields["structure"][0], "periodic": np.zeros(3, bool)}
    molecule = replace(molecule, fields={**molecule.fields, "structure": (structure,)})
    return Lattice(sources=("text",)).run({}, train, [*test, molecule])


def pick(report, **wanted):
    rows = [r for r in report.rows if wanted.items() <= r.labels.items()]
    extra = {"model", "against"} - wanted.keys()
    return {row.metric: row for row in rows if not extra & row.labels.keys()}


def test_it_is_a_task():
    assert isinstance(Lattice(), Task)


@pytest.mark.parametrize("sources", [("structure",), ("text", "structure")])
def test_the_structure_is_refused_with_the_reason(sources):
    with pytest.raises(UsageError, match="are part of the structure, so its encoder is given what it would be asked"):
        Lattice(sources=sources)


def test_an_unknown_modality_is_named():
    with pytest.raises(UsageError, match="unknown modality in xrdd; known: text, xrd, image, composition"):
        Lattice(sources=("xrdd",))


def test_a_table_for_each_modality_and_each_target(train, test):
    task = Lattice()
    report = task.run({"sees": task.model_of(Sees())}, train, test)
    asked = {(row.labels["from"], row.labels["target"]) for row in report.rows}
    assert asked == {(source, target) for source in ("text", "composition") for target in TARGETS}
    assert report.facts["sees read"] == "text, composition"
    rows = pick(report, **{"from": "text", "target": "a", "model": "sees"})
    assert rows.keys() == {"MAE", "MAPE", "coverage", "width"}
    assert rows["MAE"].value < 0.03  # the text tells the length in hundredths of Å
    assert rows["MAPE"].value < 1
    assert pick(report, **{"from": "text", "target": "a", "model": "sees", "against": "mean"})["MAE"].high < 0
    gained = pick(report, **{"from": "composition", "target": "a", "model": "sees", "against": "composition ridge"})
    assert "MAE" in gained


def test_truth_is_of_the_conventional_cell(plain, test):
    told = {i.item: i.value for i in plain.items if i.metric == "truth" and i.labels["target"] == "c"}
    assert told == pytest.approx({s.id: s.fields["structure"][0]["cell"][0, 0] for s in test}, rel=1e-4)
    per_atom = {i.item: i.value for i in plain.items if i.metric == "truth" and i.labels["target"] == TARGETS[3]}
    assert per_atom == pytest.approx({item: length**3 / 2 for item, length in told.items()}, rel=1e-4)


@pytest.mark.parametrize("source", ["text", "composition"])
def test_nobody_is_shown_the_structure(train, test, source, monkeypatch):
    seen = []

    class Spy:
        def fit(self, samples, _target):
            seen.append(samples)

        def predict(self, samples):
            seen.append(samples)
            return Prediction(value=np.zeros(len(samples)), low=np.zeros(len(samples)), high=np.zeros(len(samples)))

    monkeypatch.setattr("comma_eval.tasks.lattice.baselines", lambda samples: seen.append(samples) or {"line": Spy()})
    Lattice(sources=(source,)).run({"spy": {source: Spy()}}, train, test)
    fields = {frozenset(sample.fields) for samples in seen for sample in samples}
    assert fields == {frozenset({source}), frozenset({source, "composition"})}


def test_the_number_of_atoms_is_not_told(train, test):
    """A composition counted from the atoms of a cell would give its size away."""
    counted = [replace(s, fields={**s.fields, "composition": ({"Na": 40.0, "Cl": 40.0},)}) for s in train]
    embedder = Sees(("composition",))
    amounts = []
    monkey = embedder.embed
    embedder.embed = lambda samples: amounts.extend(s.fields["composition"][0] for s in samples) or monkey(samples)
    task = Lattice(sources=("composition",))
    task.run({"sees": task.model_of(embedder)}, counted, test)
    assert all(sum(found.values()) == pytest.approx(1) for found in amounts)


def test_a_model_that_reads_nothing_of_it_is_an_error(train, test):
    task = Lattice(sources=("text", "composition"))
    with pytest.raises(NotEmbeddedError, match="blind embeds none of what it was asked to read: text, composition"):
        task.run({"blind": task.model_of(Sees(("structure",)))}, train, test)


def test_nothing_to_ask_is_said(train, test):
    with pytest.raises(EmptyTaskError, match="no structure with a conventional cell has xrd beside it"):
        Lattice(sources=("xrd",)).run({}, train, test)


def test_molecules_are_left_out(plain, test):
    assert pick(plain, target="a")["samples"].value == len(test)


def test_protocols_without_words_are_left_out_and_the_target_is_not_named(train, test):
    texts = ((), ("Grind LiZr to a powder.", "Heat at 480 °C."))
    mute = replace(train[0], groups={**train[0].groups, "formula": "LiZr"}, fields={**train[0].fields, "text": texts})
    embedder = Sees(("text",))
    seen = []
    embed = embedder.embed
    embedder.embed = lambda samples: seen.extend(s.fields["text"] for s in samples) or embed(samples)
    task = Lattice(sources=("text",))
    task.run({"sees": task.model_of(embedder)}, [mute, *train[1:]], test)
    assert (("Grind [target] to a powder.", "Heat at 480 °C."),) in seen
    assert all(steps for told in seen for steps in told)


def test_the_command_asks_apart(tmp_path):
    write(materials(60), tmp_path / "data", Description(name="p", build={}, inputs={}, counts={}, joined={}))
    arguments = ["lattice", "--baselines-only", "--data", str(tmp_path / "data"), "--from", "text", "--json"]
    document = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    assert {row["from"] for row in document["rows"]} == {"text"}
    assert "words of the text" in {row.get("model") for row in document["rows"]}
    assert set(SOURCES) == {"text", "xrd", "image", "composition"}
