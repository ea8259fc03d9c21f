"""A build from one end to the other: sources, curation, joining, simulation, shards."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import comma_data
from comma_data.archive import ARCHIVES
from comma_data.codec import SCHEMA
from comma_data.config import Build
from comma_data.curate import Curated, curate
from comma_data.errors import ConfigError, DataError, RefusedError, ShardError
from comma_data.join import Joined, join
from comma_data.manifest import MANIFEST, Manifest, file_sha256
from comma_data.pool import ordered_map
from comma_data.properties import FILE
from comma_data.sample import Record, Refusal, Sample
from comma_data.simulated import simulator
from comma_data.sources import recipes, structures, textbook
from comma_data.writer import Description, write

TEXTBOOK = Path(__file__).parent / "textbook"
"""The tables of the crystals that come with the package."""

Progress = Callable[[str, int], None]
"""Called with what is being done and how many records that makes."""


def silent(_what: str, _done: int) -> None:
    """Progress that goes nowhere."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything a build found, before anything is written."""

    curated: Curated
    joined: Joined


def build(build: Build, *, root: Path | None, out: Path, workers: int = 2, progress: Progress = silent) -> Manifest:
    """Build a data set; one that stands in `out` already, made from the same files in the same way, is left alone.

    Args:
        build: What to build.
        root: Folder of the foreign data; None for a build that reads none.
        out: Folder to write.
        workers: Processes that parse and simulate; 0 works in this one.
        progress: Is told how far it is.

    Raises:
        ConfigError: The root is missing, or `out` holds another data set.
        RefusedError: More was refused than the build allows; nothing is written.
        DataError: A source cannot be read.
        StorageError: The disk does not take a file.
    """
    inputs = input_hashes(build, root)
    present = existing(build, inputs, out)
    if present is not None:
        return present
    prepared = prepare(build, root=root, workers=workers, progress=progress)
    check_refused(build, prepared.curated)
    description = Description(
        name=build.name,
        build=build.model_dump(mode="json"),
        inputs=inputs,
        counts=prepared.curated.counts,
        joined=prepared.joined.counts,
        split_salt=build.salt,
    )
    samples = _counted(_simulated(build, prepared.joined.samples, workers), "written", progress)
    return write(samples, out, description, samples_per_shard=build.samples_per_shard)


def prepare(build: Build, *, root: Path | None, workers: int = 2, progress: Progress = silent) -> Prepared:
    """Read, curate and join, without writing.

    Raises:
        ConfigError: The root is missing.
        DataError: A source cannot be read.
    """
    curated = curate(_counted(_records(build, root, workers), "read", progress), build.guard)
    return Prepared(curated=curated, joined=join(curated.accepted, salt=build.salt))


def check_refused(build: Build, curated: Curated) -> None:
    """Stop where nothing was accepted, or too much refused.

    Raises:
        RefusedError: The message has the share, what is allowed, and the first refusal of each code.
    """
    if not curated.accepted:
        raise RefusedError(f"build {build.name}: no record was accepted{_examples(curated.refused)}")
    limits = {structures.SOURCE: build.max_refused, recipes.SOURCE: build.max_refused_recipes}
    for source, limit in limits.items():
        share = curated.counts[source].refused_share if source in curated.counts else 0.0
        if share > limit:
            refused = [refusal for refusal in curated.refused if refusal.source == source]
            raise RefusedError(
                f"build {build.name}: {share:.1%} of the {source} were refused, at most {limit:.1%} are allowed;"
                f" correct the files, or raise the limit if you can do without these{_examples(refused)}"
            )


def existing(build: Build, inputs: dict[str, str], out: Path) -> Manifest | None:
    """The manifest in `out` if it is what this build would write, None where there is no data set.

    Raises:
        ConfigError: Another data set stands there.
    """
    if not (out / MANIFEST).exists():
        return None
    try:
        manifest = Manifest.read(out)
    except ShardError as error:
        raise ConfigError(f"{out} holds a damaged data set: {error}; remove it first") from error
    made = (dict(manifest.build), dict(manifest.inputs), manifest.package_version, manifest.schema_version)
    if made != (build.model_dump(mode="json"), inputs, comma_data.__version__, SCHEMA):
        raise ConfigError(f"{out} holds another data set ({manifest.name}); remove it or give another --out")
    return manifest


def input_hashes(build: Build, root: Path | None) -> dict[str, str]:
    """File that the build reads, relative to the root -> its sha256.

    Raises:
        ConfigError: The root, or a path below it, is missing or empty.
    """
    tables = sorted(TEXTBOOK.rglob("*.toml")) if build.textbook else []
    hashes = {str(path.relative_to(TEXTBOOK.parent)): file_sha256(path) for path in tables}
    for path in _source_paths(build, root):
        for file in _files(path):
            hashes[str(file.relative_to(root or "."))] = file_sha256(file)
    return hashes


def _source_paths(build: Build, root: Path | None) -> list[Path]:
    """Paths of the build's sources; each exists and holds something."""
    paths = []
    for name, source in (("structures", build.structures), ("recipes", build.recipes)):
        if source is None:
            continue
        path = _below(root, source.path, build.name)
        if _files(path):
            paths.append(path)
        elif not getattr(source, "optional", False):
            raise ConfigError(
                f"build {build.name}: no {name} in {path}; check --root (or COMMA_DATA), or {name}.path in the build"
            )
    return paths


def _below(root: Path | None, path: str, name: str) -> Path:
    if root is None:
        raise ConfigError(f"build {name} reads foreign data: give its folder with --root, or in COMMA_DATA")
    if not root.is_dir():
        raise ConfigError(f"root {root}: no such folder; give another --root, or set COMMA_DATA")
    return root / path


def _files(path: Path) -> list[Path]:
    endings = (".cif", ".json", ".json.xz", FILE, *ARCHIVES)
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in found if file.is_file() and file.name.lower().endswith(endings)]


def _records(build: Build, root: Path | None, workers: int) -> Iterator[Record | Refusal]:
    if build.textbook:
        yield from textbook.read()
    present = _source_paths(build, root)
    if build.structures is not None:
        path = _below(root, build.structures.path, build.name)
        yield from structures.read(
            path, targets=build.structures.targets, origin=build.structures.origin, workers=workers
        )
    if build.recipes is not None and (path := _below(root, build.recipes.path, build.name)) in present:
        yield from recipes.read(path)


def _simulated(build: Build, samples: Iterable[Sample], workers: int) -> Iterable[Sample]:
    if not build.simulate.patterns and not build.simulate.images:
        return samples
    return ordered_map(simulator(build.simulate), samples, workers=workers, on_death=_died)


def _died(sample: Sample) -> Sample:
    raise DataError(f"sample {sample.id}: the process that simulated it died; report the structure to comma-data")


def _counted(items: Iterable, what: str, progress: Progress) -> Iterator:
    for number, item in enumerate(items, start=1):
        progress(what, number)
        yield item


def _examples(refused: Iterable[Refusal]) -> str:
    first = {refusal.code: refusal.message for refusal in reversed(list(refused))}
    return "".join(chain.from_iterable(("\n  ", code, ": ", message) for code, message in sorted(first.items())))
