"""What a map holds: points, their structures and protocols, and what lies near them in every modality."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from comma_data.nearest import did_you_mean
from comma_data.sample import RawStructure
from comma_data.shards import ShardSet
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from comma_explorer.search.errors import SearchError
from comma_explorer.search.index import Index
from comma_explorer.search.tables import TARGET, targets_of

NEAR = 5
"""Neighbours of each modality."""
COMPONENTS = 50
"""Principal components that the map is made from: fewer make it faster and lose nothing that could be seen."""
PERPLEXITY = 30.0
ROWS = 256
"""Queries that are compared at a time."""
COUNTED = ("elements", "sites")
WITHOUT = ("composition",)
"""Modalities whose neighbours tell nothing that the formula does not."""

Rows = Int[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Near:
    """A neighbour of a point."""

    cosine: float
    formula: str
    id: str
    text: int
    """Number of its text in `Atlas.texts`; -1 for other modalities."""
    point: int
    """Number of the point that it is; -1 where it is not on the map."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One structure."""

    id: str
    formula: str
    doi: str
    text: int
    """Number of its first protocol in `Atlas.texts`; -1 where none is known."""
    protocols: int
    """How many are known of its entry."""
    structure: RawStructure
    near: Mapping[str, tuple[Near, ...]]


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """A map."""

    name: str
    model: str
    colour: str
    points: tuple[Point, ...]
    places: Float[np.ndarray, "points 2"]
    numbers: Mapping[str, Float[np.ndarray, " points"]]
    """What the points can be coloured by; NaN where it is not known."""
    texts: tuple[tuple[str, ...], ...]


def collect(
    folder: Path, *, data: str | Path | None = None, colour: str = "elements", most: int = 3000, seed: int = 0
) -> Atlas:
    """Choose structures of an index, place them, and find what is near.

    Args:
        folder: of the index.
        data: its data set; None takes it where the index was built from.
        colour: `elements`, `sites`, or the name of a numeric target.
        most: structures at most, those with the smallest hashes.
        seed: of the map.

    Raises:
        SearchError: no index or data set, no structures in it, or no such colour.
    """
    index = Index.open(folder)
    index.check_has("structure")
    known = (*COUNTED, *targets_of(index.entries))
    if colour not in known:
        raise SearchError(f"nothing is called {colour!r}{did_you_mean(colour, known)}; there are {', '.join(known)}")
    shards = index.data(data)
    places = _Places(index)
    chosen = places.chosen(most)
    if len(chosen) < 2:
        raise SearchError(f"{folder} holds {len(chosen)} structure: a map needs two")
    vectors = np.asarray(index.galleries["structure"].vectors[chosen], dtype=np.float32)
    points = _points(places, chosen, vectors, shards)
    return Atlas(
        name=index.manifest.data.name,
        model=index.manifest.model.title,
        colour=colour,
        points=points,
        places=flat(vectors, seed),
        numbers=_numbers(index, places, chosen, points),
        texts=tuple(tuple(steps) for steps in index.texts["steps"].to_pylist()),
    )


def flat(vectors: Float[np.ndarray, "points dim"], seed: int) -> Float[np.ndarray, "points 2"]:
    """Places in the plane: t-SNE (van der Maaten and Hinton 2008) from the first principal components."""
    parts = min(COMPONENTS, *vectors.shape)
    if not np.ptp(vectors, axis=0).any():  # all at one place, by whose spread t-SNE would divide
        return np.zeros((len(vectors), 2))
    # the same places with any number of cores, and no threads that wait for each other
    with threadpool_limits(limits=1):
        reduced = PCA(n_components=parts, svd_solver="full").fit_transform(vectors)
        if len(vectors) < 4:
            return np.column_stack([reduced, np.zeros((len(vectors), 2))])[:, :2]
        perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
        made = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return np.asarray(made, dtype=float)


