"""What a user's table of pairs names: structures and the records that belong to them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from comma_data.curate import sample_id
from comma_data.errors import DataError
from comma_data.nearest import did_you_mean
from comma_data.sample import Record

Pairs = Sequence[tuple[str, str]]
"""(name of a structure, name of what belongs to it)."""


def by_pairs(pairs: Pairs, records: Iterable[Record], merged: Mapping[str, str]) -> dict[str, list[str]]:
    """Id of a record that is no structure -> ids of the structures that pairs put it to.

    A record is called by its key, or by its file: the path or the name, with ending or without, where no other record
    is called the same. A record that has the key of the structure belongs to it anyway.

    Args:
        pairs: The table.
        records: Curated records.
        merged: `Curated.merged`: structures that go by the name of another.

    Raises:
        DataError: A name that no accepted record has, or several, or a record with another structure of its own.
    """
    if not pairs:
        return {}
    records = list(records)
    structures = _Names(record for record in records if record.modality == "structure")
    others = _Names(record for record in records if record.modality != "structure")
    found: defaultdict[str, list[str]] = defaultdict(list)
    for names in pairs:
        where = f"the pair {', '.join(names)}"
        first = merged.get(sample_id(names[0]))
        structure = first if first is not None else structures.id_of(names[0], where)
        other = others.id_of(names[1], where)
        if other in structures.keys and other != structure:
            raise DataError(f"{where}: {names[1]!r} has a structure of its own; correct the table")
        if other != structure:
            found[other].append(structure)
    return dict(found)


class _Names:
    """Names by which records are called."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.keys: dict[str, str] = {}
        """Id -> key."""
        self._files: defaultdict[str, set[str]] = defaultdict(set)
        for record in records:
            identifier = sample_id(record.key)
            self.keys[identifier] = record.key
            for name in _spellings(record.provenance.get("file", "")):
                self._files[sample_id(name)].add(identifier)

    def id_of(self, name: str, where: str) -> str:
        """The id of the record of a name."""
        identifier = sample_id(name)
        if identifier in self.keys:
            return identifier
        found = sorted(self._files.get(identifier, ()))
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(self.keys[i] for i in found[:3])
            raise DataError(f"{where}: {name!r} is the name of {len(found)} records ({some}, ...); write which one")
        meant = did_you_mean(name, self.keys.values())
        raise DataError(f"{where}: no accepted record is called {name!r}{meant or '; correct the table'}")


def _spellings(file: str) -> Iterator[str]:
    """A path, with ending and without, and the name of its file alone."""
    if file:
        pure = PurePosixPath(file)
        yield from (file, str(pure.with_suffix("")), pure.name, pure.stem)
