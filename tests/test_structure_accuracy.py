"""Pieces of trainings keep their names, and are compared among equals only."""

import numpy as np
import pytest

from benchmarks import results_form as form
from benchmarks.structure_accuracy import __main__ as command
from benchmarks.structure_accuracy import arrays, loop, models, pieces, rows
from benchmarks.structure_accuracy.figures import figures

FORMULAS = [f"A{i // 2}" for i in range(10)]


def piece(model, epochs, seed, error):
    errors = np.full(10, error) * np.where(np.arange(10) % 2, 1, -1)
    return pieces.Piece(
        model=model, epochs=epochs, seed=seed, errors=errors, seconds_an_epoch=2.0, parameters=7, seconds=9.0
    )


@pytest.mark.parametrize(
    ("model", "epochs", "name"),
    [
        ("COMMA", 30, "COMMA-seed-2.npz"),
        ("M3GNet", 10, "M3GNet-10-epochs-seed-2.npz"),
        ("a-b", 1, "a-b-1-epochs-seed-2.npz"),
    ],
)
def test_a_piece_is_found_again_under_its_name(model, epochs, name, tmp_path):
    piece(model, epochs, 2, 0.5).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (found,) = pieces.read(tmp_path)
    assert (found.model, found.epochs, found.seed, found.parameters, found.seconds) == (model, epochs, 2, 7, 9.0)
    np.testing.assert_array_equal(found.errors, piece(model, epochs, 2, 0.5).errors)


def test_pieces_without_epochs_in_their_name_are_of_thirty(tmp_path):
    np.savez(tmp_path / "CGCNN-seed-0.npz", errors=np.ones(3), epoch=1.5, parameters=4, seconds=2.5)
    np.savez(tmp_path / "rows-40.npz", gaps=np.ones(3))
    (found,) = pieces.read(tmp_path)
    assert (found.model, found.epochs, found.seed, found.seconds_an_epoch) == ("CGCNN", 30, 0, 1.5)


def made(found):
    return [form.checked(row) for row in figures(found, FORMULAS)]


def test_every_row_tells_its_epochs_and_models_of_other_epochs_are_not_compared():
    rows = made([piece("COMMA", 10, 0, 0.2), piece("CGCNN", 30, 0, 0.4)])
    assert [(row["model"], row["epochs"], row["metric"]) for row in rows if "MAE" in row["metric"]] == [
        ("COMMA", 10, "MAE, eV"),
        ("CGCNN", 30, "MAE, eV"),
    ]


def test_ratios_are_taken_over_the_seeds_that_both_have():
    found = [piece("COMMA", 30, 1, 0.2), piece("COMMA", 30, 2, 9.0), piece("CGCNN", 30, 0, 8.0)]
    found += [piece("CGCNN", 30, 1, 0.4), piece("MEGNet", 30, 2, 4.5), piece("M3GNet", 30, 7, 1.0)]
    rows = [row for row in made(found) if "/" in row["metric"]]
    assert [(row["model"], row["metric"], row.get("rival"), row["value"], row["seeds"]) for row in rows] == [
        ("COMMA", "MAE / CGCNN's", None, pytest.approx(0.5), 1),
        ("COMMA", "MAE / the rival's", "CGCNN", pytest.approx(0.5), 1),
        ("COMMA", "MAE / the rival's", "MEGNet", pytest.approx(2.0), 1),
    ]
    assert all(row["low"] == pytest.approx(row["value"]) == row["high"] for row in rows)


def test_errors_are_means_over_seeds_with_their_interval():
    rows = {row["metric"]: row for row in made([piece("COMMA", 30, 0, 0.2), piece("COMMA", 30, 1, 0.4)])}
    assert rows["MAE, eV"]["value"] == pytest.approx(0.3)
    assert rows["RMSE, eV"]["value"] == pytest.approx(0.3)
    assert rows["MAE, eV"]["low"] <= rows["MAE, eV"]["high"] == pytest.approx(0.3)


def crystals(count):
    rng = np.random.default_rng(count)
    value = {"positions": np.zeros((1, 3)), "cell": 3 * np.eye(3), "periodic": np.ones(3, dtype=bool)}
    return rows.Rows(
        structures=[value | {"numbers": rng.integers(1, 90, 1)} for _ in range(count)],
        gaps=rng.random(count).astype(np.float32),
        formulas=[f"formula {i}" for i in range(count)],
    )


def test_a_model_that_time_left_unfinished_is_gone_on_with(tmp_path, monkeypatch):
    parts = {"train": crystals(9), "validation": crystals(2), "test": crystals(4)}
    small = {"width": 8, "layers": 1, "splines": 6, "moments": (4, 2, 2)}
    monkeypatch.setattr(rows, "load", lambda *_, **__: parts)
    monkeypatch.setattr(command, "MODELS", {"COMMA": (models.Comma, small)})
    monkeypatch.setattr(command, "SETTINGS", loop.Settings(batch_size=4))
    monkeypatch.setattr(command, "write_result", lambda name, **_: name)
    monkeypatch.setenv("COMMA_DATA", str(tmp_path))

    def run(folder, minutes):
        monkeypatch.setattr(rows, "CACHE", tmp_path / folder)
        return command.main(["--seeds", "0", "--epochs", "3", "--threads", "1", "--minutes", minutes])

    assert [run("stopped", "0") for _ in range(3)] == [4, 4, 0]
    assert run("whole", "9") == 0
    (name,) = {path.name for path in tmp_path.glob("*/*")}  # no state is left
    assert name == "COMMA-3-epochs-seed-0.npz"
    stopped, whole = (arrays.read(tmp_path / folder / name)["errors"] for folder in ("stopped", "whole"))
    np.testing.assert_array_equal(stopped, whole)
