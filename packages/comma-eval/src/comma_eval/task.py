"""The nouns of an evaluation: what can be scored, the question, and the answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from comma_data import shards
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from jaxtyping import Bool, Float

Model = TypeVar("Model")


@runtime_checkable
class Embedder(Protocol):
    """Anything that turns samples into vectors."""

    def embed(self, samples: Sequence[Sample]) -> Mapping[str, Embedded]:
        """Modality -> vectors of every value that the samples have of it; `rows` says whose."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Anything that says how well a gallery item fits a query."""

    def score(self, queries: Sequence[Sample], gallery: Sequence[Sample]) -> Float[np.ndarray, "q g"]:
        """Higher is better. Every sample comes with exactly one value of one modality, and no group or name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One number for each sample, and the interval in which the predictor expects it."""

    value: Float[np.ndarray, " samples"]
    low: Float[np.ndarray, " samples"]
    high: Float[np.ndarray, " samples"]
    zero: Bool[np.ndarray, " samples"] | None = None
    """Which samples are classified as exactly zero (of a band gap: metals), by a predictor that does so."""


@runtime_checkable
class Predictor(Protocol):
    """Anything that learns a target from samples and predicts it for others."""

    def fit(self, train: Sequence[Sample], target: str) -> None:
        """Learn `Sample.targets[target]`."""
        ...

    def predict(self, samples: Sequence[Sample]) -> Prediction:
        """Predict the target, in its own unit."""
        ...


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, in the form of a committed result."""

    labels: Mapping[str, str]
    """What tells this row from others: direction, view, model, ..."""
    metric: str
    value: float
    low: float | None
    """Lower end of the 95 % interval; None where there is none."""
    high: float | None
    n: int
    """Groups that the value is a mean over."""

    def as_dict(self) -> dict[str, Any]:
        """Labels and figures side by side."""
        figures = {"metric": self.metric, "value": self.value, "low": self.low, "high": self.high, "n": self.n}
        return {**self.labels, **figures}


@dataclass(frozen=True, kw_only=True)
class Item:
    """What one model did on one item of a question: what paired tests and plots are made from."""

    labels: Mapping[str, str]
    """The question and `model`, as in a `Row`."""
    item: str
    """The query or sample; the same for every model that answers the question."""
    group: str
    """What the bootstrap draws: the formula, the host, the frame."""
    metric: str
    """`R@1`, `absolute error`, `correct`, ...; `prediction` and `truth` are what parity plots show."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """The answer of a task: figures, and what has to be known to read them."""

    task: str
    rows: tuple[Row, ...]
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    """Sizes of pools, the fold, what the model was trained on."""
    items: tuple[Item, ...] = ()
    """Single answers; not part of the JSON."""

    def to_json(self) -> str:
        """The report as JSON; `rows` have the form of a committed result."""
        rows = [row.as_dict() for row in self.rows]
        return json.dumps({"task": self.task, "facts": dict(self.facts), "rows": rows}, indent=1, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Which samples a task asks for; of each it gets everything that the sample has."""

    train: frozenset[str] | None
    """Modalities that a training sample must have; None where nothing is learnt from training samples."""
    test: frozenset[str]
    """Modalities that a held-out sample must have."""
    target: str | None = None
    """Key of `Sample.targets` that both must have."""
    indexed: Callable[[shards.Row], bool] | None = None
    """What else the index has to say of a sample before it is read; None reads all that have the modalities."""
    keep: Callable[[Sample], bool] | None = None
    """Which samples are kept after they were read; None keeps all."""
    leave_out_seen: bool = False
    """Whether held-out samples of groups that the model has seen are left out; otherwise it gets no score."""
    fitted: bool = False
    """Whether a predictor may answer that has learnt the target already, as one of the stage `supervised`."""
    untrained: bool = False
    """Whether a model's own encoders with random weights are scored beside it."""


@runtime_checkable
class Task(Protocol[Model]):
    """A question with a fixed protocol; retrieval asks Scorers, properties ask Predictors."""

    @property
    def needs(self) -> Needs:
        """Which samples `run` wants to be given."""
        ...

    def model_of(self, embedder: Embedder) -> Model:
        """The embedder as what this task asks: a scorer by dot product, a predictor by a probe."""
        ...

    def run(self, models: Mapping[str, Model], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Score every model, and the task's own baselines beside them, on the same test samples.

        Baselines that learn see `train` alone.
        """
        ...
