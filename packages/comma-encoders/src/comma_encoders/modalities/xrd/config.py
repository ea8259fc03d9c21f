"""The configuration of the diffraction encoder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Config:
    """A one-dimensional convolutional network on the pattern over 1/d."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    width: int = 96
    """Channels of the last layers."""
    bins: int = 512
    """Points to which a pattern is averaged."""
    low: float = 0.1
    """1/d of the first bin, 1/Å."""
    high: float = 0.92
    """1/d of the last bin, 1/Å; 0.92 is 2θ = 90° with copper radiation."""
