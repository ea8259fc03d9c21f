"""A build from one end to the other: sources, curation, duplicates, joining, splitting, simulation, shards."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import comma_data
from comma_data.codec import SCHEMA
from comma_data.config import Build
from comma_data.curate import Curated, curate
from comma_data.duplicates import CODE as DUPLICATE
from comma_data.duplicates import without_duplicates
from comma_data.errors import ConfigError, RefusedError, ShardError
from comma_data.folds import audits, regrouped
from comma_data.inputs import Table, below, hashes, tables
from comma_data.join import Joined, Pairs, join
from comma_data.manifest import INDEX, MANIFEST, Manifest, file_sha256
from comma_data.pool import Engine, Serial
from comma_data.sample import Record, Refusal
from comma_data.shard import JOURNAL
from comma_data.simulated import simulator
from comma_data.sources import textbook
from comma_data.storage import check_folder
from comma_data.two_columns import two_columns
from comma_data.writer import Description, write

MATCHES = "matches.jsonl"
"""In the journal: comparisons of structures that an interrupted build has made."""
Progress = Callable[[str, int], None]
"""Called with what is being done and how many records that makes."""


def silent(_what: str, _done: int) -> None:
    """Progress that goes nowhere."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a build found, before anything is written."""

    curated: Curated
    joined: Joined


def build(
    build: Build,
    *,
    root: Path | None,
    out: Path,
    engine: Engine = Serial(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Manifest:
    """Build a data set; one that stands in `out` already, made from the same files in the same way, is left alone.

    Args:
        build: What to build.
        root: Folder of the foreign data; None for a build that reads none.
        out: Folder to write. What an interrupted build compared and finished there is kept.
        engine: What parses, matches and simulates.
        progress: Is told how far it is.

    Raises:
        ConfigError: The root is missing, or `out` holds another data set.
        RefusedError: More was refused than the build allows; no shard is written.
        DataError: A source cannot be read.
        StorageError: The disk does not take a file.
    """
    inputs = hashes(build, root)
    present = existing(build, inputs, out)
    if present is not None:
        return present
    check_folder(out)
    prepared = prepare(build, root=root, engine=engine, progress=progress, memory=out / JOURNAL / MATCHES)
    check_refused(build, prepared.curated)
    samples = prepared.joined.samples
    description = Description(
        name=build.name,
        build=build.model_dump(mode="json"),
        inputs=inputs,
        counts=prepared.curated.counts,
        joined=prepared.joined.counts,
        split_salt=build.split.salt,
        split={
            "by": build.split.by,
            "salt": build.split.salt,
            "samples": len(samples),  # what is simulated from a sample stays on its side, and is not counted here
            "audit": audits(samples, by=build.split.by),
        },
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
    memory: Path | None = None,
) -> Prepared:
    """Read, curate, join and split, without writing a data set.

    Args:
        build: What to build.
        root: Folder of the foreign data.
        engine: What parses and matches.
        progress: Is told how far it is.
        memory: File in which comparisons of structures are kept, so that the next build need not make them again.

    Raises:
        ConfigError: The root is missing, or a table of pairs or groups cannot be used.
        DataError: A source cannot be read.
    """
    curated = curate(_counted(_records(build, root, engine), "read", progress), build.guard)
    if build.duplicates == "match":
        curated = without_duplicates(curated, engine=engine, progress=progress, memory=memory)
    joined = join(curated.accepted, pairs=_pairs(build, root), merged=curated.merged, salt=build.split.salt)
    samples = regrouped(joined.samples, build.split, root=root, engine=engine)
    return Prepared(curated=curated, joined=replace(joined, samples=samples))


def check_refused(build: Build, curated: Curated) -> None:
    """Stop where nothing was accepted, or too much refused.

    Raises:
        RefusedError: The message has the share, what is allowed, and the first refusal of each code.
    """
    if not curated.accepted:
        raise RefusedError(f"build {build.name}: no record was accepted{_examples(curated.refused)}")
    for table in tables(build):
        counts = curated.counts.get(table.label)
        limit = table.source.max_refused
        if counts is None and not table.source.optional:
            raise RefusedError(
                f"build {build.name}: no record in {table.kind} {table.source.path}: are these the files?"
            )
        faulty = {code: number for code, number in counts.refused.items() if code != DUPLICATE} if counts else {}
        share = sum(faulty.values()) / counts.read if counts else 0.0
        if share > limit:
            refused = [r for r in curated.refused if r.source == table.label and r.code != DUPLICATE]
            raise RefusedError(
                f"build {build.name}: {share:.1%} of the {table.label} were refused, at most {limit:.1%} are allowed;"
                f" correct the files, or raise the limit if you can do without these{_examples(refused)}"
            )


def existing(build: Build, inputs: Mapping[str, str], out: Path) -> Manifest | None:
    """The manifest in `out` if it is what this build would write, None where there is no data set.

    Raises:
        ConfigError: Another data set stands there.
    """
    if not (out / MANIFEST).exists():
        foreign = [*out.glob("shard-*.tar"), *out.glob(INDEX)] if not (out / JOURNAL).is_dir() else []
        if foreign:
            raise ConfigError(f"{out} holds {foreign[0].name} of something else; give another --out")
        return None
    try:
        manifest = Manifest.read(out)
    except ShardError as error:
        raise ConfigError(f"{out} holds a damaged data set: {error}; remove it first") from error
    made = (dict(manifest.build), dict(manifest.inputs), manifest.package_version, manifest.schema_version)
    if made != (build.model_dump(mode="json"), inputs, comma_data.__version__, SCHEMA):
        raise ConfigError(f"{out} holds another data set ({manifest.name}); remove it or give another --out")
    broken = [
        s.name for s in manifest.shards if not (out / s.name).is_file() or (out / s.name).stat().st_size != s.bytes
    ]
    if broken or not (out / INDEX).is_file() or file_sha256(out / INDEX) != manifest.index_sha256:
        raise ConfigError(f"{out} holds a damaged data set ({', '.join([*broken, INDEX][:1])}); remove it first")
    shutil.rmtree(out / JOURNAL, ignore_errors=True)
    return manifest


def _records(build: Build, root: Path | None, engine: Engine) -> Iterator[Record | Refusal]:
    if build.textbook:
        yield from textbook.read()
    for table in tables(build):
        folder = below(root, table, build.name)
        if folder is not None:
            yield from _labelled(table, table.read(folder, engine))


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


def _examples(refused: Iterable[Refusal]) -> str:
    first = {refusal.code: refusal.message for refusal in reversed(list(refused))}
    return "".join(chain.from_iterable(("\n  ", code, ": ", message) for code, message in sorted(first.items())))
