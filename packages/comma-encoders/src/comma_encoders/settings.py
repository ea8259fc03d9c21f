"""Bounds of the settings of encoders and models; read without torch, so that a config is."""

import math
from typing import Any

from comma_encoders.errors import UsageError

LEAST_DIM = 6
"""Of vectors that are imputed; below it the expansion of the Bessel function in `vmf` is not exact enough."""


def within(modality: str, config: Any, **bounds: tuple[int | float, int | float]) -> None:
    """Refuse settings beyond their bounds, before something fails inside of torch, or the process dies.

    Args:
        modality: for the message.
        config: of its encoder.
        **bounds: setting -> the least and the largest value that it, or each of several, may have.

    Raises:
        UsageError: the first that is beyond, or no number.
    """
    for name, (low, high) in bounds.items():
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high or not math.isfinite(number):
                most = f" and at most {high:g}" if math.isfinite(high) else ""
                raise UsageError(f"{modality}: {name} is {value}; it has to be {low:g} or more{most}")
