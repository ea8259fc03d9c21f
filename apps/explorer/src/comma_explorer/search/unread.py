"""What of a protocol the model does not read: nobody should take silence for 'it does not matter'."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from comma_encoders.errors import InputError

ALL = 10**9
"""Steps, where none is left out."""


def unread(steps: Sequence[str], config: Any) -> str:
    """A note that says which steps the encoder of protocols reads; empty where it reads all.

    Args:
        steps: of a protocol.
        config: of the model's encoder of protocols.
    """
    from comma_encoders.modalities.text.steps import encoded  # noqa: PLC0415 - torch takes seconds

    every = replace(config, max_steps=ALL)
    left = config.max_steps
    for number, step in enumerate(steps):
        try:
            left -= len(encoded((step,), every))  # a long step counts as several
        except InputError:  # without words it counts as none
            continue
        if left < 0:
            rest = "of later ones only the formulas" if config.materials else "later ones are not"
            return f"only the first {number} of {len(steps)} steps are read; {rest}"
    return ""
