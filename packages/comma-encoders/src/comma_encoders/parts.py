"""What a value consists of: parts that can be left out or faded, whatever for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from comma_encoders.types import Inputs


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of one value: atoms, words, fields of a picture, stretches of a pattern, elements."""

    labels: tuple[str, ...]
    """What each is called."""
    groups: tuple[str, ...]
    """What each belongs to: the species of an atom, the step of a word; empty where parts stand for themselves."""
    grouped: str
    """What a group is, in one word: `species`, `step`; empty where there are none."""
    without: Callable[[Bool[Tensor, "variants parts"]], Inputs]
    """Kept parts -> what `collate` would make of the value with only these, one variant a row.

    Every row has to keep a part. Left out is what a real value may lack: an atom is a vacancy, a word was not written,
    a stretch of a pattern was not measured; a field of a picture, which cannot be missing, has the picture's mean.
    """
    faded: Callable[[Any, Float[Tensor, "variants parts"]], Float[Tensor, "variants width"]] | None
    """(encoder, gates) -> what the encoder makes of the value where part i goes in as

        neutral + gate[i] * (part i - neutral)

    in the first layer that tells parts apart. All gates 1 is the value itself; at 0 nothing is told of a part but
    that it is there. Differentiable in the gates, so that integrated gradients are those of the gates. None where the
    encoder is foreign and has no such layer of ours.
    """
    extent: Float[np.ndarray, "parts bounds"] | None = None
    """Where a part lies in the value: (top, left, bottom, right) in pixels, or (from, to) in degrees."""

    swapped: Callable[[Int[Tensor, "variants parts"]], Inputs] | None = None
    """Sources -> what `collate` would make of the value in which part i, where it stands, is what part source[i] is.

    None where a part is nothing but what stands in its place, as a field of a picture is.
    """

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self.labels)


def fade(
    content: Float[Tensor, "places width"], neutral: Float[Tensor, "..."], gates: Float[Tensor, " places"]
) -> Float[Tensor, "places width"]:
    """From the neutral content at gate 0 to the content at gate 1."""
    return neutral + gates[:, None] * (content - neutral)


def shares(added: Float[Tensor, "parts columns"]) -> Float[Tensor, "parts columns"]:
    """The share that each part has of the sum of a column; zeros where the sum is zero."""
    total = added.sum(dim=0, keepdim=True)
    return torch.where(total > 0, added / total.clamp(min=1e-30), 0.0)