class _Places:
    """Where values stand, by modality and row, and by entry."""

    def __init__(self, index: Index) -> None:
        self.index = index
        found = index.found
        columns = {name: found[name].to_numpy(zero_copy_only=False) for name in ("modality", "row", "entry", "place")}
        self.ids = index.entries["id"].to_pylist()
        self.formulas = index.entries["formula"].to_pylist()
        self.dois = found["doi"].to_pylist()
        self.first: dict[tuple[str, int], int] = {}
        self.entries: dict[tuple[str, int], set[int]] = {}
        self.rows: dict[tuple[str, int], list[int]] = {}
        self.text_of: dict[int, int] = {}
        self.texts_of: dict[str, set[int]] = {}
        for number, (modality, row, entry) in enumerate(zip(*list(columns.values())[:3], strict=True)):
            self.first.setdefault((modality, int(row)), number)
            self.entries.setdefault((modality, int(row)), set()).add(int(entry))
            self.rows.setdefault((modality, int(entry)), []).append(int(row))
            if modality == "text":
                self.text_of.setdefault(int(entry), number)
                self.texts_of.setdefault(self.formulas[int(entry)], set()).add(int(row))
        self.entry, self.row, self.place = (columns[name] for name in ("entry", "row", "place"))

    def chosen(self, most: int) -> Rows:
        """Rows of structures: all, or those whose entries' ids have the smallest hashes."""
        rows = range(len(self.index.galleries["structure"].vectors))
        ranked = sorted(rows, key=lambda row: (zlib.crc32(self.id_of("structure", row).encode()), row))
        return np.array(sorted(ranked[:most]), dtype=np.int64)

    def entry_of(self, modality: str, row: int) -> int:
        """The first entry in which a value stands."""
        return int(self.entry[self.first[modality, row]])

    def beside(self, structure: int, modality: str) -> list[int]:
        """Rows of a modality that are of the structure's own material: of its entries, and protocols of its formula."""
        entries = self.entries["structure", structure]
        own = {row for entry in entries for row in self.rows.get((modality, entry), ())}
        if modality == "text":
            formulas = {self.formulas[entry] for entry in entries} - {""}
            own.update(row for formula in formulas for row in self.texts_of.get(formula, ()))
        return sorted(own)

    def id_of(self, modality: str, row: int) -> str:
        return str(self.ids[self.entry_of(modality, row)])


def _points(places: _Places, chosen: Rows, vectors: np.ndarray, shards: ShardSet) -> tuple[Point, ...]:
    number_of = {int(row): number for number, row in enumerate(chosen)}
    near = {
        modality: _near(places, chosen, vectors, modality, number_of)
        for modality in places.index.modalities
        if modality not in WITHOUT
    }
    made = []
    for number, row in enumerate(chosen.tolist()):
        found = places.first["structure", row]
        entry = int(places.entry[found])
        text = places.text_of.get(entry)
        sample = shards.read(shards.position(places.ids[entry]), modalities=("structure",))
        made.append(
            Point(
                id=places.ids[entry],
                formula=places.formulas[entry] or places.ids[entry],
                doi=(places.dois[text] or "") if text is not None else "",
                text=-1 if text is None else int(places.row[text]),
                protocols=len(places.rows.get(("text", entry), ())),
                structure=sample.fields["structure"][int(places.place[found])],
                near={modality: several[number] for modality, several in near.items()},
            )
        )
    return tuple(made)


def _near(
    places: _Places, chosen: Rows, vectors: np.ndarray, modality: str, number_of: Mapping[int, int]
) -> list[tuple[Near, ...]]:
    """For each point the nearest values of a modality that are of other materials; see `_Places.beside`."""
    gallery = np.asarray(places.index.galleries[modality].vectors)
    made = []
    for start in range(0, len(chosen), ROWS):
        scores = vectors[start : start + ROWS] @ gallery.T
        for row, of_row in zip(chosen[start : start + ROWS].tolist(), scores, strict=True):
            of_row[places.beside(row, modality)] = -np.inf
        count = min(NEAR, scores.shape[1])
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        for of_row, which in zip(scores, best, strict=True):
            ranked = which[np.lexsort((which, -of_row[which]))]
            made.append(_others(places, modality, of_row, ranked[np.isfinite(of_row[ranked])], number_of))
    return made


def _others(
    places: _Places, modality: str, scores: np.ndarray, ranked: np.ndarray, number_of: Mapping[int, int]
) -> tuple[Near, ...]:
    made = []
    for other in ranked.tolist():
        entry = places.entry_of(modality, other)
        made.append(
            Near(
                cosine=round(float(scores[other]), 3),
                formula=places.formulas[entry] or places.ids[entry],
                id=places.ids[entry],
                text=other if modality == "text" else -1,
                point=number_of.get(other, -1) if modality == "structure" else -1,
            )
        )
    return tuple(made)


def _numbers(index: Index, places: _Places, chosen: Rows, points: Sequence[Point]) -> dict[str, np.ndarray]:
    """What the points can be coloured by."""
    entries = np.array([places.entry_of("structure", row) for row in chosen.tolist()])
    elements = index.entries["elements"].to_pylist()
    counted = {
        "elements": np.array([float(len(elements[entry])) for entry in entries.tolist()]),
        "sites": np.array([float(len(point.structure["numbers"])) for point in points]),
    }
    targets = {
        name: index.entries[f"{TARGET}{name}"].to_numpy(zero_copy_only=False).astype(float)[entries]
        for name in targets_of(index.entries)
    }
    return {**counted, **targets}
