import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_data.writer import Description, write
from comma_encoders.types import Embedded
from comma_eval import heads
from comma_eval.cli import app
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.tasks.missing_property import MissingProperty
from planted import materials
from torch.nn.functional import normalize
from typer.testing import CliRunner

pytestmark = pytest.mark.usefixtures("few_trees")


class Telling:
    """Each modality's vector tells a direction that belongs to the amount; the text's tells nothing."""

    def embed(self, samples):
        found = {}
        for modality in ("structure", "composition", "text"):
            rows = [row for row, sample in enumerate(samples) if modality in sample.fields]
            if rows:
                z = [self.vector(modality, samples[row].fields[modality][0]) for row in rows]
                found[modality] = Embedded(z=normalize(torch.tensor(z), dim=1), rows=torch.tensor(rows))
        return found

    @staticmethod
    def vector(modality, value):
        if modality == "text":
            return [1.0, 0.0, 0.0]
        length = value["cell"][0, 0] if modality == "structure" else 4.0
        return [0.3, float(length) / 5, 0.5]


class Imputing(Telling):
    """Guesses what it would have said of a structure of medium size."""

    def impute(self, known, target):
        rows = torch.cat([one.rows for one in known.values()]).unique()
        z = normalize(torch.tensor([self.vector(target, {"cell": 4.7 * np.eye(3)})]), dim=1)
        return Embedded(z=z.repeat(len(rows), 1), rows=rows)


class Blind:
    """Embeds nothing."""

    def embed(self, samples):  # noqa: ARG002 - it looks at nothing
        return {}


@pytest.fixture(scope="module")
def sides():
    every = materials(160)
    return every[:150], every[150:]


def errors(report, model, metric="RMSE"):
    return {
        row.labels["absent"]: row.value
        for row in report.rows
        if row.labels.get("model") == model and "against" not in row.labels and row.metric == metric
    }


def test_the_error_grows_with_what_is_missing(sides):
    report = MissingProperty(target="amount").run({"telling": Telling()}, *sides)
    found = errors(report, "telling")
    assert list(found) == ["0%", "30%", "60%", "90%"]
    assert found["0%"] < found["60%"]
    assert found["0%"] < found["90%"]


def test_baselines_do_not_care_what_is_missing_from_the_models(sides):
    report = MissingProperty(target="amount").run({"telling": Telling()}, *sides)
    assert len(set(errors(report, "composition ridge").values())) == 1
    assert errors(report, "mean")["0%"] > errors(report, "telling")["0%"]


def test_imputation_is_a_line_of_its_own(sides):
    report = MissingProperty(target="amount", fractions=(0.0, 0.9)).run({"a": Imputing()}, *sides)
    plain, filled = errors(report, "a"), errors(report, "a, absent ones imputed")
    assert plain["0%"] == filled["0%"]
    assert plain["90%"] != filled["90%"]


def test_an_error_is_that_of_the_items(sides):
    report = MissingProperty(target="amount", fractions=(0.6,)).run({"telling": Telling()}, *sides)
    of = [i for i in report.items if i.labels["model"] == "telling" and i.metric == "absolute error"]
    groups = {}
    for item in of:
        groups.setdefault(item.group, []).append(item.value)
    expected = np.mean([np.mean(values) for values in groups.values()])
    assert errors(report, "telling", "MAE")["60%"] == pytest.approx(expected)


def test_entries_that_a_model_reads_nothing_of_are_asked_of_nobody(sides):
    """Its answer would be that to a vector of zeros, beside baselines that read the entry."""
    train, test = sides
    odd = [replace(sample, id=f"{sample.id}-odd", fields={"xrd": ({"intensity": 1.0},)}) for sample in test[:4]]
    with_odd = MissingProperty(target="amount").run({"telling": Telling()}, train, [*test, *odd])
    without = MissingProperty(target="amount").run({"telling": Telling()}, train, test)
    assert with_odd.rows == without.rows
    with pytest.raises(EmptyTaskError, match="has a modality that all models embed"):
        MissingProperty(target="amount").run({"telling": Telling()}, train, odd)


def test_what_cannot_be_asked_is_refused(sides):
    train, test = sides
    with pytest.raises(UsageError, match="class 'planted'"):
        MissingProperty(target="kind").run({}, train, test)
    with pytest.raises(EmptyTaskError, match="0 held-out samples have 'amount'"):
        MissingProperty(target="amount").run({}, train, [])
    with pytest.raises(NotEmbeddedError, match="blind embeds no modality"):
        MissingProperty(target="amount").run({"blind": Blind()}, train, test)


@pytest.mark.parametrize("few", [1, 5, 9])
def test_too_few_formulas_are_told(sides, few):
    train, test = sides
    with pytest.raises(EmptyTaskError, match=f"{few} labels of . formulas are too few"):
        MissingProperty(target="amount").run({"telling": Telling()}, train[:few], test)


def test_the_command_asks_it(tmp_path):
    write(materials(90), tmp_path / "d", Description(name="planted", build={}, inputs={}, counts={}, joined={}))
    command = ["missing", "--baselines-only", "--data", str(tmp_path / "d"), "--property", "amount", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["task"] == "missing_property"


def test_the_model_learns_from_the_labels_that_the_lines_beside_it_learn_from(sides, monkeypatch):
    fitted = []
    honest = heads.fit
    monkeypatch.setattr(heads, "fit", lambda head, x, *rest: fitted.append(len(x)) or honest(head, x, *rest))
    MissingProperty(target="amount").run({"mine": Telling()}, *sides)
    assert len(set(fitted)) == 1
    assert fitted[0] < len(sides[0])
