"""Fault 18: keys that come twice, crystals that come twice, and what stands on two sides of a split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from comma_data.build import prepare
from comma_data.config import Build, SplitBy
from comma_data.curate import curate
from comma_data.duplicates import CODE, without_duplicates
from comma_data.errors import LeakError
from comma_data.folds import audits, regrouped
from comma_data.sample import RawStructure, Record, Sample
from comma_data.split import BY, FOLDS, Split, audit

from benchmarks.reliability.outcome import Outcome

FAULT = 18
WHAT = "planted duplicate keys, crystals in another description, and leaks: all found; none left in the audited splits"


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - writes nothing
    """Plant 100 keys, 100 crystals and 30 leaks among the textbook's crystals, and audit its splits."""
    count = 100 if full else 20
    prepared = prepare(Build(name="planted", textbook=True), root=None)
    crystals = [r for r in prepared.curated.accepted if r.modality == "structure"]
    keys = curate([*crystals, *(replace(r, key=r.key.upper()) for r in crystals[:count])])
    found_keys = sum(r.code == "duplicate-id" for r in keys.refused)
    found_crystals, wrong = _crystals(crystals, count)
    kinds = [(kind, i) for kind in ("formula", "doi", "paragraph") for i in range(10)]
    leaks = [_leak_is_found(prepared.joined.samples, kind, i) for kind, i in kinds]
    walls = [_audited(prepared.joined.samples, by) for by in ("formula", "chemical_system", "prototype")]
    tried = 2 * count + len(leaks) + len(walls)
    survived = found_keys + found_crystals - wrong + sum(leaks) + sum(walls)
    note = (
        f"{found_keys} of {count} keys, {found_crystals} of {count} crystals (supercell, shift, other axes, strain;"
        f" {wrong} taken for another), {sum(leaks)} of {len(leaks)} leaks,"
        f" {sum(walls)} of {len(walls)} kinds of split clean"
    )
    return Outcome(tried=tried, survived=survived, lost=tried - survived, note=note)


def _crystals(crystals: list[Record], count: int) -> tuple[int, int]:
    """How many planted copies were found, and how many were taken for a copy of another crystal."""
    rng = np.random.default_rng(0)
    chosen = [crystals[i] for i in rng.permutation(len(crystals)) if len(crystals[i].value["numbers"]) <= 24][:count]
    copies = [replace(r, key=f"copy of {r.key}", value=_described_otherwise(r.value, rng)) for r in chosen]
    merged = without_duplicates(curate([*crystals, *copies]))
    again = [r for r in merged.refused if r.code == CODE and r.key.startswith("copy of ")]
    own = sum(r.message.endswith(f" {r.key.removeprefix('copy of ')}, which is kept") for r in again)
    return len(again), len(again) - own


def _described_otherwise(structure: RawStructure, rng: np.random.Generator) -> RawStructure:
    """The same crystal: a supercell, rotated, shifted, atoms in another order, strained by up to 1 %."""
    repeat = rng.permutation([2, 1, 1])
    shifts = np.stack(np.meshgrid(*map(range, repeat), indexing="ij"), -1).reshape(-1, 3) @ structure["cell"]
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    positions = (structure["positions"][None] + shifts[:, None]).reshape(-1, 3) + rng.uniform(0, 3, 3)
    order = rng.permutation(len(positions))
    scale = 1 + rng.uniform(-0.01, 0.01)
    return RawStructure(
        numbers=np.tile(structure["numbers"], len(shifts))[order],
        positions=scale * positions[order] @ rotation,
        cell=scale * (repeat[:, None] * structure["cell"]) @ rotation,
        periodic=structure["periodic"],
    )


def _leak_is_found(samples: tuple[Sample, ...], kind: str, number: int) -> bool:
    """Plant one shared group between train and test."""
    split = Split(test_fold=number % FOLDS)
    train = [s for s in samples if split.part(s.groups["fold"]) == "train"]
    test = [s for s in samples if split.part(s.groups["fold"]) == "test"]
    one, other = train[number], test[number]
    if kind == "formula":
        planted = replace(one, groups={**one.groups, "formula": other.groups["formula"]})
    else:
        known = tuple({**value, kind: f"planted {number}"} for value in one.provenance["text"])
        planted = replace(one, provenance={**one.provenance, "text": known})
        told = tuple({**value, kind: f"planted {number}"} for value in other.provenance["text"])
        test[number] = replace(other, provenance={**other.provenance, "text": told})
    try:
        audit({"train": [planted], "test": test})
    except LeakError as error:
        return kind in str(error)
    return False


def _audited(samples: tuple[Sample, ...], by: str) -> bool:
    placed = regrouped(samples, SplitBy.model_validate({"by": by}))
    return len(audits(placed, by=by)) == FOLDS and by in BY
