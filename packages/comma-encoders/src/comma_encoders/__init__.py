"""Encoders from raw material values to unit vectors."""

import importlib
from typing import Any

__version__ = "0.2.0"

_FRONT_DOOR = {
    "AlignedModel": "model",
    "Featurizer": "featurizer",
    "Vectors": "transformer",
    "load": "folder",
    "names": "modality",
    "save": "folder",
}


def __getattr__(name: str) -> Any:
    """The front-door names, imported when they are asked for."""
    if name in _FRONT_DOOR:
        return getattr(importlib.import_module(f"comma_encoders.{_FRONT_DOOR[name]}"), name)
    raise AttributeError(f"module 'comma_encoders' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What the module holds, with the front-door names."""
    return sorted([*globals(), *_FRONT_DOOR])
