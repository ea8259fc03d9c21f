"""A model's encoders and heads as they were before any training: what a trained one has to be better than."""

import torch
from comma_encoders.model import AlignedModel

RANDOM = ", random weights"
"""Behind a model's name: the line of its encoders before training."""


def untrained(model: AlignedModel, seed: int = 0) -> AlignedModel:
    """A model of the same modalities, configs and dimension with random weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AlignedModel(model.configs, model.dim, shared_head=model.shared_head)
