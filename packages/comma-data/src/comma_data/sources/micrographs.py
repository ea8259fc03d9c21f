"""Micrographs: a folder or archive of images, with labels in names or a table, boxes and masks beside them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from comma_data.archive import ARCHIVES, is_archive, located, members
from comma_data.errors import DataError
from comma_data.folder_files import files_below
from comma_data.micrographs.beside import Beside, Place
from comma_data.micrographs.decode import Decoded, Task, decode
from comma_data.micrographs.formats import ENDINGS
from comma_data.micrographs.frame import ImageError
from comma_data.micrographs.framing import Framing, Rule, by_overlap
from comma_data.micrographs.labels import Rows, read_labels
from comma_data.micrographs.naming import compiled
from comma_data.micrographs.records import Maker
from comma_data.nearest import did_you_mean
from comma_data.pool import Engine, Serial
from comma_data.sample import Record, Refusal
from comma_data.wanted import Wanted

SOURCE = "micrographs"
LARGEST = 300_000_000
"""Bytes of one file."""

Item = Record | Refusal


def read(  # noqa: PLR0913 - one keyword for each option of a build
    path: Path,
    *,
    origin: str = "measured",
    formula: str | None = None,
    pattern: str | None = None,
    rename: Mapping[str, str] | None = None,
    label_from: Literal["pattern", "folder"] = "pattern",
    target: str = "label",
    table: str | None = None,
    boxes: str | None = None,
    masks: str | None = None,
    mask_classes: Sequence[str] = (),
    frames: Rule = "prefix",
    run_length: int = 20,
    run_gap: int = 4,
    band: int | None = None,
    nm_per_pixel: float | None = None,
    crop_border: bool = False,
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Item]:
    """Images in the order in which they are stored; the key is the path inside the folder or archive, made unique.

    A file that holds several images gives a record for each, up to 16. A row of the table, a mask or a box file that
    belongs to no image becomes a refusal (`no-image`). An image whose boxes or mask cannot be used is refused, as it
    would otherwise pass for one in which nothing is marked. They are those of its own folder or archive; of another
    archive only where neither the image nor they have a namesake.

    `path` is a folder (searched with all below it), an archive or a file; `engine` decodes; every other argument is the
    option of the same name of `comma_data.config.Micrographs`.

    Raises:
        ConfigError: An option that cannot be used.
        DataError: The path does not exist, an archive is damaged, or the table is missing or cannot be read.
    """
    maker = Maker(
        source=SOURCE,
        origin=origin,
        formula=formula,
        pattern=compiled(pattern),
        rename=rename or {},
        folders=label_from == "folder",
        target=target,
        framing=Framing(rule=frames, run_length=run_length, run_gap=run_gap),
        nm_per_pixel=nm_per_pixel,
        rows=_rows(path, table),
    )
    beside = Beside(
        boxes=Place(template=boxes) if boxes else None,
        masks=Place(template=masks) if masks else None,
    )
    yield from _collect(path, beside)
    work = partial(decode, source=SOURCE, classes=tuple(mask_classes), crop=crop_border)
    # one at a time: images are large, and few should wait in memory
    decoded: Iterator[Decoded | Refusal] = engine.map(work, _tasks(path, beside), on_death=_died, size=1)
    items = (item for one in decoded for item in maker.records(one))
    yield from _overlapping(items, band, maker) if frames == "overlap" else items
    yield from _left_over(beside, maker.rows, table)


def look(path: Path, *, table: str | None = None, pattern: str | None = None, **_: object) -> None:
    """Look at pattern and table, where they lie in a folder.

    Raises:
        ConfigError: The pattern cannot be used.
        DataError: The table is missing or cannot be read.
    """
    compiled(pattern)
    if path.is_dir() and table is not None and (path / table).is_file():
        read_labels((path / table).read_bytes(), f"{path}/{table}")
    elif path.is_dir():
        _rows(path, table)


def reads(
    file: Path, *, table: str | None = None, boxes: str | None = None, masks: str | None = None, **_: object
) -> bool:
    """Whether a file of this name may be read where it stands in the source's folder: images, boxes, masks, tables."""
    beside = {PurePosixPath(name).suffix.lower() for name in (table, boxes, masks) if name is not None}
    return Wanted(source=SOURCE, endings=(*ENDINGS, ".csv", ".txt", *ARCHIVES, *beside)).matches(file.name)


