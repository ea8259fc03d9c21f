"""The data path that a first script would take: pymatgen, JSON and webdataset."""

import json
from collections.abc import Iterator
from pathlib import Path

import webdataset
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

SHARD = "shard.tar"
SHUFFLED = 1000
"""Samples in the buffer that is drawn from; the collections are smaller, so this is a full permutation."""


def build(cifs: Path, out: Path) -> None:
    """CIF files -> `Structure.as_dict` as JSON in one shard."""
    out.mkdir()
    with webdataset.TarWriter(str(out / SHARD)) as shard:
        for path in sorted(cifs.glob("*.cif")):
            structure = CifParser.from_str(path.read_text(encoding="utf-8")).parse_structures(primitive=False)[0]
            shard.write({"__key__": path.stem, "json": json.dumps(structure.as_dict()).encode()})


def read(folder: Path) -> Iterator[Structure]:
    """The structures in random order."""
    stream = webdataset.WebDataset(str(folder / SHARD), shardshuffle=False).shuffle(SHUFFLED).decode()
    return iter(stream.map(lambda sample: Structure.from_dict(sample["json"])))
