"""The plain loop: AdamW, a warm-up and a cosine, the absolute error. The same for every model."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.structure_accuracy.batches import Model, Prepared, backward, order, predicted
from benchmarks.structure_accuracy.rows import Rows
from benchmarks.structure_accuracy.state import State


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
    max_atoms: int | None = None
    """A batch of more atoms is worked off in parts, which changes memory and not the gradient."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How a training is kept between processes."""

    path: Path
    """Where its state stands, written after every epoch."""
    enough: Callable[[], bool] = lambda: False
    """Whether to stop, asked after every epoch."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of it."""

    predictions: dict[str, np.ndarray]
    """Part -> (rows,), eV; nothing forbids a negative one."""
    seconds_an_epoch: float
    parameters: int
    seconds: float
    """Of all epochs."""


class UnfinishedError(Exception):
    """A training was told to stop; its state is kept."""


def train(  # noqa: PLR0913 - what is trained, on what, how, and where it is kept
    model: Model, parts: dict[str, Rows], settings: Settings, seed: int, name: str, *, keeping: Keeping | None = None
) -> Trained:
    """Train on `parts["train"]` and predict the other parts.

    Raises:
        UnfinishedError: `keeping` said that it is enough; the same call goes on.
        ValueError: the kept state is of another training.
    """
    torch.manual_seed(seed)
    gaps = parts["train"].gaps
    mean, spread = float(gaps.mean()), float(gaps.std())
    wanted = torch.from_numpy((gaps - mean) / spread)
    prepared = {part: Prepared.of(rows.structures, model.prepare) for part, rows in parts.items()}
    state, identity = _begun(model.module, settings), f"{name}, seed {seed}, {len(gaps)} rows, {asdict(settings)}"
    if keeping is not None and keeping.path.is_file():
        state.load(keeping.path, identity)
        print(f"{name}: goes on after epoch {state.epoch}", file=sys.stderr, flush=True)
    while state.epoch < settings.epochs:
        error = spread * _epoch(model, state, prepared["train"], wanted, settings=settings, seed=seed)
        print(f"{name}: epoch {state.epoch}, {error:.3f} eV, {state.seconds[-1]:.0f} s", file=sys.stderr, flush=True)
        if keeping is not None:
            state.save(keeping.path, identity)
            if state.epoch < settings.epochs and keeping.enough():
                raise UnfinishedError(f"{name}: {state.epoch} of {settings.epochs} epochs are done")
    if settings.average:
        model.module.load_state_dict(state.average.module.state_dict())
    found = {part: predicted(model, rows, settings.max_atoms) for part, rows in prepared.items() if part != "train"}
    return Trained(
        predictions={part: mean + spread * values for part, values in found.items()},
        seconds_an_epoch=float(np.median(state.seconds)),
        parameters=sum(p.numel() for p in model.module.parameters()),
        seconds=float(np.sum(state.seconds)),
    )


def _begun(module: nn.Module, settings: Settings) -> State:
    optimizer = torch.optim.AdamW(module.parameters(), lr=settings.rate, weight_decay=settings.decay)
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    return State(module=module, optimizer=optimizer, average=average)


def _epoch(  # noqa: PLR0913 - the parts of a training
    model: Model, state: State, rows: Prepared, wanted: Tensor, *, settings: Settings, seed: int
) -> float:
    """Show every row once; returns the mean error, standard deviations."""
    start, losses = time.perf_counter(), []
    batches = np.array_split(order(seed, state.epoch, len(wanted)), len(wanted) // settings.batch_size)
    model.module.train()
    for i, places in enumerate(batches):
        state.optimizer.zero_grad()
        losses.append(backward(model, rows, wanted, places, settings.max_atoms))
        nn.utils.clip_grad_norm_(model.module.parameters(), settings.clip)
        share = _share(settings, state.epoch * len(batches) + i, settings.epochs * len(batches))
        for group in state.optimizer.param_groups:
            group["lr"] = settings.rate * share
        state.optimizer.step()
        state.average.update_parameters(model.module)
    state.epoch += 1
    state.seconds.append(time.perf_counter() - start)
    return float(np.mean(losses))


def _share(settings: Settings, step: int, steps: int) -> float:
    """Of the rate: a warm-up, then half a cosine down to nothing."""
    warm = max(1, int(settings.warm_up * steps))
    return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))