def _rows(path: Path, table: str | None) -> Rows:
    if table is None:
        return Rows()
    for member in members(path, (PurePosixPath(table).suffix.lower(),), SOURCE, largest=LARGEST):
        if not isinstance(member, Refusal) and member[0] == table:
            return Rows(rows=read_labels(member[1], f"{path}/{table}"))
    there = [str(f.relative_to(path)) for f in files_below(path) if f.suffix == ".csv"] if path.is_dir() else []
    meant = did_you_mean(table, there, cutoff=0.0)
    raise DataError(f"{path}: no table {table} in it{meant}; micrographs.table is a path inside the folder or archive")


def _collect(path: Path, beside: Beside) -> Iterator[Refusal]:
    """Read boxes and masks, which may be stored before or behind their images; refuse what comes twice."""
    if not beside.endings:
        return
    beside.alone = _alone(path, beside)
    for archive, member in located(path, beside.endings, SOURCE, largest=LARGEST):
        if isinstance(member, Refusal):
            if beside.holds(member.key):
                yield member
        elif beside.holds(member[0]) and not beside.add(archive, *member):
            message = f"{member[0]}: comes twice in {path.name}; the first was taken"
            yield Refusal(source=SOURCE, key=member[0], code="duplicate-annotation", message=message)


def _alone(path: Path, beside: Beside) -> frozenset[str]:
    """Paths of images that come once, in a folder with archives; elsewhere nothing lies in another archive."""
    if not path.is_dir() or not any(is_archive(file.name) for file in files_below(path)):
        return frozenset()
    items = (item for item in members(path, ENDINGS, SOURCE, largest=LARGEST) if not isinstance(item, Refusal))
    times = Counter(name for name, _ in items if not beside.holds(name))
    return frozenset(name for name, number in times.items() if number == 1)


def _tasks(path: Path, beside: Beside) -> Iterator[Task | Refusal]:
    for archive, member in located(path, ENDINGS, SOURCE, largest=LARGEST):
        name = member.key if isinstance(member, Refusal) else member[0]
        if beside.holds(name):
            continue
        if isinstance(member, Refusal):
            yield member
        else:
            yield Task(
                name=name, data=member[1], boxes=beside.boxes_of(archive, name), mask=beside.mask_of(archive, name)
            )


def _died(task: Task | Refusal) -> Decoded | Refusal:
    if isinstance(task, Refusal):
        return task
    message = f"{task.name}: the process that read it died; report the file to comma-data"
    return Refusal(source=SOURCE, key=task.name, code="parser-died", message=message)


def _overlapping(items: Iterator[Item], band: int | None, maker: Maker) -> Iterator[Item]:
    """Every image is needed before the first can be placed."""
    everything = list(items)
    records = [item for item in everything if isinstance(item, Record)]

    def refuse(record: Record, error: ImageError) -> Refusal:
        return maker.refusal(record.provenance["file"], error)

    placed = iter(by_overlap(records, band=band, refuse=refuse))
    yield from (next(placed) if isinstance(item, Record) else item for item in everything)


def _left_over(beside: Beside, rows: Rows, table: str | None) -> Iterator[Refusal]:
    for name in beside.unused():
        message = f"{name}: belongs to no image; add the image or remove the file"
        yield Refusal(source=SOURCE, key=name, code="no-image", message=message)
    for name in rows.unused():
        message = f"{table}, row {name}: no image of this name; add the image or remove the row"
        yield Refusal(source=SOURCE, key=name, code="no-image", message=message)
