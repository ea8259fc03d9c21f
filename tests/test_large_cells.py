"""The measurements on large cells: equal work is equal, and the rows fit the form."""

import math

import pytest

from benchmarks import results_form as form
from benchmarks.large_cells import equal_work, one_cell


def test_the_batches_hold_about_as_many_atoms_in_cells_of_growing_size():
    sizes = [8 * math.prod(size) for _, size in equal_work.BATCHES]
    assert sizes == [96, 1000, 4608, 20384]
    assert all(count * 8 * math.prod(size) == pytest.approx(20_000, rel=0.1) for count, size in equal_work.BATCHES)


def test_equal_work_gives_a_time_for_each_batch_and_the_ratio_of_their_extremes(monkeypatch):
    monkeypatch.setattr(equal_work, "REPEATS", 1)
    rows = [form.checked(row) for row in equal_work.rows([(2, (2, 1, 1)), (1, (2, 2, 1))])]
    assert len(rows) == 2 * 2 * 3
    *times, ratio = rows[:3]
    assert [(row["cells"], row["atoms"]) for row in times] == [(2, 16), (1, 32)]
    values = [row["value"] for row in times]
    assert ratio["value"] == pytest.approx(max(values) / min(values))
    assert (ratio["kind"], ratio["pass"]) == ("flat", "inference")


def test_one_cell_of_each_size_gives_time_and_memory(monkeypatch):
    monkeypatch.setattr(one_cell, "REPEATS", 1)
    rows = [form.checked(row) for row in one_cell.rows([(2, 1, 1)])]
    assert {row["metric"] for row in rows} >= {"nanoseconds per edge"}
    assert {(row["kind"], row["pass"]) for row in rows} == {
        (kind, name) for kind in ("flat", "regions of 8 Å") for name in ("inference", "training step")
    }
