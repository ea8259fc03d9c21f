"""Small data sets to damage, and ways to write them that end badly."""

import io
import json
import os
import signal
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.errors import StorageError
from comma_data.manifest import INDEX, MANIFEST, Manifest, data_hash, file_sha256, sha256
from comma_data.sample import RawStructure, Sample
from comma_data.split import fold
from comma_data.writer import Description, write

ABOUT = Description(name="small", build={}, inputs={}, counts={}, joined={})
FORMULAS = ("NaCl", "KCl", "MgO", "CaO", "ZnS", "GaAs", "TiO2", "BaTiO3", "LiF", "Fe2O3")


def samples(number: int) -> Iterator[Sample]:
    """Samples with a structure, a text and an image; always the same."""
    for i in range(number):
        rng = np.random.default_rng(i)
        formula = FORMULAS[i % len(FORMULAS)]
        structure = RawStructure(
            numbers=rng.integers(1, 90, 6),
            positions=rng.uniform(0, 5, (6, 3)),
            cell=5 * np.eye(3),
            periodic=np.ones(3, dtype=bool),
        )
        yield Sample(
            id=f"s-{i:04d}",
            fields={
                "structure": (structure,),
                "text": (("Mixed the oxides.", f"Fired at {600 + i} °C."),),
                "image": ({"pixels": rng.integers(0, 60_000, (24, 24), dtype=np.uint16), "nm_per_pixel": 0.02},),
            },
            groups={"formula": formula, "material": f"s-{i:04d}", "fold": str(fold(formula))},
            provenance={"text": ({"doi": f"10.0/{formula}", "paragraph": f"p{formula}"},)},
        )


def made(folder: Path, number: int = 40, per_shard: int = 10) -> Path:
    """A data set in the folder."""
    write(samples(number), folder, ABOUT, samples_per_shard=per_shard)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """File -> bytes, without what is still being written."""
    if not folder.exists():
        return {}
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.endswith(".part")}


def with_member(folder: Path, extension: str, data: bytes) -> None:
    """Put a member into the first sample, as whoever makes a data set could: tar, index and manifest agree."""
    manifest = Manifest.read(folder)
    rows = [json.loads(line) for line in (folder / INDEX).read_bytes().splitlines()]
    shard = folder / rows[0]["shard"]
    with tarfile.open(shard) as tar:
        members = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    first = f"{rows[0]['id']}.{extension}"
    members = [(name, data) if name == first else (name, kept) for name, kept in members]
    if first not in dict(members):
        members.insert(0, (first, data))
    places: dict[str, list[Any]] = {}
    with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            key, _, ending = name.partition(".")
            places.setdefault(key, []).append([ending, tar.offset + 512, len(content), zlib.crc32(content)])
            tar.addfile(info, io.BytesIO(content))
    for values in rows:
        if values["shard"] == shard.name:
            values["members"] = places[values["id"]]
    index = "".join(json.dumps(values) + "\n" for values in rows).encode()
    (folder / INDEX).write_bytes(index)
    changed = {"sha256": file_sha256(shard), "bytes": shard.stat().st_size}
    shards = tuple(s.model_copy(update=changed) if s.name == shard.name else s for s in manifest.shards)
    update = {"shards": shards, "index_sha256": sha256(index), "data_hash": data_hash(shards, sha256(index))}
    (folder / MANIFEST).write_text(manifest.model_copy(update=update).sealed().to_json(), encoding="utf-8")


def in_child(work: Callable[[], object]) -> int:
    """Do the work in a forked process; its exit status: 0 done, 5 a storage error, or the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except StorageError as error:
            os.write(2, f"{error}\n".encode()) if os.environ.get("SHOW") else None
            os._exit(5)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent has to hear of it
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else -signal.Signals(os.WTERMSIG(status))
