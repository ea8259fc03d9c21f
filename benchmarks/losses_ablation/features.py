"""Features that nothing was trained for, made once: so that no fold is known to them, and training takes seconds."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from comma_data.protocol import with_view
from comma_data.sample import RawPattern, RawStructure, Sample
from comma_data.shards import ShardSet
from comma_data.simulate.xrd import pattern
from comma_data.split import Split
from comma_encoders.element_properties import property_table
from comma_encoders.element_statistics import ward
from comma_encoders.modalities.composition.config import Config as CompositionConfig
from comma_encoders.modalities.composition.elements import collate as fractions
from comma_encoders.modalities.structure.neighbours import neighbours
from comma_encoders.modalities.text.lexer import lexemes
from comma_encoders.modalities.xrd.config import Config as XrdConfig
from comma_encoders.modalities.xrd.pattern import binned
from pymatgen.core import Element
from torch import Tensor

from benchmarks.results_form import ROOT

CACHE = ROOT / "build" / "losses-ablation.npz"
MODALITIES = ("structure", "text", "xrd")
CUTOFF = 6.0
SHELLS = 60
WORDS = 2048
"""Places that words are hashed to."""
XRD = XrdConfig(bins=512)
PROTOCOLS = 8
"""Of a material at most: the famous ones have hundreds."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """One row a value; `owner` is the material that it belongs to."""

    x: Mapping[str, Tensor]
    owner: Mapping[str, Tensor]
    formulas: Sequence[str]
    """Of each material."""
    folds: np.ndarray
    origins: Sequence[frozenset[str]]
    """Of each text: hashes of DOI and paragraph."""


def features(data: Path) -> Features:
    """Those of all materials of a data set that have a structure and a protocol; made once and kept."""
    if not CACHE.is_file():
        _make(data)
    with np.load(CACHE) as file:
        stored = dict(file)
    return Features(
        x={m: torch.from_numpy(stored[m]) for m in MODALITIES},
        owner={m: torch.from_numpy(stored[f"{m} owner"]) for m in MODALITIES},
        formulas=[str(f) for f in stored["formulas"]],
        folds=stored["folds"],
        origins=[frozenset(str(o).split()) for o in stored["origins"]],
    )


def _make(data: Path) -> None:
    samples = _samples(data)
    numbered = list(enumerate(samples))
    texts = [(i, told, place) for i, s in numbered for place, told in enumerate(s.fields["text"][:PROTOCOLS])]
    everyone = np.arange(len(samples))
    found: dict[str, np.ndarray] = {
        "structure": np.stack([_structure(s) for s in samples]),
        "structure owner": everyone,
        "text": np.stack([_text(told) for _, told, _ in texts]),
        "text owner": np.array([i for i, _, _ in texts]),
        "xrd": np.stack([_pattern(s.fields["structure"][0]) for s in samples]),
        "xrd owner": everyone,
        "formulas": np.array([s.groups["formula"] for s in samples]),
        "folds": np.array([int(s.groups["fold"]) for s in samples]),
        "origins": np.array([" ".join(sorted(_origin(samples[i], place))) for i, _, place in texts]),
    }
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    np.savez(CACHE, allow_pickle=False, **found)


def _samples(data: Path) -> list[Sample]:
    shards = ShardSet(data)
    paired = [i for i, row in enumerate(shards.rows) if {"structure", "text"} <= set(row.modalities)]
    return [with_view(shards.read(i, modalities=("structure", "text")), "precursors") for i in paired]


def _origin(sample: Sample, place: int) -> list[str]:
    known = sample.provenance["text"][place]
    return [f"{name}:{known[name]}".replace(" ", "_") for name in ("doi", "paragraph") if known.get(name)]


def _structure(sample: Sample) -> np.ndarray:
    """Element fractions and statistics of their properties, how many neighbours at which distance, and the density."""
    raw: RawStructure = sample.fields["structure"][0]
    amounts: dict[str, float] = {}
    for number in raw["numbers"]:
        symbol = Element.from_Z(int(number)).symbol
        amounts[symbol] = amounts.get(symbol, 0.0) + 1.0
    shares = fractions([amounts], CompositionConfig())["fractions"]
    statistics = ward(shares, property_table())
    found = neighbours(raw["positions"], raw["cell"], raw["periodic"], CUTOFF)
    shells = np.histogram(np.linalg.norm(found.vector, axis=1), bins=SHELLS, range=(0, CUTOFF))[0]
    n = len(raw["numbers"])
    volume = abs(np.linalg.det(raw["cell"])) / n
    own = np.concatenate([shells / n, [np.log(volume), np.log(n)]])
    return np.concatenate([shares.sqrt().numpy()[0], statistics.numpy()[0], own]).astype(np.float32)


def _text(steps: Sequence[str]) -> np.ndarray:
    """Words and pairs of words, hashed, as square roots of their counts (Weinberger et al. 2009, arXiv:0902.2206)."""
    out = np.zeros(WORDS, dtype=np.float32)
    for step in steps:
        words = [symbol for symbol, _ in lexemes(step)]
        for word in (*words, *(f"{a} {b}" for a, b in pairwise(words))):
            out[zlib.crc32(word.encode()) % WORDS] += 1
    return np.sqrt(out)


def _pattern(raw: RawStructure) -> np.ndarray:
    found: RawPattern = pattern(raw)
    return binned(found, XRD)[0].astype(np.float32)


def part(of: Features, material: np.ndarray, banned: frozenset[str] = frozenset()) -> dict[str, np.ndarray]:
    """Places of the values of these materials; texts whose origin is banned are left out."""
    chosen = {m: np.flatnonzero(material[of.owner[m].numpy()]) for m in MODALITIES}
    allowed = np.array([banned.isdisjoint(origins) for origins in of.origins])
    chosen["text"] = chosen["text"][allowed[chosen["text"]]]
    return chosen


def parts(of: Features, test_fold: int) -> dict[str, dict[str, np.ndarray]]:
    """Training, validation and test; training knows no DOI and no paragraph of the other two."""
    split = Split(test_fold=test_fold)
    named = np.array([split.part(int(fold)) for fold in of.folds])
    held = {name: part(of, named == name) for name in ("validation", "test")}
    banned = frozenset(o for places in held.values() for i in places["text"] for o in of.origins[i])
    return {"train": part(of, named == "train", banned), **held}
