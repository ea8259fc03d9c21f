"""The configuration of the micrograph encoder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Config:
    """A vision transformer of timm on one grey channel, with the physical scale beside it."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    backbone: str = "vit_tiny_patch16_224"
    """Name of a vision transformer in timm; the sizes below replace its own."""
    pixels: int = 96
    """Side of the square to which an image is resized."""
    patch: int = 12
    """Side of a patch, pixels."""
    width: int = 96
    """Channels of a patch."""
    depth: int = 3
    """Transformer layers."""
    heads: int = 4
    """Attention heads of a layer."""
