"""Learning rates as a pure function of the step."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from comma_align.config import Optimizer


def factor(step: int, total: int, warmup: float) -> float:
    """Linear rise over the first `warmup` share of all steps, then half a cosine to zero."""
    rise = max(1, round(warmup * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _group(parameters: Iterable[nn.Parameter], peak: float, decay: float) -> list[dict[str, object]]:
    """Matrices with decay; vectors and scalars without."""
    chosen = [p for p in parameters if p.requires_grad]
    halves = ([p for p in chosen if p.ndim >= 2], decay), ([p for p in chosen if p.ndim < 2], 0.0)
    return [{"params": ps, "peak": peak, "lr": peak, "weight_decay": wd} for ps, wd in halves if ps]


def adamw(encoders: Iterable[nn.Parameter], others: Iterable[nn.Parameter], config: Optimizer) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with one rate for encoders, one for everything on top."""
    groups = [
        *_group(encoders, config.encoder_lr, config.weight_decay),
        *_group(others, config.head_lr, config.weight_decay),
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.999))


def set_rates(optimizer: torch.optim.Optimizer, step: int, total: int, warmup: float) -> None:
    """Give every group its peak rate times the factor of the step."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor(step, total, warmup)
