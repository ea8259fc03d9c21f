"""Questions -> vectors -> hits with everything that is needed to show them; free of any command line or page.

finder = Finder.open("index")
answer = finder.ask([read("LiFePO4")], n=5)
answer.hits["structure"][0].places[0].formula
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from comma_explorer.search import counted
from comma_explorer.search.errors import SearchError
from comma_explorer.search.filters import Filter
from comma_explorer.search.hits import Hit
from comma_explorer.search.index import MOST, NOTHING, Index
from comma_explorer.search.models import of_run
from comma_explorer.search.question import Question
from comma_explorer.search.unread import unread

if TYPE_CHECKING:
    from comma_encoders.model import AlignedModel


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was asked and what was found."""

    questions: tuple[Question, ...]
    vector: Float[np.ndarray, " dim"]
    """Unit vector with which was searched: the mean direction of the questions'."""
    hits: Mapping[str, tuple[Hit, ...]]
    """Modality -> hits. Cosines of different modalities cannot be compared: each has its own spread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finder:
    """An index with the model that made it, which embeds questions. Made by `open`; then it is only read."""

    index: Index
    model: "AlignedModel"

    @classmethod
    def open(cls, folder: Path | str, *, model: str | None = None, device: str = "cpu") -> "Finder":
        """Open an index and load its model.

        Args:
            folder: Of the index.
            model: Name or folder of the model, or of a run; None takes the one that the index names.
            device: Where the model computes.

        Raises:
            SearchError: There is no index, or it was made by another model.
            DamagedIndexError: A file of the index is damaged.
            UsageError: There is no such model.
        """
        from comma_encoders.model import AlignedModel  # noqa: PLC0415 - torch takes seconds

        index = Index.open(folder)
        name = of_run(model or index.manifest.model.name)
        index.check_model(name)
        return cls(index=index, model=AlignedModel.from_pretrained(name, device=device))

    def noted(self, question: Question) -> Question:
        """The same question with a note of what the model does not read of it, where that is so."""
        if question.modality != "text" or "text" not in self.model.configs:  # what it lacks, `vector` refuses
            return question
        from comma_encoders.modality import get  # noqa: PLC0415 - torch takes seconds

        note = unread(get("text").coerce(question.value), self.model.configs["text"])
        return replace(question, notes=(*question.notes, note)) if note and note not in question.notes else question

    def vector(self, questions: Sequence[Question]) -> Float[np.ndarray, " dim"]:
        """Unit vector of the mean direction of some questions, whatever their modalities.

        Raises:
            SearchError: No question, or ones whose directions cancel.
            UsageError: The model does not know a modality.
            InputError: A value cannot be embedded.
        """
        if not questions:
            raise SearchError("nothing is asked: give a file, a formula, or words in quotes")
        return direction([self.model.encode(q.modality, [q.value], output="numpy")[0] for q in questions])

    def ask(  # noqa: PLR0913 - the options of the command, by name
        self,
        questions: Sequence[Question],
        wanted: Sequence[str] = (),
        n: int = 10,
        *,
        where: Filter = NOTHING,
        exact: bool = False,
        counting: float = 0.0,
    ) -> Answer:
        """The nearest values of each modality that is wanted.

        Args:
            questions: What is asked; several are one search, by the mean of their directions.
            wanted: Modalities; all of the index if empty.
            n: Hits of each.
            where: Conditions.
            exact: Compare with every vector, instead of nearly all that matter.
            counting: Weight of the elements and amounts that query and hit both name, beside the cosine; see `counted`.

        Raises:
            SearchError, UsageError, InputError: As `vector` and `Index.find`.
        """
        for modality in wanted:
            self.index.check_has(modality)
        vector = self.vector(questions)
        looked = min(counted.candidates(n), MOST) if counting else n
        hits = {
            modality: self.index.shown(self.index.find(vector, modality, looked, where, exact=exact))
            for modality in wanted or self.index.modalities
        }
        if counting:
            hits = {modality: counted.reordered(questions, found, counting)[:n] for modality, found in hits.items()}
        return Answer(questions=tuple(map(self.noted, questions)), vector=vector, hits=hits)


def direction(vectors: Sequence[Float[np.ndarray, " dim"]]) -> Float[np.ndarray, " dim"]:
    """Unit vector of the mean of some vectors.

    Raises:
        SearchError: they cancel.
    """
    mean: np.ndarray = np.array(vectors, dtype=np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise SearchError("the queries point in opposite directions, and their mean nowhere; ask one at a time")
    unit: np.ndarray = (mean / length).astype(np.float32)
    return unit
