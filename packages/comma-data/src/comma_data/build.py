"""A build from one end to the other: sources, curation, duplicates, joining, splitting, simulation, shards."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from comma_data.allowance import check_refused, list_refused, refused_list
from comma_data.config import Build
from comma_data.curate import Curated, curate, with_rows
from comma_data.duplicates import without_duplicates
from comma_data.errors import RefusedError
from comma_data.first_look import look
from comma_data.folds import audits, regrouped
from comma_data.inputs import Table, below, hashes, tables
from comma_data.join import Joined, join
from comma_data.leftovers import MATCHES
from comma_data.manifest import Manifest
from comma_data.pairs import Pairs
from comma_data.pool import Engine, Serial
from comma_data.present import existing
from comma_data.remarks import remarks
from comma_data.sample import Record, Refusal, Sample
from comma_data.shard import JOURNAL
from comma_data.simulated import simulator
from comma_data.sources import textbook
from comma_data.storage import check_folder, with_name_of_its_own
from comma_data.two_columns import two_columns
from comma_data.writer import Description, write

Progress = Callable[[str, int], None]
"""Called with what is being done and how many records that makes."""


Remark = Callable[[str], None]
"""Called with a line that the user should read, though nothing is wrong."""


def silent(_what: str, _done: int) -> None:
    """Progress that goes nowhere."""


def unheard(_line: str) -> None:
    """Remarks that go nowhere."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a build found, before anything is written."""

    curated: Curated
    joined: Joined


def build(  # noqa: PLR0913 - one option each
    build: Build,
    *,
    root: Path | None,
    out: Path,
    engine: Engine = Serial(),  # noqa: B008 - frozen
    progress: Progress = silent,
    remark: Remark = unheard,
) -> Manifest:
    """Build a data set; one that stands in `out` already, made from the same files in the same way, is left alone.

    Args:
        build: What to build.
        root: Folder of the foreign data; None for a build that reads none.
        out: Folder to write. What an interrupted build compared and finished there is kept.
        engine: What parses, matches and simulates.
        progress: Is told how far it is.
        remark: Is told what the user should know: see `remarks.remarks`.

    Raises:
        ConfigError: The root, a source or a table is missing, or `out` holds another data set, or has no name.
        RefusedError: More was refused than the build allows; no shard is written, and every refusal is listed in
            `OUT.refused.jsonl`.
        DataError: A source cannot be read.
        StorageError: The disk does not take a file.
    """
    out = with_name_of_its_own(out)
    look(build, root)
    inputs = hashes(build, root)
    present = existing(build, inputs, out)
    if present is not None:
        return present
    check_folder(out)
    prepared = _prepared(build, root, engine, progress, out / JOURNAL / MATCHES)
    _check_refused(build, prepared.curated, out)
    samples = prepared.joined.samples
    split = split_of(build, samples)
    for line in remarks(prepared.curated, samples):
        remark(line)
    description = Description(
        name=build.name,
        build=build.model_dump(mode="json"),
        inputs=inputs,
        counts=prepared.curated.counts,
        joined=prepared.joined.counts,
        split_salt=build.split.salt,
        split=split,
        refused=prepared.curated.refused,
    )
    return write(
        _counted(samples, "written", progress),
        out,
        description,
        samples_per_shard=build.samples_per_shard,
        finish=simulator(build.simulate, samples),
        engine=engine,
    )


def prepare(
    build: Build,
    *,
    root: Path | None,
    engine: Engine = Serial(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Prepared:
    """Read, curate, join and split, without writing anything.

    Args:
        build: What to build.
        root: Folder of the foreign data.
        engine: What parses and matches.
        progress: Is told how far it is.

    Raises:
        ConfigError: The root, a source or a table is missing, or a table of pairs or groups cannot be used.
        DataError: A source cannot be read.
    """
    look(build, root)
    return _prepared(build, root, engine, progress, None)


def split_of(build: Build, samples: Sequence[Sample]) -> dict[str, Any]:
    """What a manifest says of the split: how it is made, and the audit of its walls.

    Raises:
        LeakError: What has to stay together stands on two sides.
    """
    return {
        "by": build.split.by,
        "salt": build.split.salt,
        "samples": len(samples),  # what is simulated from a sample stays on its side, and is not counted here
        "audit": audits(samples, by=build.split.by),
    }


def _prepared(build: Build, root: Path | None, engine: Engine, progress: Progress, memory: Path | None) -> Prepared:
    """As `prepare`; `memory` is the file in which comparisons of structures are kept for the next build."""
    matched: Counter[str] = Counter()
    curated = curate(_counted(_records(build, root, engine, matched), "read", progress), build.guard)
    if build.duplicates == "match":
        curated = without_duplicates(curated, engine=engine, progress=progress, memory=memory)
    curated = with_rows(curated, matched)
    joined = join(curated.accepted, pairs=_pairs(build, root), merged=curated.merged, salt=build.split.salt)
    samples = regrouped(joined.samples, build.split, root=root, engine=engine)
    return Prepared(curated=curated, joined=replace(joined, samples=samples))


def _check_refused(build: Build, curated: Curated, out: Path) -> None:
    """As `check_refused`, with every refusal in a file beside `out`."""
    try:
        check_refused(build, curated)
    except RefusedError as error:
        raise RefusedError(f"{error}\nevery refusal with its message: {list_refused(curated.refused, out)}") from error
    refused_list(out).unlink(missing_ok=True)


def _records(build: Build, root: Path | None, engine: Engine, matched: Counter[str]) -> Iterator[Record | Refusal]:
    if build.textbook:
        yield from textbook.read()
    for table in tables(build):
        folder = below(root, table, build.name)
        if folder is not None:
            yield from _labelled(table, table.read(folder, engine, matched))


def _labelled(table: Table, items: Iterable[Record | Refusal]) -> Iterator[Record | Refusal]:
    """Under the table's own name, where several tables are of one kind."""
    for item in items:
        yield replace(item, source=table.label) if item.source == table.kind else item


def _pairs(build: Build, root: Path | None) -> Pairs:
    if build.pairs is None:
        return ()
    return tuple(two_columns((root or Path()) / build.pairs, "structure", "other", option="pairs"))


def _counted(items: Iterable, what: str, progress: Progress) -> Iterator:
    for number, item in enumerate(items, start=1):
        progress(what, number)
        yield item
