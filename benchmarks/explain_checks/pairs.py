"""Which pairs are asked: values of one entry, of formulas that the model never saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from comma_data.shards import ShardSet
from comma_data.split import Split, group_hash, group_of
from comma_encoders.modalities.text.lexer import words
from comma_encoders.model import AlignedModel
from comma_eval.seen import refuse_seen

from benchmarks.explain_checks.planted import formulas

ATOMS = (3, 40)
"""Fewest and most atoms of a structure: of two, little can be ranked; and all has to be asked in minutes."""
WORDS = 8
"""Fewest words of a text."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two values of one entry."""

    id: str
    formula: str
    values: tuple[tuple[str, Any], tuple[str, Any]]
    """(modality, raw value) twice."""


def pairs(data: ShardSet, model: AlignedModel, part: str, modalities: tuple[str, str], count: int) -> list[Pair]:
    """One entry for each formula, formulas in the order of their hashes; of several values the first.

    Raises:
        SeenError: the model has seen one of the formulas.
    """
    found: dict[str, Pair] = {}
    for pair in _fitting(data, part, modalities):
        found.setdefault(pair.formula, pair)
    chosen = sorted(found.values(), key=lambda pair: group_hash(pair.formula))[:count]
    refuse_seen([pair.formula for pair in chosen], model.about.get("groups_seen"))
    return chosen


def _fitting(data: ShardSet, part: str, modalities: tuple[str, str]) -> Iterator[Pair]:
    split = Split(test_fold=0)
    rows = [r for r in data.rows if split.part(r.fold) == part and set(modalities) <= r.modalities.keys()]
    for row in sorted(rows, key=lambda row: group_hash(row.id)):
        sample = data.read(data.position(row.id), modalities=modalities)
        first, second = ((m, sample.fields[m][0]) for m in modalities)
        if fits(*first) and fits(*second):
            yield Pair(id=row.id, formula=group_of(sample), values=(first, second))


def fits(modality: str, value: Any) -> bool:
    """Whether a value has something to rank: a few atoms of two species, a text that names a material."""
    if modality == "structure":
        return ATOMS[0] <= len(value["numbers"]) <= ATOMS[1] and len(set(value["numbers"].tolist())) > 1
    return modality != "text" or (sum(len(words(step)) for step in value) >= WORDS and bool(formulas(value)))
