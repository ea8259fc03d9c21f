"""Micrographs as a model gets them, whole or as a plain pipeline for photographs has them, and what it learns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.pixels import centred, checked, cut
from comma_encoders.modality import get
from torch import Tensor
from torch.nn import functional

from benchmarks.encoder_rivals.loop import Collate, Probe, Recipe, Task, predict, train
from benchmarks.encoder_rivals.plane_lattices import LATTICES


@dataclass(frozen=True, kw_only=True)
class Model:
    """A way to bring micrographs to the backbone."""

    name: str
    config: Config
    scale: bool = True
    """Whether the scale reaches the encoder."""
    depth: bool = True
    """Whether the full depth does, scaled to percentiles."""

    def given(self, values: Sequence[Any]) -> list[Any]:
        """What reaches the augmentation and the encoder of raw images."""
        seen = [value if self.depth else {**value, "pixels": high_byte(value["pixels"])} for value in values]
        return [value if self.scale else {**value, "nm_per_pixel": None} for value in seen]

    @property
    def collate(self) -> Collate:
        """Raw images to what the backbone takes."""
        return partial(get("image").collate if self.depth else _plain, config=self.config)


def high_byte(pixels: np.ndarray) -> np.ndarray:
    """Eight of the bits: what a cast of a 16-bit picture to 8 bits keeps."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _plain(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """As `collate` of the modality, but grey levels are brought from 0..255 to -1..1 whatever the picture holds."""
    inputs: dict[str, Tensor] = get("image").collate(values, config)
    side = inputs["pixels"].shape[-1]
    return {**inputs, "pixels": torch.stack([_square(value, config, side) for value in values])}


def _square(value: Any, config: Config, side: int) -> Tensor:
    pixels, nm = checked(value)
    seen = centred(pixels, cut(pixels.shape, nm, config, side)).astype(np.float32) / 127.5 - 1
    return functional.interpolate(
        torch.from_numpy(seen)[None, None], size=(side, side), mode="bilinear", antialias=True
    )[0]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Raw images and what is asked of them: class, and shortest repeat (nm) or nothing."""

    images: Sequence[Any]
    classes: Tensor
    repeats: Tensor
    """Logarithms, NaN where unknown."""

    def part(self, chosen: Sequence[int] | np.ndarray) -> "Pictures":
        """Some of them."""
        index = torch.as_tensor(np.asarray(chosen))
        return Pictures(
            images=[self.images[i] for i in chosen], classes=self.classes[index], repeats=self.repeats[index]
        )


def fitted(model: Model, known: Pictures, recipe: Recipe, seed: int) -> torch.nn.Module:
    """Train on pictures: cross-entropy, and the squared error of the logarithm of the repeat where it is known."""
    torch.manual_seed(seed)
    net = Probe(get("image").Encoder(model.config), len(LATTICES) + 1)
    mean, spread = known.repeats.mean(), known.repeats.std()
    targets = torch.stack([known.classes.float(), (known.repeats - mean) / spread], dim=1)

    def augment(value: Any, rng: np.random.Generator) -> Any:
        return get("image").augment(value, rng, recipe.strength, crop=recipe.crop)

    work = Task(values=model.given(known.images), targets=targets, collate=model.collate, augment=augment)
    train(net, work, recipe, loss=_loss, seed=seed)
    return net


def _loss(found: Tensor, target: Tensor) -> Tensor:
    classes = functional.cross_entropy(found[:, :-1], target[:, 0].long())
    return classes if target[:, 1].isnan().any() else classes + functional.smooth_l1_loss(found[:, -1], target[:, 1])


def answers(model: Model, known: Pictures, asked: Pictures, recipe: Recipe, seed: int) -> np.ndarray:
    """What a trained model says of other pictures: classes and logarithms of repeats, (2, pictures)."""
    net = fitted(model, known, recipe, seed)
    found = predict(net, model.given(asked.images), model.collate)
    repeats = found[:, -1] * float(known.repeats.std()) + float(known.repeats.mean())
    return np.stack([found[:, :-1].argmax(axis=1), repeats])
