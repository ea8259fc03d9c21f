"""Structures and molecules in files of many formats, with `properties.csv` beside them or not."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from comma_data.archive import ARCHIVES, is_archive, members
from comma_data.charges import TOLERANCE, charge_balance, stated_charge
from comma_data.errors import ConfigError, StructureError
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.properties import FILE, Properties, parse_properties, read_properties
from comma_data.properties import SOURCE as PROPERTIES
from comma_data.sample import Record, Refusal
from comma_data.structure_formats.formats import ENDINGS, LARGEST_COLLECTION, PREFIXES, Format, format_of
from comma_data.structure_formats.resolve import Disorder, resolve
from comma_data.structure_formats.sites import Sites, Unread
from comma_data.wanted import Member, Wanted, printable

SOURCE = "structures"
LARGEST_TABLE = 256_000_000
"""Bytes of a `properties.csv` inside an archive."""

Item = Record | Refusal


@dataclass(frozen=True, kw_only=True)
class _Options:
    disorder: Disorder
    charges: Literal["note", "refuse"]


def read(  # noqa: PLR0913 - the options of the source, by name
    path: Path,
    *,
    targets: Mapping[str, str] | None = None,
    origin: str = "computed",
    disorder: Disorder = "refuse",
    charges: Literal["note", "refuse"] = "note",
    but: Collection[Path] = (),
    matched: Counter[str] | None = None,
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Item]:
    """Structures in the order in which they are stored.

    The key is the file's name without its ending; where a file holds several structures, the name of the block or
    entry, or the number of the frame, row or molecule from 1, follows behind a hyphen. A row of the table belongs to
    the structure of that key or, in a file of several, of that name, or of the file's name with its ending; one without
    a structure becomes a refusal of the source `properties`.

    Args:
        path: Folder (searched with all below it), archive or file; `properties.csv` of the folder or archive is read
            first.
        targets: Column of `properties.csv` -> name of the target; None takes every column.
        origin: `computed`, `measured`, ...: where these structures come from, for their provenance.
        disorder: What is done with partly occupied sites.
        charges: `refuse` refuses a structure whose stated charges do not sum to zero (`charge-unbalanced`).
        but: Folders and files below the path that other sources read.
        matched: Is told, under `properties`, how many rows of the table belong to a structure.
        engine: What parses.

    Raises:
        ConfigError: Targets are asked for, and there is no `properties.csv`.
        DataError: The path does not exist, an archive is damaged, or `properties.csv` cannot be read.
    """
    table = _table(path, targets)
    seen: set[str] = set()
    files = members(path, ENDINGS, SOURCE, prefixes=PREFIXES, largest=LARGEST_COLLECTION, but=but)
    parse = partial(_parse, options=_Options(disorder=disorder, charges=charges))
    for items in engine.map(parse, files, on_death=_died):
        for name, item in items:
            row = next((key for key in (item.key, name, _file(item)) if key in table), None)
            seen |= {row} if row is not None else set()
            yield _with_properties(item, None if row is None else table[row], origin)
    if matched is not None:
        matched[PROPERTIES] += len(seen)
    for key in table:
        if key not in seen:
            message = f"{path}, {FILE}: no structure of the name {key}; add its file or remove the row"
            yield Refusal(source=PROPERTIES, key=key, code="no-structure", message=message)


def look(path: Path, *, targets: Mapping[str, str] | None = None, **_: object) -> None:
    """Read the table alone, where it lies in a folder.

    Raises:
        ConfigError: Targets are asked for, and there is no `properties.csv`.
        DataError: It cannot be read.
    """
    if path.is_dir():
        _table(path, targets)


def reads(file: Path) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    wanted = Wanted(source=SOURCE, endings=(*ENDINGS, *ARCHIVES), prefixes=PREFIXES)
    return file.name == FILE or wanted.matches(file.name)


def _table(path: Path, targets: Mapping[str, str] | None) -> dict[str, Properties]:
    """The rows of `properties.csv` in the folder or archive; none where there is no such file."""
    if path.is_dir() and (path / FILE).is_file():
        return read_properties(path / FILE, targets)
    if path.is_file() and is_archive(path.name):
        for member in members(path, (f"{FILE}",), SOURCE, largest=LARGEST_TABLE):
            if not isinstance(member, Refusal) and PurePosixPath(member[0]).name == FILE:
                return parse_properties(f"{path}, {member[0]}", member[1], targets)
    if targets and path.exists():
        asked = ", ".join(targets)
        raise ConfigError(
            f"structures.targets: {asked}: columns of {FILE}, and {path} has none; properties inside of structure files"
            " are not read"
        )
    return {}


def _file(item: Item) -> str:
    """Name of the file of a structure that is alone in it."""
    known = item.provenance if isinstance(item, Record) else {}
    return "" if "entry" in known else PurePosixPath(known.get("file", "")).name


def _parse(member: Member | Refusal, *, options: _Options) -> list[tuple[str, Item]]:
    """Name within the file and outcome of each structure of one file, or of the file where it has none."""
    if isinstance(member, Refusal):
        return [("", member)]
    name, data = member
    kind = format_of(name)
    refused = partial(_refusal, _stem(name))
    if kind is None:
        message = f"{name}: no structure format; give {', '.join(ENDINGS)}, or the beginning {' or '.join(PREFIXES)}"
        return [("", refused("unknown-format", message))]
    if len(data) > kind.largest:
        return [("", refused("file-too-large", f"{name}: {len(data)} bytes: at most {kind.largest}"))]
    try:
        with time_limit(kind.seconds), np.errstate(all="ignore"):  # what overflows, the guard refuses
            return _outcomes(name, kind, list(kind.read(data)), options)
    except StructureError as error:
        return [("", refused(error.code, f"{name}: {error}"))]
    except (TooSlowError, MemoryError, RecursionError) as error:
        return [("", refused("too-costly", f"{name}: parsing {error}"))]


def _outcomes(name: str, kind: Format, found: list[Sites | Unread], options: _Options) -> list[tuple[str, Item]]:
    several = len(found) > 1
    if not found:
        message = f"{name}: the file holds no structure"
        return [("", _refusal(_stem(name), "no-atoms", message))]
    items: list[tuple[str, Item]] = []
    for one in found:
        entry = printable(one.name)
        key = f"{_stem(name)}-{entry}" if several else _stem(name)
        known = {"file": name, "format": kind.name, **({"entry": entry} if several else {})}
        try:
            items.append((entry, _record(key, one, known, options)))
        except StructureError as error:
            message = f"{name}, {entry}: {error}" if several else f"{name}: {error}"
            items.append((entry, _refusal(key, error.code, message)))
    return items


def _record(key: str, found: Sites | Unread, known: Mapping[str, str], options: _Options) -> Record:
    if isinstance(found, Unread):
        raise found.error
    resolved = resolve(found, options.disorder)
    charge = stated_charge(resolved.structure)
    if options.charges == "refuse" and charge is not None and not abs(charge) <= TOLERANCE:
        raise StructureError(
            "charge-unbalanced", f"the stated charges sum to {charge:+.3g} per formula unit: at most {TOLERANCE} off 0"
        )
    return Record(
        source=SOURCE,
        key=key,
        modality="structure",
        value=resolved.structure,
        formula=resolved.formula,
        provenance={**known, **resolved.notes, "charge_balance": charge_balance(resolved.structure)},
    )


def _refusal(key: str, code: str, message: str) -> Refusal:
    return Refusal(source=SOURCE, key=key, code=code, message=printable(message))


def _died(member: Member | Refusal) -> list[tuple[str, Item]]:
    if isinstance(member, Refusal):
        return [("", member)]
    message = f"{member[0]}: the process that parsed it died; report the file to comma-data"
    return [("", _refusal(_stem(member[0]), "parser-died", message))]


def _with_properties(item: Item, row: Properties | None, origin: str) -> Item:
    if isinstance(item, Refusal):
        return item
    known = {"origin": origin, **item.provenance}
    if row is None:
        return replace(item, provenance=known)
    stated = row.formula if row.formula and "disorder" not in known else item.formula
    return replace(item, formula=stated, targets=row.targets, provenance=known)


def _stem(name: str) -> str:
    """The file's name without the ending of its format; names such as `POSCAR.relaxed` stay whole."""
    base = PurePosixPath(name).name
    return next((base[: -len(ending)] for ending in ENDINGS if base.lower().endswith(ending)), base) or base
