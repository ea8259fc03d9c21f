"""Structures and molecules in files of many formats, with `properties.csv` beside them or not."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from comma_data.archive import ARCHIVES, located
from comma_data.charges import TOLERANCE, charge_balance, stated_charge
from comma_data.errors import StructureError
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.properties import FILE, Properties
from comma_data.properties import SOURCE as PROPERTIES
from comma_data.rows_beside import Rows
from comma_data.sample import Record, Refusal
from comma_data.structure_formats.formats import ENDINGS, LARGEST_COLLECTION, PREFIXES, Format, format_of
from comma_data.structure_formats.resolve import Disorder, resolve
from comma_data.structure_formats.sites import Sites, Unread
from comma_data.wanted import Member, Wanted, printable

SOURCE = "structures"

Item = Record | Refusal


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What became of one structure of a file, or of a file that gave none."""

    item: Item
    file: str = ""
    """Relative to the source's path, or to the archive; empty where it is not known."""
    entry: str = ""
    """Its name within a file of several."""

    @property
    def names(self) -> list[str]:
        """What a row may call it, the surest first."""
        path = PurePosixPath(self.file)
        inside = "" if self.entry.isdecimal() else self.entry
        alone = "" if self.entry else path.name
        folder = path.parent.name if path.name.lower() in PREFIXES else ""
        return [name for name in (self.item.key, inside, folder or alone) if name]

    def in_archive(self, archive: str) -> str:
        """Relative to the source's path, through the archive."""
        return f"{archive}/{self.file}" if archive else self.file


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
    the structure of that key or, in a file of several, of that name (not of a bare number, which every such file has),
    or else to the structure that is alone in the file of that name, or of that folder where the file is called by its
    format, as in `run1/POSCAR`. One without a structure, or with several, becomes
    a refusal of the source `properties`.

    Args:
        path: Folder (searched with all below it), archive or file; every `properties.csv` of the folder, and the
            first of each archive, is read first. It is about the files of its own folder and those below, in archives
            too, or of its archive.
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
    rows = Rows.below(path, targets, but)
    files = located(path, ENDINGS, SOURCE, prefixes=PREFIXES, largest=LARGEST_COLLECTION, but=but)
    parse = partial(_parse, options=_Options(disorder=disorder, charges=charges))
    for archive, found in engine.map(parse, files, on_death=_died):
        for one in found:
            yield _with_properties(one.item, rows.of(one.item.key, one.in_archive(archive), one.names), origin)
    if matched is not None:
        matched[PROPERTIES] += rows.matched()
    yield from rows.refusals()


def look(path: Path, *, targets: Mapping[str, str] | None = None, but: Collection[Path] = (), **_: object) -> None:
    """Read the tables alone, where they lie in a folder.

    Raises:
        ConfigError: Targets are asked for, and there is no `properties.csv`.
        DataError: One cannot be read.
    """
    if path.is_dir():
        Rows.below(path, targets, but, inside=False)


def reads(file: Path, **_: object) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    wanted = Wanted(source=SOURCE, endings=(*ENDINGS, *ARCHIVES), prefixes=PREFIXES)
    return file.name == FILE or wanted.matches(file.name)


def _parse(place: tuple[str, Member | Refusal], *, options: _Options) -> tuple[str, list[_Found]]:
    """The archive, and what is in one file."""
    return place[0], _parsed(place[1], options)


def _parsed(member: Member | Refusal, options: _Options) -> list[_Found]:
    """Each structure of one file, or the file where it has none."""
    if isinstance(member, Refusal):
        return [_Found(item=member)]
    name, data = member
    kind = format_of(name)

    def refused(code: str, message: str) -> list[_Found]:
        return [_Found(item=_refusal(_stem(name), code, f"{name}: {message}"), file=name)]

    if kind is None:
        return refused(
            "unknown-format",
            f"no structure format; give {', '.join(ENDINGS)}, or the beginning {' or '.join(PREFIXES)}",
        )
    if len(data) > kind.largest:
        return refused("file-too-large", f"{len(data)} bytes: at most {kind.largest}")
    try:
        with time_limit(kind.seconds), np.errstate(all="ignore"):  # what overflows, the guard refuses
            return _outcomes(name, list(kind.read(data)), kind, options) or refused(
                "no-atoms", "the file holds no structure"
            )
    except StructureError as error:
        return refused(error.code, str(error))
    except (TooSlowError, MemoryError, RecursionError) as error:
        return refused("too-costly", f"parsing {error}")


def _outcomes(name: str, found: list[Sites | Unread], kind: Format, options: _Options) -> list[_Found]:
    several = len(found) > 1
    out = []
    for one in found:
        entry = printable(one.name) if several else ""
        key = f"{_stem(name)}-{entry}" if several else _stem(name)
        known = {"file": name, "format": kind.name, **({"entry": entry} if several else {})}
        item: Item
        try:
            item = _record(key, one, known, options)
        except StructureError as error:
            item = _refusal(key, error.code, f"{name}, {entry}: {error}" if several else f"{name}: {error}")
        out.append(_Found(item=item, file=name, entry=entry))
    return out


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


def _died(place: tuple[str, Member | Refusal]) -> tuple[str, list[_Found]]:
    archive, member = place
    if isinstance(member, Refusal):
        return archive, [_Found(item=member)]
    message = f"{member[0]}: the process that parsed it died; report the file to comma-data"
    return archive, [_Found(item=_refusal(_stem(member[0]), "parser-died", message), file=member[0])]


def _with_properties(item: Item, row: Properties | None, origin: str) -> Item:
    if isinstance(item, Refusal):
        return item
    known = {"origin": origin, **item.provenance}
    if row is None:
        return replace(item, provenance=known)
    stated = row.formula if row.formula and "disorder" not in known else item.formula
    return replace(item, formula=stated, targets=row.targets, provenance=known)


def _stem(name: str) -> str:
    """The file's name without the ending of its format; names such as `POSCAR.relaxed` stay whole.

    Of a file that is called by its format alone, as VASP's are in the folder of each run, it is the path.
    """
    base = PurePosixPath(name).name
    if base.lower() in PREFIXES:
        return name
    return next((base[: -len(ending)] for ending in ENDINGS if base.lower().endswith(ending)), base) or base
