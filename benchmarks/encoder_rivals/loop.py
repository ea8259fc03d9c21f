"""A plain training loop: one encoder, one linear layer, one loss."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities import image, text, xrd
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.results_form import ROOT

Collate = Callable[[Sequence[Any]], Any]
Augment = Callable[[Any, np.random.Generator], Any]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained: AdamW, the rate up over a tenth of the steps and down as a cosine."""

    epochs: int
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.05
    strength: float = 1.0
    """Of the augmentation."""
    crop: bool = False
    """Whether the augmentation of images may cut a part out."""


class Probe(nn.Module):
    """An encoder, a normalisation, dropout and a linear layer."""

    def __init__(self, encoder: nn.Module, outputs: int) -> None:
        super().__init__()
        width = int(encoder.width)  # type: ignore[arg-type]  # every encoder has it
        self.encoder = encoder
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Dropout(0.1), nn.Linear(width, outputs))

    def forward(self, inputs: Any) -> Tensor:
        """(values, outputs)."""
        found: Tensor = self.out(self.encoder(inputs))
        return found


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model learns from, and how raw values reach it."""

    values: Sequence[Any]
    targets: Tensor
    collate: Collate
    augment: Augment


def task(modality: str, config: Any, values: Sequence[Any], targets: Tensor, strength: float) -> Task:
    """A task with the collation and augmentation of a modality."""
    functions = get(modality)

    def augment(value: Any, rng: np.random.Generator) -> Any:
        return functions.augment(value, rng, strength)

    return Task(values=values, targets=targets, collate=partial(functions.collate, config=config), augment=augment)


def train(model: nn.Module, work: Task, recipe: Recipe, *, loss: Loss, seed: int) -> nn.Module:
    """Train on all values, `epochs` times; the same seed gives the same model."""
    rng = np.random.default_rng(seed)
    steps = recipe.epochs * -(-len(work.values) // recipe.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps, pct_start=0.1)
    model.train()
    for _ in range(recipe.epochs):
        for chosen in batches(len(work.values), recipe.batch, rng):
            inputs = work.collate([work.augment(work.values[i], rng) for i in chosen])
            optimizer.zero_grad()
            loss(model(inputs), work.targets[torch.from_numpy(chosen)]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model.eval()


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices of one epoch in random order."""
    order = rng.permutation(count)
    return iter(np.array_split(order, -(-count // size)))


def once(key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """What `make` gives, kept below `build/`, so that a run that was cut short goes on where it was.

    The key has to name all that the answer depends on but the code of the encoders and of this loop.
    """
    name = hashlib.sha256(f"{_code()} {key}".encode()).hexdigest()[:16]
    path = ROOT / "build" / "encoder-rivals" / f"{name}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npy")
        np.save(part, make())
        part.replace(path)
        print(f"kept {path.name}: {key}", file=sys.stderr, flush=True)
    return np.asarray(np.load(path))


@cache
def _code() -> str:
    """A hash of the code that decides what a trained model says."""
    folders = [Path(str(package.__file__)).parent for package in (image, text, xrd)]
    files = [Path(__file__), *(path for folder in folders for path in sorted(folder.glob("*.py")))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@torch.inference_mode()
def predict(model: nn.Module, values: Sequence[Any], collate: Collate, size: int = 128) -> np.ndarray:
    """The model's outputs, (values, outputs)."""
    parts = [model(collate(values[i : i + size])) for i in range(0, len(values), size)]
    return torch.cat(parts).numpy()
