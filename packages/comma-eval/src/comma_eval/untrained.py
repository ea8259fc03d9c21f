"""A model's encoders and heads as they were before any training: what a trained one has to be better than."""

from typing import Any

import torch
from comma_encoders.model import AlignedModel

from comma_eval.task import Task

RANDOM = ", random weights"
"""Behind a model's name: the line of its encoders before training."""


def untrained(model: AlignedModel, seed: int = 0) -> AlignedModel:
    """A model of the same modalities, configs and dimension with random weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AlignedModel(model.configs, model.dim, shared_head=model.shared_head)


def lines_of(task: Task[Any], name: str, model: AlignedModel) -> dict[str, Any]:
    """The model as the task asks it, and where the task wants that the same with random weights, under their names."""
    beside = {f"{name}{RANDOM}": task.model_of(untrained(model))} if task.needs.untrained else {}
    return {name: task.model_of(model), **beside}
