"""The configuration of the structure encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Config:
    """A periodic message-passing network on invariant moments of an atom's neighbourhood."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    width: int = 96
    """Channels of an atom's features."""
    layers: int = 3
    """Rounds of message passing."""
    cutoff: float = 5.0
    """Å; atoms further apart do not see each other in one round."""
    splines: int = 24
    """Coefficients of each radial function."""
    moments: tuple[int, int, int] = (64, 32, 16)
    """Channels of the neighbourhood's density that are summed as it is, with its dipole, and with its quadrupole:
    l = 0, 1, 2. The last two see angles; (96, 0, 0) sees distances only."""
    readout: Literal["mean", "sum", "attention"] = "attention"
    """How atoms become one vector; mean and attention do not change with the size of a supercell, sum is extensive."""
    composition: bool = False
    """Whether the fractions of the elements are also read as they are, past all rounds of messages."""
    properties: bool = False
    """Whether atoms also carry what is tabulated of their element, see `element_properties`, so that one that few
    structures show is like others from the start. It helps where labels are few."""
    region: float = 0.0
    """Å; after the last round the atoms of each box of about this side are pooled into a super-node, and these exchange
    messages over `far`. 0 for no such round. The boxes begin at the cell's corner: see the deviations in
    `large-cells.json`."""
    far: float = 15.0
    """Å; super-nodes further apart do not see each other."""
    dropout: float = 0.0
    """Share of an atom's update that is left out in training."""
    max_edges: int = 4_000_000
    """A structure with more estimated neighbour pairs is refused before memory runs out."""


PRESETS: Mapping[str, Config] = MappingProxyType(
    {
        "small": Config(),
        "base": Config(width=128, layers=4, splines=32, moments=(96, 48, 24)),
        "large": Config(width=256, layers=5, cutoff=6.0, splines=32, moments=(160, 80, 40)),
    }
)
"""Sizes to start from: for a laptop and few data, for tens of thousands of structures, and for a GPU."""
