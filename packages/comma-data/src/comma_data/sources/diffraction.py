"""Measured powder diffraction patterns: columns of text, XRDML, and CIF with a measured profile."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from comma_data.archive import ARCHIVES, members
from comma_data.columns import read_columns
from comma_data.file_names import protocol_in, specimen
from comma_data.patterns import PatternError, checked
from comma_data.pdcif import read_pdcif
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.properties import FILE as PROPERTIES
from comma_data.sample import RawPattern, Record, Refusal
from comma_data.text_files import TextError, decoded
from comma_data.wanted import Member, Wanted
from comma_data.xrdml import read_xrdml

SOURCE = "diffraction"
LONGEST = 10.0
"""Seconds that one file may take."""
LARGEST = 20_000_000
"""Bytes of one file."""
COLUMNS = (".xy", ".xye", ".csv", ".dat")
ENDINGS = (*COLUMNS, ".xrdml", ".cif")

Found = tuple[str, RawPattern | PatternError, str | None]
"""(name within the file or empty, pattern or what is wrong with it, reduced formula)."""


def read(
    path: Path,
    *,
    wavelength: float | None = None,
    names: Literal["nothing", "precursors"] = "nothing",
    origin: str = "measured",
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Record | Refusal]:
    """Patterns in the order in which they are stored; the key is the file's name without its ending.

    `properties.csv` is the table of a folder of structures, and no pattern.

    Several scans or data blocks of a file are a record each, with `-` and their number from 1, or the block's name,
    behind the key. The formula is known only where a CIF block states one.

    With `names="precursors"` each file gives a second record of the same key, with modality `text`: the `Protocol` that
    its name tells. Its formula is None and its target empty, since nobody says what was found. A name that tells none
    is refused with `name-unread`. Everything that comes of one specimen has its name as group `specimen`: a mixture
    that was scanned for 2 and for 8 minutes has to stay on one side of a split.

    A file is refused with a code of `patterns.checked`, `columns.read_columns`, `xrdml.read_xrdml` or
    `pdcif.read_pdcif`, with `not-utf-8`, `too-costly` or `parser-died`.

    Args:
        path: Folder (searched with all below it), archive or file.
        wavelength: Å, of the files that do not say.
        names: What the files' names tell.
        origin: Where the patterns come from, for their provenance.
        engine: What parses.

    Raises:
        DataError: The path does not exist, or an archive is damaged.
    """
    parse = partial(_parse, wavelength=wavelength, names=names, origin=origin)
    files = members(path, ENDINGS, SOURCE, largest=LARGEST)
    patterns = (file for file in files if isinstance(file, Refusal) or PurePosixPath(file[0]).name != PROPERTIES)
    for items in engine.map(parse, patterns, on_death=_died):
        yield from items


def reads(file: Path, **_: object) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    return file.name != PROPERTIES and Wanted(source=SOURCE, endings=(*ENDINGS, *ARCHIVES)).matches(file.name)


def _parse(member: Member | Refusal, *, wavelength: float | None, names: str, origin: str) -> list[Record | Refusal]:
    if isinstance(member, Refusal):
        return [member]
    name, data = member
    key = PurePosixPath(name).stem
    items: list[Record | Refusal]
    try:
        with time_limit(LONGEST):
            found = list(_patterns(name, decoded(data), wavelength))
    except (PatternError, TextError) as error:
        items = [_refused(key, name, error.code, str(error))]
    except (TooSlowError, MemoryError, RecursionError) as error:
        items = [_refused(key, name, "too-costly", f"reading {error}")]
    else:
        items = [
            _item(f"{key}-{part}" if part else key, name, value, formula, origin) for part, value, formula in found
        ]
    return [*items, *_told(key, name)] if names == "precursors" else items


def _patterns(name: str, text: str, wavelength: float | None) -> Iterator[Found]:
    if name.lower().endswith(".xrdml"):
        scans = list(read_xrdml(text, wavelength=wavelength))
        yield from ((str(i) if len(scans) > 1 else "", scan, None) for i, scan in enumerate(scans, start=1))
    elif name.lower().endswith(".cif"):
        blocks = list(read_pdcif(text, wavelength=wavelength))
        for i, block in enumerate(blocks, start=1):
            part = str(i) if len(blocks) > 1 else ""
            if isinstance(block, PatternError):
                yield part, block, None
            else:
                yield part, block.pattern, block.formula
    else:
        columns = read_columns(text, wavelength=wavelength)
        stated = columns.wavelength if columns.wavelength is not None else wavelength
        yield "", checked(columns.two_theta, columns.intensity, stated), None


def _item(key: str, name: str, value: RawPattern | PatternError, formula: str | None, origin: str) -> Record | Refusal:
    if isinstance(value, PatternError):
        return _refused(key, name, value.code, str(value))
    known = {"origin": origin, "file": name}
    groups = {"specimen": specimen(PurePosixPath(name).stem)}
    return Record(source=SOURCE, key=key, modality="xrd", value=value, formula=formula, groups=groups, provenance=known)


def _told(key: str, name: str) -> list[Record | Refusal]:
    protocol = protocol_in(key)
    if protocol is None:
        return [_refused(key, name, "name-unread", "the name tells no precursors with amounts or conditions")]
    known = {"origin": "file-name", "file": name, "recipe": key}
    groups = {"specimen": specimen(key)}
    return [
        Record(source=SOURCE, key=key, modality="text", value=protocol, formula=None, groups=groups, provenance=known)
    ]


def _refused(key: str, name: str, code: str, message: str) -> Refusal:
    return Refusal(source=SOURCE, key=key, code=code, message=f"{name}: {message}")


def _died(member: Member | Refusal) -> list[Record | Refusal]:
    if isinstance(member, Refusal):
        return [member]
    message = "the process that parsed it died; report the file to comma-data"
    return [_refused(PurePosixPath(member[0]).stem, member[0], "parser-died", message)]
