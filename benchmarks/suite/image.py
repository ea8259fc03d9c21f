"""One training step of the image encoder beside timm's plain vision transformer of the same name on three channels."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm
import torch
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.suite.measure import Measurement, alternate

BACKBONE = "vit_tiny_patch16_224"
IMAGES = 32
DROPPED = 0.5
"""Share of patches that the last row leaves out in training."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a step is computed."""

    name: str
    bf16: bool = False
    dropped: float = 0.0
    """Share of patches that ours leaves out."""
    peer_bf16: bool = False


WAYS = (
    Way(name="fp32"),
    Way(name="fp32, half the patches", dropped=DROPPED),
    Way(name="bf16 both", bf16=True, peer_bf16=True),
    Way(name="bf16, half the patches", bf16=True, dropped=DROPPED),
)
"""The peer drops no patches, and computes in fp32 but where both are in bf16: what else differs is a user's gain."""


def measure(pairs: int = 4) -> Iterator[Measurement]:
    """Time forward and backward pass; both get their squares ready-made, ours with the scale."""
    modality = get("image")
    values = [_micrograph(np.random.default_rng(i)) for i in range(IMAGES)]
    plain, pictures = timm.create_model(BACKBONE, num_classes=0), torch.randn(IMAGES, 3, 224, 224)
    for way in WAYS:
        if way.bf16 and not computes_bf16():
            print(f"image step, {way.name}: left out, since this CPU emulates bf16", file=sys.stderr)
            continue
        config = modality.Config(backbone=BACKBONE, patch_drop=way.dropped)
        inputs = modality.collate(values, config)
        ours = _step(modality.Encoder(config), inputs, bf16=way.bf16)
        yield Measurement(
            name=f"image step, {way.name}",
            peer=f"timm's {BACKBONE}, three channels, {'bf16' if way.peer_bf16 else 'fp32'}",
            sizes=f"{IMAGES} images of 224 x 224, 5.4 M parameters, {torch.get_num_threads()} threads",
            costs=alternate(ours, _step(plain, pictures, bf16=way.peer_bf16), pairs=pairs),
            goal="1x",
        )


def computes_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself."""
    return any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)


def _micrograph(rng: np.random.Generator) -> Any:
    return {"pixels": rng.integers(0, 2**16, (256, 256)).astype(np.uint16), "nm_per_pixel": 0.02}


def _step(model: nn.Module, inputs: Any, *, bf16: bool) -> Callable[[], None]:
    model.train()

    def step() -> None:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            vectors: Tensor = model(inputs)
        vectors.float().square().mean().backward()

    return step
