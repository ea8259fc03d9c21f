"""Trainings that are stopped, killed or cut into parts end as whole ones do; and what is made of their folds."""

import json

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from benchmarks.structure_accuracy import arrays, loop, rows
from benchmarks.structure_accuracy.batches import Prepared, backward, order
from benchmarks.structure_accuracy.models import Comma
from benchmarks.structure_large import __main__ as command
from benchmarks.structure_large import figures, pieces
from benchmarks.structure_large.scores import Spearman

SMALL = {"width": 8, "layers": 1, "splines": 6, "moments": (4, 2, 2), "dropout": 0.2}
SETTINGS = loop.Settings(epochs=3, batch_size=4, average=0.5)


def crystals(count, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, count)
    grid = 2.1 * np.array(list(np.ndindex(2, 2, 2)))
    return rows.Rows(
        structures=[
            {
                "numbers": rng.integers(1, 90, n),
                "positions": rng.permutation(grid)[:n] + rng.normal(0, 0.1, (n, 3)),
                "cell": np.eye(3) * 4.2,
                "periodic": np.ones(3, dtype=bool),
            }
            for n in sizes
        ],
        gaps=np.where(rng.random(count) < 0.3, 0, rng.random(count)).astype(np.float32),
        formulas=[f"formula {seed} {i // 2}" for i in range(count)],
    )


PARTS = {"train": crystals(13), "test": crystals(6, seed=1)}


def trained(keeping=None, settings=SETTINGS, model=Comma):
    return loop.train(model(0, **SMALL), PARTS, settings, 0, "trial", keeping=keeping).predictions["test"]


class Killed(Comma):
    """Dies in the middle of the second epoch."""

    def __init__(self, seed, **changes):
        super().__init__(seed, **changes)
        self.left = 5

    def output(self, batch):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().output(batch)


def test_a_training_that_was_killed_goes_on_to_the_same_predictions(tmp_path):
    keeping = loop.Keeping(path=tmp_path / "state.npz")
    with pytest.raises(KeyboardInterrupt):
        trained(keeping, model=Killed)
    assert int(arrays.read(keeping.path)["epoch"]) == 1
    np.testing.assert_array_equal(trained(keeping), trained())


def test_a_training_that_is_stopped_after_every_epoch_gives_the_same_predictions(tmp_path):
    keeping = loop.Keeping(path=tmp_path / "state.npz", enough=lambda: True)
    for epoch in (1, 2):
        with pytest.raises(loop.UnfinishedError, match=f"{epoch} of 3 epochs are done"):
            trained(keeping)
    whole = trained()
    np.testing.assert_array_equal(trained(keeping), whole)
    np.testing.assert_array_equal(trained(keeping), whole)  # killed between the last epoch and the predictions


def test_the_state_of_another_training_is_refused(tmp_path):
    keeping = loop.Keeping(path=tmp_path / "state.npz")
    trained(keeping)
    with pytest.raises(ValueError, match="remove it to begin anew"):
        trained(keeping, settings=loop.Settings(epochs=4, batch_size=4))


def test_a_state_that_cannot_be_written_leaves_the_last_one(tmp_path):
    path = tmp_path / "state.npz"
    arrays.write(path, {"epoch": 1})
    with pytest.raises(ValueError, match="allow_pickle"):
        arrays.write(path, {"epoch": {}})
    assert arrays.read(path)["epoch"] == 1


def test_the_orders_are_those_that_one_generator_draws_in_turn():
    rng = np.random.default_rng(3)
    for epoch in range(4):
        np.testing.assert_array_equal(order(3, epoch, 20), rng.permutation(20))


