"""A running mean of weights, which is often better than the last ones."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """Weights w̄ ← d w̄ + (1 - d) w after each step (Polyak and Juditsky 1992, doi:10.1137/0330046); none for d = 0."""

    def __init__(self, live: nn.ModuleDict, decay: float) -> None:
        self.live, self.decay = live, decay
        self.mean = copy.deepcopy(live).requires_grad_(False) if decay else None  # noqa: FBT003  torch's own name

    @property
    def kept(self) -> nn.ModuleDict:
        """What a checkpoint has to hold."""
        return self.live if self.mean is None else nn.ModuleDict({"live": self.live, "mean": self.mean})

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step; early means forget sooner, so that the first weights do not linger."""
        if self.mean is None:
            return
        decay = min(self.decay, (step + 1) / (step + 10))
        for old, new in zip(self.mean.state_dict().values(), self.live.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(new)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """With the mean in place of the live weights."""
        if self.mean is None:
            yield
            return
        before = {name: tensor.clone() for name, tensor in self.live.state_dict().items()}
        self.live.load_state_dict(self.mean.state_dict())
        try:
            yield
        finally:
            self.live.load_state_dict(before)

    def settle(self) -> None:
        """Make the mean the weights, at the end of a stage."""
        if self.mean is not None:
            self.live.load_state_dict(self.mean.state_dict())
