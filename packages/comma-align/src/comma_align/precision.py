"""Mixed precision; in fp16 losses are multiplied, so that small gradients do not vanish, and gradients divided."""

from typing import Literal

import torch
from torch import Tensor

TYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

FIRST, LEAST, GROWS_AFTER = 2.0**16, 1.0, 2000


def autocast(precision: Literal["no", "bf16", "fp16"], device: torch.device) -> torch.autocast:
    """Mixed precision for the encoders; losses are computed outside of it."""
    return torch.autocast(device.type, dtype=TYPES[precision], enabled=precision != "no")


class Scaling:
    """The scale of losses in fp16; in fp32 and bf16, which need none, everything passes as it is.

    A gradient that overflows halves the scale and skips the step; a long row of good steps doubles it (Micikevicius et
    al. 2018, arXiv:1710.03740, section 3.2). Two plain numbers, so that a checkpoint can keep them and a resumed run go
    on with them.
    """

    def __init__(self, *, half: bool, scale: float = 0.0, good: int = 0) -> None:
        self.half = half
        self.scale = (scale or FIRST) if half else 0.0
        self.good = good

    def grow(self, loss: Tensor) -> Tensor:
        """The loss before its backward pass."""
        return loss * self.scale if self.half else loss

    def shrink(self, optimizer: torch.optim.Optimizer) -> None:
        """The gradients before they are clipped."""
        if self.half:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad /= self.scale

    def learn(self, *, finite: bool) -> bool:
        """Take note of a step; True where it was skipped only because the scale was too large."""
        if not self.half:
            return False
        if finite:
            self.good += 1
            if self.good % GROWS_AFTER == 0:
                self.scale *= 2
            return False
        self.good = 0
        too_large = self.scale > LEAST
        self.scale = max(LEAST, self.scale / 2)
        return too_large
