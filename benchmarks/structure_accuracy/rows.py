"""Structures with their band gap, and which of them are for training, for choices and for the test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from comma_data.sample import RawStructure, Record
from comma_data.sources import structures
from comma_data.split import FOLDS, fold

from benchmarks.results_form import ROOT
from benchmarks.structure_accuracy import arrays

CACHE = ROOT / "build" / "structure-accuracy"
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Structures of one part, in a fixed order."""

    structures: Sequence[RawStructure]
    gaps: np.ndarray
    """(rows,), eV."""
    formulas: Sequence[str]
    """Reduced formulas: what intervals are drawn over."""


def _kept(record: object, max_sites: int | None) -> bool:
    if not isinstance(record, Record) or record.modality != "structure":
        return False
    return "band_gap_pbe" in record.targets and (max_sites is None or len(record.value["numbers"]) <= max_sites)


def _read(data: Path, max_sites: int | None) -> list[Record]:
    found = structures.read(data / "matbench-mp-gap", targets={"band_gap": "band_gap_pbe"})
    return [record for record in found if isinstance(record, Record) and _kept(record, max_sites)]


def _stored(data: Path, max_sites: int | None) -> dict[str, np.ndarray]:
    """All rows as flat arrays, read once and kept."""
    path = CACHE / f"rows-{'all' if max_sites is None else max_sites}.npz"
    if not path.is_file():
        records = _read(data, max_sites)
        values = [record.value for record in records]
        flat = {
            "counts": [len(value["numbers"]) for value in values],
            "numbers": np.concatenate([value["numbers"] for value in values]),
            "positions": np.concatenate([value["positions"] for value in values]),
            "cells": np.stack([value["cell"] for value in values]),
            "gaps": [record.targets["band_gap_pbe"] for record in records],
            "formulas": [str(record.formula) for record in records],
        }
        arrays.write(path, flat)
    return arrays.read(path)


def part_of(formula: str, test_fold: int = 0) -> str:
    """Test is the fold asked for, validation the next one, train the rest: as everywhere in the project."""
    distance = (fold(formula) - test_fold) % FOLDS
    return {0: "test", 1: "validation"}.get(distance, "train")


def load(data: Path, *, max_sites: int | None, sizes: dict[str, int | None], test_fold: int = 0) -> dict[str, Rows]:
    """Rows of each part, `sizes[part]` of them drawn with a fixed seed, or all for None.

    Args:
        data: the folder that COMMA_DATA names.
        max_sites: larger cells are left out; None for no limit.
        sizes: part -> rows.
        test_fold: 0 to 4.
    """
    stored = _stored(data, max_sites)
    starts = np.concatenate([[0], np.cumsum(stored["counts"])])
    parts = np.array([part_of(str(formula), test_fold) for formula in stored["formulas"]])
    out = {}
    for number, part in enumerate(PARTS):
        places = np.random.default_rng(number).permutation(np.flatnonzero(parts == part))[: sizes[part]]
        out[part] = Rows(
            structures=[_structure(stored, starts, int(i)) for i in places],
            gaps=stored["gaps"][places].astype(np.float32),
            formulas=[str(formula) for formula in stored["formulas"][places]],
        )
    return out


def _structure(stored: dict[str, np.ndarray], starts: np.ndarray, i: int) -> RawStructure:
    span = slice(starts[i], starts[i + 1])
    return RawStructure(
        numbers=stored["numbers"][span],
        positions=stored["positions"][span],
        cell=stored["cells"][i],
        periodic=np.ones(3, dtype=bool),
    )
