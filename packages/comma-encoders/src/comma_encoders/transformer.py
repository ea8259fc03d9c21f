"""A transformer for scikit-learn's pipelines and searches, without depending on scikit-learn.

It has what scikit-learn asks of an estimator: parameters that are stored as given, `get_params` and `set_params`, and
no state that `clone` would have to carry over.
"""

import importlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders.errors import UsageError
from comma_encoders.locate import DEFAULT
from comma_encoders.model import AlignedModel
from comma_encoders.shared import model_of


class Vectors:
    """Values of one modality -> the model's vectors, as features for any estimator.

    ```python
    make_pipeline(Vectors("composition"), Ridge()).fit(["NaCl", "MgO"], [8.5, 7.8])
    ```
    """

    def __init__(
        self,
        modality: str = "structure",
        model: AlignedModel | str | Path = DEFAULT,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> None:
        """Keep the parameters; the model is loaded when it is first needed.

        Args:
            modality: what the values are.
            model: a model, or its name as `AlignedModel.from_pretrained` takes it.
            batch_size: values in a batch at most.
            device: where a named model computes.
        """
        self.modality = modality
        self.model = model
        self.batch_size = batch_size
        self.device = device
        self._sklearn_output_config: dict[str, str | None] = {
            "transform": None
        }  # under this name scikit-learn's clone copies it

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002  scikit-learn's signature
        """The parameters, as they were given."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }

    def set_params(self, **params: Any) -> "Vectors":
        """Change parameters.

        Raises:
            UsageError: no such parameter.
        """
        for name, value in params.items():
            if name not in self.get_params():
                raise UsageError(f"{name!r} is no parameter of Vectors; it has {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def fit(self, X: Iterable[Any], y: Any = None) -> "Vectors":  # noqa: ARG002, N803  scikit-learn's signature
        """Nothing is learnt; the model is made ready, so that a wrong name is told here."""
        model_of(self.model, self.modality, self.device)
        return self

    def transform(self, X: Iterable[Any]) -> Any:  # noqa: N803  scikit-learn's name
        """Vectors of the values, (values, dim), float32: an array, or the frame that `set_output` asks for.

        Args:
            X: values; or a frame or an array of one column of them, as `ColumnTransformer` gives it.

        Raises:
            InputError: a value that cannot be encoded.
            UsageError: several columns.
        """
        model = model_of(self.model, self.modality, self.device)
        values = self._column(X)
        found = model.encode(self.modality, values, batch_size=self.batch_size, output="numpy")
        if self._output() == "default":
            return found
        import pandas as pd  # noqa: PLC0415  asked for

        index = values.index if hasattr(values, "iloc") else None  # a list has a method of that name
        return pd.DataFrame(found, columns=self.get_feature_names_out(), index=index)

    def _output(self) -> str:
        """What `set_output` asked for, or else scikit-learn's own setting where it is in use."""
        asked: str | None = self._sklearn_output_config["transform"]
        if asked is None:
            sklearn = sys.modules.get("sklearn")
            asked = str(sklearn.get_config()["transform_output"]) if sklearn else "default"
            self._check_output(asked)
        return asked

    def fit_transform(self, X: Iterable[Any], y: Any = None, **_: Any) -> Any:  # noqa: ARG002, N803
        """As `transform`."""
        return self.transform(X)

    def set_output(self, *, transform: str | None = None) -> "Vectors":
        """What `transform` gives, as scikit-learn's pipelines ask it: `default`, an array, or `pandas`.

        Raises:
            UsageError: another word.
        """
        if transform is not None:
            self._check_output(transform)
            self._sklearn_output_config = {"transform": transform}
        return self

    @staticmethod
    def _check_output(word: str) -> None:
        if word not in ("default", "pandas"):
            raise UsageError(f"transform={word!r}; it has to be 'default' or 'pandas'")

    @staticmethod
    def _column(values: Any) -> Any:
        """The values of a frame or an array of one column."""
        columns: Any = getattr(values, "columns", None)
        if columns is not None:
            count, column = len(columns), lambda: values[columns[0]]
        elif isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "OUT":
            count, column = values.shape[1], lambda: values[:, 0]
        else:
            return values
        if count != 1:
            raise UsageError(f"values of one modality stand in one column; got {count}")
        return column()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002  scikit-learn's signature
        """Names of the columns of `transform`."""
        dim = model_of(self.model, self.modality, self.device).dim
        return np.array([f"{self.modality}_{i}" for i in range(dim)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """There is nothing to fit."""
        return True

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of estimators: that this is a transformer, of values that are no arrays of numbers."""
        sklearn = importlib.import_module("sklearn.utils")  # only scikit-learn asks, so it is there
        return sklearn.Tags(
            estimator_type="transformer",
            target_tags=sklearn.TargetTags(required=False),
            transformer_tags=sklearn.TransformerTags(preserves_dtype=[]),
            input_tags=sklearn.InputTags(two_d_array=False, string=True),
            requires_fit=False,
        )

    def __repr__(self) -> str:
        """The call that makes it."""
        stated = (f"{name}={value!r}" for name, value in self.get_params().items() if name != "model")
        model = self.model if isinstance(self.model, str | Path) else "..."
        return f"Vectors({', '.join(stated)}, model={model!r})"
