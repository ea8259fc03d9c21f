"""Names of records: what each is called, whether two names are one, and which structures a record belongs to."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from comma_data.curate import sample_id
from comma_data.formulas import classify, reduced
from comma_data.pairs import Pairs, by_pairs
from comma_data.sample import Record

_WORDS = re.compile(r"[A-Za-z0-9.]+")


def id_of(record: Record) -> str:
    """The id that its key makes."""
    return sample_id(record.key)


def told_apart(name: str, other: str) -> str:
    """What tells a name from another of the same id: the formula of a word that case makes another one; else nothing.

    `NaCl` and `nacl` are one name, on a system that does not tell cases apart one file even, but `CO` is not `Co`.
    """
    for word, theirs in zip(_WORDS.findall(name), _WORDS.findall(other), strict=False):
        if word != theirs and word.casefold() == theirs.casefold():
            ours, amounts = classify(word).amounts, classify(theirs).amounts
            if ours and amounts and reduced(ours) != reduced(amounts):
                return reduced(ours)
    return ""


def is_named(name: str, record: Record, structure: Record) -> bool:
    """Whether a name that makes the id of a structure means that structure.

    Args:
        name: The key or the `entry` of the record.
        record: What may belong to the structure.
        structure: That structure. Formulas that are known go before what a name reads as: a file in capitals.
    """
    reads = told_apart(name, structure.key)
    return not reads or (structure.formula is not None and structure.formula in {reads, record.formula})


def apart(records: Iterable[Record]) -> list[Record]:
    """The records, those under another name that share a key by chance with the structure, or first record, of it.

    The formula tells, or where a record states none the case of its key. Of a structure with sites decided by majority
    the formula is no longer that of its source; an `entry` is the user's own word.
    """
    records = list(records)
    firsts: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: (record.modality != "structure", record.key)):
        firsts.setdefault(id_of(record), record)
    return [_called(record, firsts[id_of(record)]) for record in records]


def _called(record: Record, first: Record) -> Record:
    """The record, with a formula behind its key where that does not mean the first record of its id."""
    if record is first or "entry" in record.provenance:
        return record
    if record.formula is None:
        other = "" if is_named(record.key, record, first) else told_apart(record.key, first.key)
    else:
        sure = first.modality == "structure" and "disorder" not in first.provenance
        other = record.formula if sure and first.formula not in {None, record.formula} else ""
    return replace(record, key=f"{record.key} {other}") if other else record


@dataclass(frozen=True, kw_only=True)
class Homes:
    """Where records belong."""

    structures: Mapping[str, Record]
    merged: Mapping[str, str]
    by_formula: Mapping[str | None, list[str]]
    by_doi: Mapping[str, list[str]]
    by_pairs: Mapping[str, Sequence[str]]

    def of(self, record: Record) -> tuple[Sequence[str], str]:
        """Entries with the structures that a record belongs to, and how that is known; none where it meets none."""
        name = record.provenance.get("entry", record.key)
        entry = self.merged.get(sample_id(name), sample_id(name))
        if entry in self.structures and (entry != sample_id(name) or is_named(name, record, self.structures[entry])):
            return [entry], "entry"
        if id_of(record) in self.by_pairs:
            return self.by_pairs[id_of(record)], "pairs"
        if record.modality != "text" or "entry" in record.provenance:
            return [], "entry"
        doi = record.provenance.get("doi")
        same = [k for k in self.by_doi.get(doi or "", []) if record.formula in {None, self.structures[k].formula}]
        if same:
            return same, "doi"
        return (self.by_formula.get(record.formula, []) if record.formula else []), "formula"


def homes_of(records: Sequence[Record], pairs: Pairs, merged: Mapping[str, str]) -> Homes:
    """Where records belong.

    Args:
        records: All of them, `apart`.
        pairs: What the user says belongs together.
        merged: `Curated.merged`.

    Raises:
        DataError: As `pairs.by_pairs`.
    """
    structures = {id_of(record): record for record in records if record.modality == "structure"}
    by_formula: defaultdict[str | None, list[str]] = defaultdict(list)
    by_doi: defaultdict[str, list[str]] = defaultdict(list)
    for key, record in structures.items():
        by_formula[record.formula].append(key)
        if record.provenance.get("doi"):
            by_doi[record.provenance["doi"]].append(key)
    return Homes(
        structures=structures,
        merged=merged,
        by_formula=by_formula,
        by_doi=by_doi,
        by_pairs=by_pairs(pairs, records, merged),
    )
