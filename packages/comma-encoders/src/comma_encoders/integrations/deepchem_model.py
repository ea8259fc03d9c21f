"""A property model for DeepChem; import it from `comma_encoders.integrations.deepchem`."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from deepchem.data import Dataset, NumpyDataset
from deepchem.models import Model

from comma_encoders import folder
from comma_encoders.errors import InputError, UsageError
from comma_encoders.integrations.deepchem_feat import raw
from comma_encoders.integrations.features import Output, check_output, features, several, width
from comma_encoders.integrations.linear import Linear, Mode, check_mode, fit
from comma_encoders.locate import DEFAULT
from comma_encoders.model import AlignedModel
from comma_encoders.shared import model_of

ENCODER, HEAD, SETTINGS = "encoder", "head", "settings.json"
SHARD = 1024
"""Samples of a data set that are held in memory at a time."""


class PropertyModel(Model):  # type: ignore[misc]  # DeepChem has no types
    """Properties from frozen features of a model by a linear head: ridge, or logistic regression.

    The encoder is not changed: `comma align run` with the stage `supervised`, of comma-align, is what fine-tunes one.
    `X` of a data set holds what the model encodes (crystals as pymatgen structures or their dictionaries, formulas,
    ...), or features that a featurizer of this module made.
    """

    def __init__(  # noqa: PLR0913 - one option each
        self,
        model: AlignedModel | str | Path = DEFAULT,
        *,
        modality: str = "structure",
        mode: Mode = "regression",
        n_tasks: int = 1,
        n_classes: int = 2,
        output: Output = "aligned",
        batch_size: int = 64,
        device: str = "cpu",
        model_dir: str | Path | None = None,
    ) -> None:
        """Load the encoders.

        Args:
            model: a model, or its name as `AlignedModel.from_pretrained` takes it.
            modality: what `X` holds.
            mode: `regression` or `classification`.
            n_tasks: columns of `y`.
            n_classes: of each task, in classification.
            output: `aligned` for unit vectors of the shared space, `encoder` for what the encoder gives alone.
            batch_size: values in a batch at most.
            device: where a named model computes.
            model_dir: where `save` writes; a temporary folder where none is given.

        Raises:
            UsageError: there is no such model, it lacks the modality, or a word that is none of these.
        """
        check_mode(mode)
        check_output(output)
        super().__init__(model_of(model, modality, device), None if model_dir is None else str(model_dir))
        self.modality = modality
        self.mode = mode
        self.n_tasks = n_tasks
        self.n_classes = n_classes
        self.output = output
        self.batch_size = batch_size
        self.device = device
        self.head: Linear | None = None

    def fit(self, dataset: Dataset) -> None:
        """Fit the head to all of a data set; weights of 0 mark missing labels.

        Raises:
            InputError: a value that cannot be encoded, with its id, or labels of which nothing can be learnt.
        """
        parts = [
            (self._features(x, ids), _table(y, "labels"), _table(w, "weights"))
            for x, y, w, ids in dataset.iterbatches(batch_size=SHARD, deterministic=True)
        ]
        if not parts:
            raise InputError("the data set is empty")
        x, y, w = (np.concatenate(part) for part in zip(*parts, strict=True))
        if y.shape[1] != self.n_tasks:
            raise InputError(f"the data set has {y.shape[1]} tasks, the model n_tasks={self.n_tasks}")
        self.head = fit(x, y, np.broadcast_to(w, y.shape), self.mode, classes=self.n_classes)

    def predict_on_batch(self, X: Any) -> np.ndarray:  # noqa: N803 - DeepChem's name
        """Values (n, tasks), or probabilities (n, tasks, classes).

        Raises:
            UsageError: the model was neither fitted nor restored.
            InputError: a value that cannot be encoded.
        """
        return self._fitted().predict(self._features(X, range(len(X))))

    def save(self) -> None:
        """Write head and encoders into `model_dir`, in place of what an earlier call wrote; nothing is pickled.

        Raises:
            UsageError: the model was neither fitted nor restored.
        """
        place, head = Path(self.model_dir), self._fitted()
        folder.overwrite(self.model, place / ENCODER)
        head.save(place / HEAD)
        told = {"modality": self.modality, "output": self.output, "n_tasks": self.n_tasks, "n_classes": self.n_classes}
        (place / SETTINGS).write_text(json.dumps(told) + "\n", encoding="utf-8")

    def reload(self) -> None:
        """Read what `save` wrote into `model_dir`.

        Raises:
            InputError: it is not there, or damaged.
        """
        place = Path(self.model_dir)
        try:
            told = json.loads((place / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{place} holds no saved PropertyModel ({error}); call `save` first") from error
        head = Linear.load(place / HEAD)
        self.model = folder.load(place / ENCODER, device=self.device)
        self.modality, self.output = told["modality"], told["output"]
        self.n_tasks, self.n_classes = told["n_tasks"], told["n_classes"]
        self.head, self.mode = head, head.mode

    def restore(self) -> None:
        """As `reload`, under the name that DeepChem's other models have."""
        self.reload()

    def get_task_type(self) -> str:
        """`regression` or `classification`."""
        return self.mode

    def get_num_tasks(self) -> int:
        """Columns of `y`."""
        return self.n_tasks

    def _fitted(self) -> Linear:
        if self.head is None:
            raise UsageError("this PropertyModel has no head yet: call `fit`, or `restore` one that was saved")
        return self.head

    def _features(self, x: Any, ids: Iterable[Any]) -> np.ndarray:
        """Features (n, features) of values, or what are features already."""
        wide = width(self.model, self.modality, self.output)
        if isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype.kind == "f":
            if x.shape[1] != wide:
                raise InputError(f"X has {x.shape[1]} features, those of this model are {wide}")
            return x
        found = features(
            self.model,
            self.modality,
            [raw(v) for v in several(self.modality, x)],
            self.output,
            batch_size=self.batch_size,
        )
        for place, error in found.refused.items():
            raise InputError(f"{self.modality}: {error} (id {list(ids)[place]})") from error
        return found.z.numpy()


def _table(values: Any, what: str) -> np.ndarray:
    """Labels or weights as (n, tasks), float64."""
    try:
        return np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    except (TypeError, ValueError) as error:
        raise InputError(f"the {what} are no numbers: {error}") from error


def dataset(values: Sequence[Any], y: Any = None, w: Any = None, ids: Any = None) -> NumpyDataset:
    """A data set whose `X` holds objects; numpy alone would take a crystal apart into its sites.

    Args:
        values: crystals or other values.
        y: labels, (n,) or (n, tasks).
        w: weights of the same shape.
        ids: names; the places from 0 if not given.
    """
    x = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        x[place] = value
    return NumpyDataset(x, y, w, ids)
