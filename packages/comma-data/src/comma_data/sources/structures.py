"""Crystal structures: a folder or archive of CIF files, with `properties.csv` beside them or not."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from comma_data.archive import Member, members
from comma_data.cif import CifStructure, read_cif
from comma_data.errors import StructureError
from comma_data.pool import TooSlowError, ordered_map, time_limit
from comma_data.properties import FILE, Properties, read_properties
from comma_data.sample import Record, Refusal

SOURCE = "structures"
LONGEST = 5.0
"""Seconds that one file may take."""

Item = Record | Refusal


def read(
    path: Path, *, targets: Mapping[str, str] | None = None, origin: str = "computed", workers: int = 0
) -> Iterator[Item]:
    """Structures in the order in which they are stored; the key is the file's name without its ending.

    A row of the table without a structure becomes a refusal of the source `properties`.

    Args:
        path: Folder (searched with all below it), archive or file; of a folder, `properties.csv` is read first.
        targets: Column of `properties.csv` -> name of the target; None takes every column.
        origin: `computed`, `measured`, ...: where these structures come from, for their provenance.
        workers: Processes that parse; 0 parses in this one.

    Raises:
        DataError: The path does not exist, an archive is damaged, or `properties.csv` cannot be read.
    """
    table_path = path / FILE
    table = read_properties(table_path, targets) if table_path.is_file() else {}
    seen: set[str] = set()
    parsed = ordered_map(_parse, members(path, ".cif", SOURCE), workers=workers, on_death=_died)
    for item in (item for items in parsed for item in items):
        seen.add(item.key)
        yield _with_properties(item, table.get(item.key), origin)
    for key in table:
        if key not in seen:
            message = f"{table_path}: no structure of this name; add {key}.cif or remove the row"
            yield Refusal(source="properties", key=key, code="no-structure", message=message)


def _parse(member: Member | Refusal) -> list[Item]:
    """The structures of one file, or why it has none."""
    if isinstance(member, Refusal):
        return [member]
    name, data = member
    key = PurePosixPath(name).stem
    refused = partial(Refusal, source=SOURCE, key=key)
    try:
        with time_limit(LONGEST):
            found = list(read_cif(data.decode("utf-8-sig")))
    except StructureError as error:
        return [refused(code=error.code, message=f"{name}: {error}")]
    except UnicodeDecodeError as error:
        return [refused(code="not-utf-8", message=f"{name}: {error.reason} at byte {error.start}; save it as UTF-8")]
    except (TooSlowError, MemoryError, RecursionError) as error:
        return [refused(code="too-costly", message=f"{name}: parsing {error}")]
    return [_record(key if len(found) == 1 else f"{key}-{one.block}", name, one) for one in found]


def _record(key: str, name: str, found: CifStructure) -> Record:
    return Record(
        source=SOURCE,
        key=key,
        modality="structure",
        value=found.structure,
        formula=found.formula,
        provenance={"file": name},
    )


def _died(member: Member | Refusal) -> list[Item]:
    key = member.key if isinstance(member, Refusal) else PurePosixPath(member[0]).stem
    message = "the process that parsed it died; report the file to comma-data"
    return [Refusal(source=SOURCE, key=key, code="parser-died", message=message)]


def _with_properties(item: Item, row: Properties | None, origin: str) -> Item:
    if isinstance(item, Refusal):
        return item
    return Record(
        source=item.source,
        key=item.key,
        modality=item.modality,
        value=item.value,
        formula=row.formula if row and row.formula else item.formula,
        targets=row.targets if row else {},
        provenance={"origin": origin, **item.provenance},
    )
