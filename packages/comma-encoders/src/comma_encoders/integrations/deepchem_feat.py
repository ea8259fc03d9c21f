"""DeepChem's featurizers over a model; import them from `comma_encoders.integrations.deepchem`."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from deepchem.feat import Featurizer, MaterialCompositionFeaturizer, MaterialStructureFeaturizer
from pymatgen.core import Structure

from comma_encoders.errors import InputError
from comma_encoders.integrations.features import Output, check_output, features, several
from comma_encoders.locate import DEFAULT
from comma_encoders.model import AlignedModel
from comma_encoders.shared import model_of


class ModalityFeaturizer(Featurizer):  # type: ignore[misc]  # DeepChem has no types
    """Features of values of any modality: crystals, protocols, micrographs, patterns, compositions.

    All values of a call are encoded together, in batches cut by size.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one option each
        self,
        modality: str = "structure",
        model: AlignedModel | str | Path = DEFAULT,
        output: Output = "aligned",
        batch_size: int = 64,
        device: str = "cpu",
        ignore_errors: bool = False,  # noqa: FBT001, FBT002 - DeepChem's manner
    ) -> None:
        """Load the model.

        Args:
            modality: what the values are.
            model: a model, or its name as `AlignedModel.from_pretrained` takes it.
            output: `aligned` for unit vectors of the shared space, `encoder` for what the encoder gives alone.
            batch_size: values in a batch at most.
            device: where a named model computes.
            ignore_errors: give an empty array for what cannot be encoded, which DeepChem's loaders leave out, with one
                warning; otherwise raise.

        Raises:
            UsageError: there is no such model, it lacks the modality, or another word than these.
        """
        check_output(output)
        self.modality = modality
        self.model = model_of(model, modality, device)
        self.output = output
        self.batch_size = batch_size
        self.device = device
        self.ignore_errors = ignore_errors

    def featurize(self, datapoints: Iterable[Any], log_every_n: int = 1000, **_: Any) -> np.ndarray:  # noqa: ARG002
        """Features, (values, features), float32; of objects where some are empty.

        Args:
            datapoints: values, or one.
            log_every_n: unused; a call is one piece of work.

        Raises:
            InputError: a value cannot be encoded and `ignore_errors` is False; the message says which.
        """
        values = [raw(value) for value in several(self.modality, datapoints)]
        found = features(self.model, self.modality, values, self.output, batch_size=self.batch_size)
        if not found.refused:
            return found.z.numpy()
        place, error = next(iter(found.refused.items()))
        if not self.ignore_errors:
            raise InputError(f"{self.modality}: {error} (value {place})") from error
        warnings.warn(
            f"{len(found.refused)} of {len(values)} values could not be encoded; the first, value {place}: {error}",
            stacklevel=2,
        )
        out = np.empty(len(values), dtype=object)
        out[:] = [np.array([])] * len(values)
        for row, z in zip(found.places.tolist(), found.z.numpy(), strict=True):
            out[row] = z
        return out

    def _featurize(self, datapoint: Any, **_: Any) -> np.ndarray:
        """Features of one value."""
        return self.featurize([datapoint])[0]

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"{type(self).__name__}(modality={self.modality!r}, output={self.output!r})"


class StructureFeaturizer(ModalityFeaturizer, MaterialStructureFeaturizer):  # type: ignore[misc]
    """Features of crystals: pymatgen structures, or dictionaries of such."""

    def __init__(self, model: AlignedModel | str | Path = DEFAULT, output: Output = "aligned", **options: Any) -> None:
        """Load the model; see `ModalityFeaturizer`."""
        super().__init__("structure", model, output, **options)


class CompositionFeaturizer(ModalityFeaturizer, MaterialCompositionFeaturizer):  # type: ignore[misc]
    """Features of compositions: formulas, or pymatgen compositions."""

    def __init__(self, model: AlignedModel | str | Path = DEFAULT, output: Output = "aligned", **options: Any) -> None:
        """Load the model; see `ModalityFeaturizer`."""
        super().__init__("composition", model, output, **options)


def raw(value: Any) -> Any:
    """A value as the encoders take it: DeepChem also passes structures as dictionaries."""
    if isinstance(value, Mapping) and "lattice" in value and "sites" in value:
        return Structure.from_dict(dict(value))
    return value
