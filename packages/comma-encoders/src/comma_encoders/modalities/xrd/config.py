"""The configuration of the diffraction encoder."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Config:
    """A residual network or a Transformer of patches on the pattern over 1/d."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    kind: Literal["resnet", "transformer"] = "resnet"
    """A residual network of convolutions, or a Transformer that attends between patches of the pattern."""
    width: int = 128
    """Channels of the vectors."""
    depth: int = 4
    """Residual blocks, each of which halves the resolution, or layers of the Transformer."""
    heads: int = 4
    """Attention heads of a layer of the Transformer."""
    patch: int = 16
    """Bins of a patch of the Transformer."""
    bins: int = 1024
    """Points to which a pattern is averaged."""
    low: float = 0.1
    """1/d of the first bin, 1/Å."""
    high: float = 0.92
    """1/d of the last bin, 1/Å; 0.92 is 2θ = 90° with copper radiation."""
