"""The plain loop: AdamW, a warm-up and a cosine, the absolute error. The same for every model."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.structure_accuracy.rows import Rows


class Model(Protocol):
    """What the loop needs of a model and its graphs."""

    module: nn.Module

    def prepare(self, structure: Any) -> Any:
        """What is kept of one structure between epochs; made once, outside of the time that is measured."""
        ...

    def batch(self, prepared: Sequence[Any]) -> Any:
        """What the module takes of these structures."""
        ...

    def output(self, batch: Any) -> Tensor:
        """(structures,), in standard deviations from the mean of the training rows."""
        ...


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long and how fast."""

    epochs: int = 30
    batch_size: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    warm_up: float = 0.05
    """Share of the steps."""
    clip: float = 1.0
    average: float = 0.0
    """Decay of the running mean of the weights that predicts; 0 for the last weights."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of it."""

    predictions: dict[str, np.ndarray]
    """Part -> (rows,), eV, never negative."""
    seconds_an_epoch: float
    parameters: int


def _schedule(settings: Settings, steps: int) -> Callable[[int], float]:
    warm = max(1, int(settings.warm_up * steps))
    return lambda step: min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))


def train(model: Model, parts: dict[str, Rows], settings: Settings, seed: int, name: str) -> Trained:
    """Train on `parts["train"]` and predict the other parts."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    gaps = parts["train"].gaps
    mean, spread = float(gaps.mean()), float(gaps.std())
    prepared = {part: [model.prepare(s) for s in rows.structures] for part, rows in parts.items()}
    steps = settings.epochs * (len(gaps) // settings.batch_size)
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(settings, steps))
    average = torch.optim.swa_utils.AveragedModel(
        model.module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average)
    )
    seconds = []
    for epoch in range(settings.epochs):
        start, losses = time.perf_counter(), []
        model.module.train()
        order = rng.permutation(len(gaps))
        for places in np.array_split(order, len(gaps) // settings.batch_size):
            wanted = torch.from_numpy((gaps[places] - mean) / spread)
            loss = (model.output(model.batch([prepared["train"][i] for i in places])) - wanted).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.module.parameters(), settings.clip)
            optimizer.step()
            schedule.step()
            average.update_parameters(model.module)
            losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        print(f"{name}: epoch {epoch + 1}, {spread * np.mean(losses):.3f} eV, {seconds[-1]:.0f} s", file=sys.stderr)
    if settings.average:
        model.module.load_state_dict(average.module.state_dict())
    return Trained(
        predictions={part: mean + spread * _predicted(model, prepared[part]) for part in parts if part != "train"},
        seconds_an_epoch=float(np.median(seconds)),
        parameters=sum(p.numel() for p in model.module.parameters()),
    )


@torch.no_grad()
def _predicted(model: Model, prepared: Sequence[Any], size: int = 256) -> np.ndarray:
    model.module.eval()
    parts = [model.output(model.batch(prepared[i : i + size])) for i in range(0, len(prepared), size)]
    return torch.cat(parts).numpy()
