"""The configuration of the micrograph encoder."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Config:
    """A backbone of timm on one grey channel, with the physical scale beside it."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    backbone: str = "vit_micro_patch12_96"
    """`vit_micro_patch12_96` (a vision transformer of 96 channels, 3 layers, 4 heads) or any name that timm knows, such
    as `vit_tiny_patch16_224`, `vit_base_patch16_224`, `resnet18`, `convnext_atto`."""
    pretrained: str = ""
    """Where the backbone's weights come from: empty for random ones, the path of a `.safetensors` file, `hub` for those
    that timm names, or `owner/name` or `owner/name@revision` of a repository on the Hugging Face hub."""
    pooling: Literal["own", "token", "mean"] = "own"
    """What becomes the vector: the backbone's own pooling, the class token, or the mean over patches."""
    view: Literal["whole", "native"] = "whole"
    """What the backbone sees: `whole`, the largest centred square, resized; `native`, a centred square that is not
    resized, so that atoms of a large micrograph stay visible (a smaller micrograph is enlarged)."""
    nm_per_pixel: float = 0.0
    """With `native`: the sampling to which micrographs of known scale are brought; 0 leaves each at its own."""
    pixels: int = 0
    """Side of the square that the backbone sees; 0 takes the backbone's own."""
    patch: int = 0
    """Side of a patch, pixels; like the next three, 0 takes the backbone's own, and only timm's ViTs take another."""
    width: int = 0
    """Channels of a patch."""
    depth: int = 0
    """Transformer layers."""
    heads: int = 0
    """Attention heads of a layer."""
    patch_drop: float = 0.0
    """Share of patches that each training step leaves out, at random (only ViTs; 0.5 halves the time of a step)."""
