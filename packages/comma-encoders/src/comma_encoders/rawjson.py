"""Raw values as plain JSON and back, exactly: arrays by type, shape and bytes. No code is written."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from comma_encoders.errors import InputError

KINDS = "biuf"
"""Arrays of truth values, integers and floating-point numbers; no others are read or written."""


def to_json(value: Any) -> Any:
    """What `json.dumps` takes.

    Raises:
        InputError: something else than mappings with string keys, sequences, strings, numbers, None and arrays.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
        return {"dtype": value.dtype.str, "shape": list(value.shape), "base64": data}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise InputError(f"a raw value holds {type(value).__name__}; only plain numpy, numbers and strings can be kept")


def from_json(content: Any) -> Any:
    """What `to_json` was given; lists become tuples.

    Raises:
        InputError: an array whose type, shape and bytes do not belong together.
    """
    if isinstance(content, dict) and content.keys() == {"dtype", "shape", "base64"}:
        return _array(content)
    if isinstance(content, dict):
        return {key: from_json(item) for key, item in content.items()}
    return tuple(from_json(item) for item in content) if isinstance(content, list) else content


def _array(content: Mapping[str, Any]) -> np.ndarray:
    try:
        dtype = np.dtype(content["dtype"])
        if dtype.kind not in KINDS:
            raise TypeError(f"{dtype} is no type of numbers")  # noqa: TRY301  one message for all that is damaged
        return np.frombuffer(base64.b64decode(content["base64"]), dtype).reshape(content["shape"]).copy()
    except (TypeError, ValueError) as error:
        raise InputError(f"a stored array is damaged: {error}") from error
