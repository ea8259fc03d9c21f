"""What the handlers work with: an index with its model, its data set, and what pages sent; safe to ask from threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from comma_data.errors import DataError
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_encoders.modality import get
from jaxtyping import Float

from comma_explorer.explain.cost import seconds
from comma_explorer.explain.explanation import Explanation, Given, explain
from comma_explorer.search.ask import Finder, direction
from comma_explorer.search.errors import AbsentError, NoDataError, SearchError
from comma_explorer.search.hits import Hit, Hits
from comma_explorer.search.question import Question
from comma_explorer.serve.asked import Asked
from comma_explorer.serve.sent import Sent, words

LONGEST = 30.0
"""Seconds that an explanation may take; who waits longer does so at the command line."""
ORDER = ("structure", "text", "image", "xrd", "composition")


@dataclass(frozen=True, kw_only=True)
class Found:
    """The answer to a page's question."""

    questions: tuple[Question, ...]
    hits: Mapping[str, tuple[Hit, ...]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that is open."""

    finder: Finder
    data: ShardSet | None
    """None where the data set is not as it was when the index was built: then nothing is drawn."""
    lacking: str = ""
    """Why it is not."""
    atlas: Path | None
    sent: Sent
    _lock: Lock = field(default_factory=Lock, repr=False)
    _explaining: Lock = field(default_factory=Lock, repr=False)
    """Of its own: explanations take seconds, and searches go on beside them."""

    @classmethod
    def open(
        cls, index: Path, *, data: str | Path | None = None, model: str | None = None, atlas: Path | None = None
    ) -> "Desk":
        """Open an index, its model, and its data set if it is there.

        Raises:
            SearchError: there is no index, or `data` or `atlas` is not what it should be.
        """
        finder = Finder.open(index, model=model)
        if atlas is not None and not atlas.is_file():
            raise SearchError(f"there is no atlas {atlas}; make one with `comma atlas --index {index} --out {atlas}`")
        sent = Sent(known=tuple(finder.model.configs))
        try:
            return cls(finder=finder, data=finder.index.data(data), atlas=atlas, sent=sent)
        except NoDataError as error:  # words can be searched all the same
            return cls(finder=finder, data=None, lacking=str(error), atlas=atlas, sent=sent)

    def warm(self) -> None:
        """Ask once and start the reader of files, so that the first user does not wait for what is loaded late."""
        self.sent.reader.warm()
        words = next((name for name in ("composition", "text") if name in self.finder.model.configs), None)
        if words is not None:
            self.answer(Asked(words="NaCl", modality=words))

    def answer(self, asked: Asked) -> Found:
        """Search.

        Raises:
            SearchError: the question cannot be asked.
            UsageError, InputError: the model cannot embed it.
        """
        questions = self.questions(asked)
        if not questions and not asked.like:
            raise SearchError("nothing is asked: type a formula or a protocol, or drop a file")
        index = self.finder.index
        with self._lock:  # one at a time: each uses every core
            vectors = [self.vector_of(modality, row) for modality, row in asked.like]
            vectors += [self.finder.vector([question]) for question in questions]
            wanted = (asked.wanted,) if asked.wanted else sorted(index.modalities, key=_place)
            vector = direction(vectors)
            hits = {
                modality: index.shown(index.find(vector, modality, asked.number, asked.where)) for modality in wanted
            }
        return Found(questions=questions, hits=hits)

    def questions(self, asked: Asked) -> tuple[Question, ...]:
        """The words and files of a page's state."""
        typed = [words(asked.words, asked.modality)] if asked.words else []
        known = self.sent.known
        for one in typed:
            if one.modality not in known:
                raise SearchError(f"the words are taken for {one.modality}, and the model knows {', '.join(known)}")
        return tuple(self.finder.noted(one) for one in (*typed, *(self.sent.get(key) for key in asked.files)))

    def left(self, asked: Asked) -> Asked:
        """A page's state without files that are forgotten and values that the index does not hold."""
        return replace(
            asked,
            files=tuple(self.sent.remembered(asked.files)),
            like=tuple((modality, row) for modality, row in asked.like if self._holds(modality, row)),
        )

    def _holds(self, modality: str, row: int) -> bool:
        galleries = self.finder.index.galleries
        return modality in galleries and row < len(galleries[modality].vectors)

    def vector_of(self, modality: str, row: int) -> Float[np.ndarray, " dim"]:
        """The vector of a value of the index.

        Raises:
            AbsentError: there is none.
        """
        self.finder.index.check_has(modality)
        vectors = self.finder.index.galleries[modality].vectors
        if not 0 <= row < len(vectors):
            raise AbsentError(f"the index holds no {modality} {row}")
        return np.array(vectors[row])

    def hit(self, modality: str, row: int) -> Hit:
        """A value of the index with the places where it stands."""
        self.vector_of(modality, row)
        itself = Hits(
            modality=modality, rows=np.array([[row]]), cosines=np.ones((1, 1), dtype=np.float32), meeting=None
        )
        return self.finder.index.shown(itself)[0]

    def value(self, modality: str, row: int) -> Any:
        """The raw value of a hit, from the data set.

        Raises:
            NoDataError, DataError: as `sample`.
        """
        place = self.hit(modality, row).places[0]
        return self.sample(place.id).fields[modality][place.number]

    def sample(self, identifier: str) -> Sample:
        """An entry of the data set.

        Raises:
            NoDataError: the data set is not at hand.
            AbsentError: it has no such entry.
            DataError: it is damaged.
        """
        if self.data is None:
            raise NoDataError(self.lacking)
        try:
            place = self.data.position(identifier)
        except DataError as error:
            raise AbsentError(f"the data set has no entry {identifier[:80]!r}") from error
        return self.data[place]

    def why(self, asked: Asked, modality: str, row: int) -> Explanation:
        """What makes a hit similar to the only question.

        Raises:
            SearchError: there are several questions, the value is not at hand, or it would take too long.
            DataError: the value is damaged.
            UsageError, InputError: a value cannot be embedded.
        """
        questions = self.questions(asked)
        if len(questions) + len(asked.like) != 1:
            raise SearchError("one question can be explained at a time: ask with one alone")
        asking = _given(questions[0]) if questions else self._given(*asked.like[0])
        asking = replace(asking, value=get(asking.modality).coerce(asking.value))
        answered = self._given(modality, row)
        with self._explaining:
            if (told := seconds(self.finder.model, asking, answered)) > LONGEST:
                raise SearchError(
                    f"to explain this would take about {told:,.0f} s: each atom or word of both is left out in turn. "
                    "Ask with a smaller value, or take `comma explain` at the command line, which takes its time"
                )
            name = self.finder.index.manifest.model.title
            return explain(self.finder.model, asking, answered, name=name)

    def _given(self, modality: str, row: int) -> Given:
        """A value of the index; protocols are in it, for others the data set is read."""
        hit = self.hit(modality, row)
        value = hit.steps if modality == "text" else self.value(modality, row)
        return Given(modality=modality, value=value, name=hit.places[0].formula or hit.places[0].id)

    @property
    def targets(self) -> Sequence[str]:
        """Numbers that hits can be filtered by."""
        from comma_explorer.search.tables import targets_of  # noqa: PLC0415

        return targets_of(self.finder.index.entries)


def _given(question: Question) -> Given:
    return Given(modality=question.modality, value=question.value, name=question.said, notes=question.notes)


def _place(modality: str) -> int:
    """Where a modality stands on the page: what a composition tells is least."""
    return ORDER.index(modality) if modality in ORDER else len(ORDER)
