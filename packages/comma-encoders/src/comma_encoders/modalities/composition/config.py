"""The configuration of the composition encoder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Config:
    """A small network on the elements and the statistics of their properties."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    width: int = 128
    """Channels of the hidden layers and of the result."""
    layers: int = 2
    """Hidden layers."""
    dropout: float = 0.1
    """Share of hidden channels left out in training."""
