"""The configuration of the structure encoder."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Config:
    """A periodic message-passing network with learnable radial functions."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    width: int = 96
    """Channels of an atom's features."""
    layers: int = 3
    """Rounds of message passing."""
    cutoff: float = 5.0
    """Å; atoms further apart do not see each other in one round."""
    splines: int = 16
    """Coefficients of each radial function."""
    readout: Literal["mean", "sum", "attention"] = "mean"
    """How atoms become one vector; mean and attention do not change with the size of a supercell, sum is extensive."""
    max_edges: int = 4_000_000
    """A structure with more estimated neighbour pairs is refused before memory runs out."""
