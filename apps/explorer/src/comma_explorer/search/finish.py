"""Windows -> the files of an index, the manifest last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from comma_data.manifest import file_sha256
from comma_data.storage import complete_file

from comma_explorer.search import gallery, quantised, tables, window
from comma_explorer.search.exact import Queries, Vectors
from comma_explorer.search.manifest import FORMAT, MANIFEST, Approximate, Data, File, Manifest, Modality, Model
from comma_explorer.search.reading import array

HELD_BACK = 1024
"""Queries of each modality with which probes and prefix are chosen."""
SEED = 0


def versions() -> dict[str, str]:
    """Of the distributions that decide what is in the files."""
    return {name: version(name) for name in ("comma-data", "comma-encoders", "faiss-cpu", "numpy", "pyarrow", "torch")}


def finish(  # noqa: PLR0913, PLR0917 - what a manifest holds
    out: Path,
    windows: Sequence[Path],
    model: Model,
    data: Data,
    made_by: Mapping[str, str],
    progress: Callable[[str, int], None],
) -> Manifest:
    """Write vectors, tables and search structures from all windows; the same windows give the same files."""
    files: list[Path] = []
    entries = _write_tables(out, windows, files)
    told = {name: _write_vectors(out, windows, name, model.dim, files) for name in model.modalities}
    queries = {name: _held_back(array(out / f"{name}.npy")) for name, part in told.items() if part.values}
    for name in queries:
        progress(f"lists and codes of {name}, vectors", told[name].values)
        told[name] = _write_search(out, name, told[name], queries, files)
    manifest = Manifest(
        format=FORMAT,
        versions=dict(made_by),
        model=model,
        data=data,
        entries=entries,
        modalities={name: part for name, part in told.items() if part.values},
        files={path.name: File(bytes=path.stat().st_size, sha256=file_sha256(path)) for path in sorted(set(files))},
    ).sealed()
    with complete_file(out / MANIFEST) as file:
        file.write(manifest.to_json().encode())
    return manifest


def _write_tables(out: Path, windows: Sequence[Path], files: list[Path]) -> int:
    """Entries, places and texts; returns the number of entries."""
    entries: list[Mapping[str, Any]] = []
    found: list[Sequence[Any]] = []
    steps: list[Sequence[str]] = []
    for path in windows:
        part = window.load(path)
        found += [(m, row, len(entries) + entry, *rest) for m, row, entry, *rest in part.found]
        entries += part.entries
        steps += part.steps
    written = {
        tables.ENTRIES: tables.entries_table(entries),
        tables.FOUND: tables.found_table(found),
        tables.TEXTS: pa.table([pa.array(steps, pa.list_(pa.string()))], schema=tables.TEXTS_SCHEMA),
    }
    for name, content in written.items():
        with complete_file(out / name) as file:
            pq.write_table(content, file, compression="zstd")
        files.append(out / name)
    return len(entries)


def _write_vectors(out: Path, windows: Sequence[Path], name: str, dim: int, files: list[Path]) -> Modality:
    """One modality's vectors, a window at a time."""
    values = found = refused = 0
    for path in windows:
        part = window.load(path)
        values += len(part.keys[name])
        found += sum(row[0] == name for row in part.found)
        refused += len(part.refused[name])
    if values:
        files.append(out / f"{name}.npy")
        pieces = (window.load(path).vectors[name] for path in windows)
        _write_array(files[-1], (piece for piece in pieces if len(piece)), (values, dim))
    return Modality(values=values, found=found, refused=refused)


def _write_array(path: Path, pieces: Iterator[np.ndarray], shape: tuple[int, int]) -> None:
    head = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with complete_file(path, needed=4 * shape[0] * shape[1]) as file:
        np.lib.format.write_array_header_1_0(file, head)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, dtype="<f4").tobytes())


def _held_back(vectors: Vectors) -> Queries:
    """Some vectors, by a fixed draw."""
    chosen = np.random.default_rng(SEED).permutation(len(vectors))[:HELD_BACK]
    return np.ascontiguousarray(vectors[np.sort(chosen)])


def _write_search(out: Path, name: str, told: Modality, queries: Mapping[str, Queries], files: list[Path]) -> Modality:
    """Codes and inverted lists, where there are enough vectors for them to pay."""
    vectors = array(out / f"{name}.npy")
    files_of = gallery.names(name)
    if len(vectors) >= quantised.LARGE:
        codes = quantised.make(vectors, np.concatenate([asked[: quantised.TRIED] for asked in queries.values()]))
        for part, content in codes.parts().items():
            files.append(out / files_of[part])
            with complete_file(files[-1]) as file:
                np.lib.format.write_array(file, content, allow_pickle=False)
        told = told.model_copy(update={"prefix": codes.codes.shape[1]})
    from comma_explorer.search import approximate  # noqa: PLC0415 - faiss

    if len(vectors) >= approximate.LARGE:
        lists = approximate.make(vectors, queries, own=name)
        if lists is None:
            return told
        files.append(out / files_of["lists"])
        approximate.save(lists, files[-1])
        near = {name: getattr(lists, name) for name in ("probes", "candidates", "recall")}
        told = told.model_copy(update={"approximate": Approximate(lists=lists.number, **near)})
    return told
