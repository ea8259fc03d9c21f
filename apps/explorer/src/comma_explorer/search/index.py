"""An index on disk, opened: whose vectors it holds, and which of them are nearest.

index = Index.open("index")
hits = index.find(vectors, "structure", 10, where=Filter(elements=("Li",)))
index.shown(hits)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from comma_data.errors import DataError, MissingFileError
from comma_data.nearest import did_you_mean
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from jaxtyping import Bool, Float

from comma_explorer.search import gallery, reading
from comma_explorer.search.errors import AbsentError, NoDataError, SearchError
from comma_explorer.search.filters import Filter, check_source, matching
from comma_explorer.search.gallery import Gallery
from comma_explorer.search.hits import Hit, Hits, Place
from comma_explorer.search.manifest import Manifest
from comma_explorer.search.models import folder_of, identity
from comma_explorer.search.tables import ENTRIES, FOUND, ORIGIN, TARGET, TEXTS, targets_of

NOTHING = Filter()
"""No condition."""
MOST = 10_000
"""Hits of one query."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """Vectors by modality, and the tables of what they stand for. Made by `open`."""

    folder: Path
    manifest: Manifest
    galleries: Mapping[str, Gallery]
    entries: pa.Table
    found: pa.Table
    texts: pa.Table

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = True) -> "Index":
        """Read an index; neither its model nor its data set is needed.

        Args:
            folder: Where it is.
            verify: Compare every file with its checksum, at about a gigabyte a second.

        Raises:
            SearchError: There is no finished index.
            DamagedIndexError: A file is missing or was changed.
        """
        folder = Path(folder)
        manifest = Manifest.read(folder)
        if verify:
            reading.verify(folder, manifest.files)
        found = reading.table(folder / FOUND)
        galleries: dict[str, Gallery] = {}
        start = 0
        for name, told in manifest.modalities.items():
            rows = found["row"][start : start + told.found].to_numpy()
            galleries[name] = gallery.opened(folder, name, told, rows, start)
            start += told.found
        return cls(
            folder=folder,
            manifest=manifest,
            galleries=galleries,
            entries=reading.table(folder / ENTRIES),
            found=found,
            texts=reading.table(folder / TEXTS),
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those of which it holds values."""
        return tuple(self.galleries)

    def check_model(self, name: str) -> None:
        """Refuse a model other than the one whose vectors these are: the cosines would mean nothing.

        Raises:
            SearchError: It is another.
            UsageError: There is no such model.
        """
        ours, theirs = self.manifest.model, identity(folder_of(name))
        if theirs != ours.sha256:
            raise SearchError(
                f"{self.folder} holds vectors of the model {ours.name} (sha256 {ours.sha256[:12]}), and {name} is "
                f"another (sha256 {theirs[:12]}). Give that one with --model, or make an index of this one: "
                f"comma search build {self.manifest.data.place} --model {name} --out NEW"
            )

    def find(
        self,
        query_vectors: Float[np.ndarray, "queries dim"] | Float[np.ndarray, " dim"],
        modality: str,
        n: int = 10,
        where: Filter = NOTHING,
        *,
        exact: bool = False,
    ) -> Hits:
        """The values nearest to each query by the cosine.

        With conditions, and wherever there are no inverted lists, the answer is that of comparing with every vector.

        Args:
            query_vectors: Of the index's model, of any length but zero.
            modality: What is wanted.
            n: Hits of a query; all where fewer meet the conditions.
            where: Conditions.
            exact: Do without the inverted lists, which find nearly all; the manifest says how many.

        Raises:
            SearchError: The index has no such modality, the vectors do not fit it, or the conditions cannot be met.
        """
        self.check_has(modality)
        if not 1 <= n <= MOST:
            raise SearchError(f"{n} hits are asked for: 1 to {MOST}")
        if where.source is not None:
            check_source(where.source, self.found)
        queries = self._unit(np.asarray(query_vectors))
        searched = self.galleries[modality]
        places = self.found.slice(searched.start, len(searched.rows))
        meeting = matching(where, self.entries, places) if where else None
        allowed = None if meeting is None else _allowed(searched, meeting)
        answers = [searched.nearest(query, n, allowed, exact=exact) for query in queries]
        return Hits(
            modality=modality,
            rows=np.array([rows for rows, _ in answers]),
            cosines=np.array([cosines for _, cosines in answers]),
            meeting=meeting,
        )

    def shown(self, hits: Hits, query: int = 0) -> tuple[Hit, ...]:
        """The hits of one query with everything that is needed to show them."""
        pairs = zip(hits.rows[query].tolist(), hits.cosines[query].tolist(), strict=True)
        return tuple(
            Hit(
                rank=rank,
                cosine=cosine,
                modality=hits.modality,
                row=row,
                places=self._places(hits, row),
                steps=tuple(self.texts["steps"][row].as_py()) if hits.modality == "text" else (),
            )
            for rank, (row, cosine) in enumerate(pairs, start=1)
        )

    def sample(self, place: Place, data: str | Path | None = None) -> Sample:
        """The sample of a hit, with structure, image or pattern; this alone needs the data set.

        Args:
            place: Of a hit.
            data: Folder or address of the data set; None takes the place where the index was built.

        Raises:
            NoDataError, SearchError: As `data`.
        """
        shards = self.data(data)
        return shards[shards.position(place.id)]

    def data(self, folder: str | Path | None = None) -> ShardSet:
        """The data set that the index was built of.

        Args:
            folder: Where it is, a folder or an address; None looks where the index was built from.

        Raises:
            NoDataError: Nobody said where it is, and it is not as it was where it was; the message says why.
            SearchError: What was given holds another data set, or none.
        """
        told = self.manifest.data
        try:
            shards = ShardSet(folder or told.place)
        except DataError as error:
            if folder is not None:
                raise SearchError(f"{folder}: {error}") from error
            if isinstance(error.__cause__, MissingFileError):
                raise NoDataError(
                    f"the data set of this index is not on this machine: it was at {told.place}; say where it is with "
                    "--data FOLDER"
                ) from error
            raise NoDataError(f"the data set of this index cannot be read: {error}") from error
        if shards.manifest.data_hash != told.data_hash:
            if folder is not None:
                raise SearchError(f"{folder} is another data set than the one that {self.folder} was built of")
            raise NoDataError(
                f"the data set at {told.place} was changed since the index was built of it: build the index again "
                f"(comma search build {told.place} --out NEW), or say with --data FOLDER where the unchanged one is"
            )
        return shards

    def check_has(self, modality: str) -> None:
        """Refuse a modality of which there is no value.

        Raises:
            AbsentError: The message lists those that there are.
        """
        if modality not in self.galleries:
            there = ", ".join(self.modalities)
            raise AbsentError(
                f"{self.folder} holds no {modality}; it holds {there}{did_you_mean(modality, self.modalities)}"
            )

    def _unit(self, queries: np.ndarray) -> Float[np.ndarray, "queries dim"]:
        dim = self.manifest.model.dim
        queries = queries[None] if queries.ndim == 1 else queries
        if queries.ndim != 2 or queries.shape[1] != dim or not len(queries):
            raise SearchError(f"query vectors of shape {queries.shape}: this index has {dim} dimensions")
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise SearchError("a query vector is zero or not finite")
        unit: np.ndarray = (queries / lengths).astype(np.float32)
        return unit

    def _places(self, hits: Hits, row: int) -> tuple[Place, ...]:
        """Where a value stands, of the places that meet the conditions."""
        searched = self.galleries[hits.modality]
        first, last = np.searchsorted(searched.rows, (row, row + 1))
        places = np.arange(first, last)
        if hits.meeting is not None:
            places = places[hits.meeting[first:last]]
        return tuple(self._place(values) for values in self.found.take(searched.start + places).to_pylist())

    def _place(self, found: Mapping[str, int | str | None]) -> Place:
        entry = self.entries.slice(int(found["entry"] or 0), 1).to_pylist()[0]
        numbers = {name: entry[f"{TARGET}{name}"] for name in targets_of(self.entries)}
        return Place(
            id=entry["id"],
            formula=entry["formula"],
            elements=tuple(entry["elements"]),
            targets={name: value for name, value in numbers.items() if value is not None},
            number=int(found["place"] or 0),
            origin={name: str(found[name]) for name in ORIGIN if found[name]},
        )


def _allowed(searched: Gallery, meeting: Bool[np.ndarray, " places"]) -> Bool[np.ndarray, " n"]:
    """Values that stand in at least one place that meets the conditions."""
    allowed = np.zeros(len(searched.vectors), dtype=bool)
    allowed[searched.rows[meeting]] = True
    return allowed
