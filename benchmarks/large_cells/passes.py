"""One pass of the encoder over a graph that stands ready, and how long it takes."""

import time
from collections.abc import Mapping

import torch
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.types import Inputs

REPEATS = 5
PASSES: Mapping[str, bool] = {"inference": False, "training step": True}
"""Name -> whether a backward pass follows."""


def run(model: Encoder, inputs: Inputs, *, training: bool) -> None:
    """Forward, and where it trains also backward."""
    model.zero_grad()
    with torch.set_grad_enabled(training):
        out = model(inputs).square().sum()
    if training:
        out.backward()


def seconds(model: Encoder, inputs: Inputs, *, training: bool) -> float:
    """Of one run."""
    start = time.perf_counter()
    run(model, inputs, training=training)
    return time.perf_counter() - start
