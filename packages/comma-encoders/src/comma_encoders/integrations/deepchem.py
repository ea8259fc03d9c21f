"""Featurizers and a property model for DeepChem; `pip install "comma-encoders[deepchem]"`.

`StructureFeaturizer`, `CompositionFeaturizer` and `ModalityFeaturizer` are featurizers of DeepChem, `PropertyModel` is
a `deepchem.models.Model`, and `dataset` puts crystals into a `NumpyDataset`. DeepChem is imported when the first of
them is asked for: it takes seconds.
"""

import importlib
from typing import Any

from comma_encoders.errors import MissingDependencyError

NAMES = {
    "CompositionFeaturizer": "deepchem_feat",
    "ModalityFeaturizer": "deepchem_feat",
    "PropertyModel": "deepchem_model",
    "StructureFeaturizer": "deepchem_feat",
    "dataset": "deepchem_model",
}
"""Name -> the module beside this one that has it."""


def __getattr__(name: str) -> Any:
    """One of the names.

    Raises:
        MissingDependencyError: DeepChem is not installed.
    """
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("deepchem")
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} needs DeepChem, which cannot be imported ({error}): pip install 'comma-encoders[deepchem]'"
        ) from error
    return getattr(importlib.import_module(f"comma_encoders.integrations.{NAMES[name]}"), name)


def __dir__() -> list[str]:
    """What the module holds, with the names that come from DeepChem."""
    return sorted([*globals(), *NAMES])
