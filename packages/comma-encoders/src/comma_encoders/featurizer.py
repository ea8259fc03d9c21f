"""A featurizer with the methods that matminer's users expect, without depending on matminer.

The names and their meaning are those of its `BaseFeaturizer` (Ward et al. 2018, doi:10.1016/j.commatsci.2018.05.018).
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from comma_encoders import __version__
from comma_encoders.encoding import Encoded
from comma_encoders.errors import InputError, UsageError
from comma_encoders.locate import DEFAULT
from comma_encoders.model import AlignedModel
from comma_encoders.shared import model_of

MAKERS = "The COMMA developers"


class Featurizer:
    """The components of a model's vector as features of a value.

    ```python
    Featurizer("structure").featurize_dataframe(frame, "structure")
    ```
    """

    def __init__(
        self,
        modality: str = "structure",
        model: AlignedModel | str | Path = DEFAULT,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> None:
        """Load the model.

        Args:
            modality: what the values are.
            model: a model, or its name as `AlignedModel.from_pretrained` takes it.
            batch_size: values in a batch at most.
            device: where a named model computes.

        Raises:
            UsageError: there is no such model, or it lacks the modality.
        """
        self.modality = modality
        self.model = model_of(model, modality, device)
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None, **_: Any) -> "Featurizer":  # noqa: ARG002, N803  matminer's signature
        """Nothing is learnt."""
        return self

    def feature_labels(self) -> list[str]:
        """Names of the features, in their order."""
        return [f"comma {self.modality} {i}" for i in range(self.model.dim)]

    def featurize(self, *x: Any) -> list[float]:
        """Features of one value.

        Raises:
            InputError: it cannot be encoded.
        """
        (value,) = x
        features: list[float] = self.model.encode(self.modality, [value], output="numpy")[0].tolist()
        return features

    def featurize_many(
        self,
        entries: Iterable[Any],
        ignore_errors: bool = False,  # noqa: FBT001, FBT002  matminer's signature
        return_errors: bool = False,  # noqa: FBT001, FBT002
        pbar: bool = True,  # noqa: FBT001, FBT002
    ) -> list[list[Any]]:
        """Features of many values, in their order.

        Args:
            entries: values, or tuples of one value as matminer passes them on.
            ignore_errors: give NaN for what cannot be encoded, with one warning, instead of raising.
            return_errors: add to each row the message of its error, None where there is none.
            pbar: a progress bar for long lists on a terminal.

        Raises:
            InputError: a value cannot be encoded and `ignore_errors` is False.
        """
        values = [self._alone(entry) for entry in entries]
        shown = None if pbar else False
        encoded = self.model.encode_all(self.modality, values, batch_size=self.batch_size, progress=shown)
        self._report(encoded, len(values), ignore_errors=ignore_errors)
        features = np.full((len(values), self.model.dim), np.nan)
        features[encoded.places.numpy()] = encoded.z.numpy()
        rows: list[list[Any]] = features.tolist()
        if not return_errors:
            return rows
        return [[*row, str(encoded.refused[i]) if i in encoded.refused else None] for i, row in enumerate(rows)]

    def transform(self, X: Iterable[Any]) -> list[list[Any]]:  # noqa: N803  matminer's name
        """As `featurize_many`, with NaN for what cannot be encoded."""
        return self.featurize_many(X, ignore_errors=True)

    def featurize_dataframe(  # noqa: PLR0913, PLR0917  matminer's signature
        self,
        df: Any,
        col_id: str | Sequence[str],
        ignore_errors: bool = False,  # noqa: FBT001, FBT002
        return_errors: bool = False,  # noqa: FBT001, FBT002
        inplace: bool = False,  # noqa: FBT001, FBT002
        multiindex: bool = False,  # noqa: FBT001, FBT002
        pbar: bool = True,  # noqa: FBT001, FBT002
    ) -> Any:
        """The frame with one column for each feature beside its own.

        Args:
            df: a pandas DataFrame.
            col_id: the column of the values.
            ignore_errors: as `featurize_many`.
            return_errors: add a column `Featurizer Exceptions`.
            inplace: add the columns to `df` itself.
            multiindex: has to be False: matminer's columns of two levels are not made.
            pbar: as `featurize_many`.

        Raises:
            InputError: the frame has such columns already, or as `featurize_many`.
            UsageError: `multiindex` is asked for.
        """
        if multiindex:
            raise UsageError("multiindex=True: columns of two levels are not made; leave it out")
        (column,) = [col_id] if isinstance(col_id, str) else col_id
        labels = self.feature_labels() + (["Featurizer Exceptions"] if return_errors else [])
        there = [label for label in labels if label in df.columns]
        if there:
            raise InputError(f"the frame has a column {there[0]!r} already; rename or drop it first")
        rows = self.featurize_many(df[column], ignore_errors, return_errors, pbar)
        # pandas' own constructor by way of the frame: whoever passes a frame has pandas
        made = type(df)(rows, columns=labels)
        if inplace:
            df[labels] = made.set_axis(df.index)
            return df
        joined = df.reset_index(drop=True).join(made)  # by position: a join on an index that repeats multiplies rows
        return joined.set_axis(df.index)

    def citations(self) -> list[str]:
        """What to cite, as BibTeX."""
        return [f"@software{{comma, title = {{COMMA}}, author = {{{{{MAKERS}}}}}, version = {{{__version__}}}}}"]

    def implementors(self) -> list[str]:
        """Who made it."""
        return [MAKERS]

    def _report(self, encoded: Encoded, count: int, *, ignore_errors: bool) -> None:
        """Raise or warn of what could not be encoded."""
        for place, error in encoded.refused.items():
            if not ignore_errors:
                raise InputError(f"{self.modality}: {error} (value {place})") from error
            warnings.warn(
                f"{len(encoded.refused)} of {count} values could not be encoded and become NaN; the first, value "
                f"{place}: {error}",
                stacklevel=3,
            )
            return

    def _alone(self, entry: Any) -> Any:
        """The value of an entry: matminer wraps it in a tuple, which a protocol of one step is itself."""
        if not isinstance(entry, tuple) or len(entry) != 1:
            return entry
        return entry if self.modality == "text" and isinstance(entry[0], str) else entry[0]