def test_the_schedule_runs_once_over_all_epochs(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(loop, "_share", lambda _, step, steps_in_all: steps.append((step, steps_in_all)) or 1.0)
    keeping = loop.Keeping(path=tmp_path / "state.npz", enough=lambda: True)
    for _ in range(2):
        with pytest.raises(loop.UnfinishedError):
            trained(keeping)
    trained(keeping)
    assert steps == [(step, 9) for step in range(9)]


@pytest.mark.parametrize("limit", [1, 7, 12])
def test_parts_give_the_gradient_of_the_whole_batch(limit):
    found = []
    for most in (None, limit):
        model = Comma(0, **{**SMALL, "dropout": 0.0})
        prepared = Prepared.of(PARTS["train"].structures, model.prepare)
        places = np.random.default_rng(0).permutation(13)
        error = backward(model, prepared, torch.from_numpy(PARTS["train"].gaps), places, most)
        found.append([torch.tensor(error), *(p.grad for p in model.module.parameters() if p.grad is not None)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)
    assert len(found[0]) > 5


@pytest.mark.parametrize("limit", [1, 5, 7, 100])
def test_parts_hold_every_place_once_in_order_and_no_more_atoms_than_allowed(limit):
    prepared = Prepared.of(PARTS["train"].structures, lambda structure: structure)
    places = np.random.default_rng(1).permutation(13)
    parts = prepared.parts(places, limit)
    np.testing.assert_array_equal(np.concatenate(parts), places)
    assert all(len(part) == 1 or prepared.atoms[part].sum() <= limit for part in parts)
    assert len(parts) > 1 or limit == 100


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMMA_DATA", str(tmp_path))
    monkeypatch.setattr(pieces, "CACHE", tmp_path / "build")
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(pieces, "MAX_ATOMS", 20)
    monkeypatch.setattr(figures, "DRAWS", 20)
    monkeypatch.setattr(pieces.loop, "Settings", lambda **given: loop_settings(batch_size=4, **given))
    monkeypatch.setattr(
        pieces.rows, "load", lambda *_, test_fold, **__: {**PARTS, "test": crystals(6, seed=1 + test_fold)}
    )
    return tmp_path


loop_settings = loop.Settings
QUICK = ["--epochs", "2", "--threads", "1"]


def test_the_command_goes_on_where_time_ran_out_and_ends_with_the_same_result(folder, capsys):
    assert command.main([*QUICK, "--folds", "0", "3"]) == 0
    whole = json.loads((folder / "structure-large.json").read_text())["rows"]
    for path in (folder / "build").iterdir():
        path.unlink()
    (folder / "structure-large.json").unlink()
    codes = []
    while not codes or codes[-1]:
        codes.append(command.main([*QUICK, "--folds", "0", "3", "--minutes", "0"]))
        assert (folder / "structure-large.json").is_file() == (len(codes) > 1)
    assert codes == [4, 4, 4, 0]
    assert "1 of 2 epochs are done; the same command goes on" in capsys.readouterr().err
    pieced = json.loads((folder / "structure-large.json").read_text())
    assert "small, 2 epochs: 2 of 5 folds finished" in pieced["what"]
    for one, other in zip(pieced["rows"], whole, strict=True):
        assert one == other or one["metric"] == "seconds an epoch"
    assert not list((folder / "build").glob("*state*"))


def test_the_result_holds_both_models_on_all_and_on_non_metals_and_the_published_figures(folder):
    command.main([*QUICK, "--folds", "2"])
    rows_of = json.loads((folder / "structure-large.json").read_text())["rows"]
    found = {(r.get("model"), r.get("materials"), r["metric"]) for r in rows_of if r.get("fold") == 2}
    for materials in ("all", "non-metals"):
        assert {(figures.OURS, materials, metric) for metric in ("MAE, eV", "RMSE, eV", "Spearman")} <= found
        assert {(figures.MEAN, materials, metric) for metric in ("MAE, eV", "RMSE, eV")} <= found
    truth, mean = crystals(6, seed=3).gaps, PARTS["train"].gaps.mean()
    wanted = {"all": np.abs(truth - mean).mean(), "non-metals": np.abs(truth - mean)[truth > 0].mean()}
    for row in rows_of:
        if row.get("model") == figures.MEAN and row["metric"] == "MAE, eV" and "source" not in row:
            assert row["value"] == pytest.approx(wanted[row["materials"]], rel=1e-5)
            assert row["low"] <= row["value"] <= row["high"]
    assert all(row["source"].startswith("published, random split: 5-fold") for row in rows_of[-14:])


@pytest.mark.parametrize("fold", range(5))
def test_training_sees_no_formula_of_the_test_or_validation_fold(fold, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "CACHE", tmp_path)
    count = 200
    one = {"counts": np.ones(count, int), "numbers": np.ones(count, int), "positions": np.zeros((count, 3))}
    named = {"gaps": np.arange(count), "formulas": [f"Na{i // 2 + 1}Cl" for i in range(count)]}
    arrays.write(tmp_path / "rows-all.npz", {**one, "cells": np.zeros((count, 3, 3)), **named})
    sizes = {"train": None, "validation": None, "test": None}
    found = rows.load(tmp_path, max_sites=None, sizes=sizes, test_fold=fold)
    train, validation, test = (set(found[part].formulas) for part in ("train", "validation", "test"))
    assert sum(len(part.gaps) for part in found.values()) == count
    assert not train & (test | validation)
    assert min(len(train), len(validation), len(test)) > 5


def test_weighted_ranks_are_those_of_rows_that_occur_so_often():
    rng = np.random.default_rng(0)
    first, second, weights = rng.integers(0, 9, 60) * 0.5, rng.integers(0, 30, 60), rng.integers(0, 4, 60)
    wanted = spearmanr(np.repeat(first, weights), np.repeat(second, weights)).statistic
    assert Spearman(first, second)(weights.astype(float)) == pytest.approx(wanted, abs=1e-12)
    assert Spearman(np.ones(60), second)(weights.astype(float)) == 0.0
