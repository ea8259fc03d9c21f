"""The configuration of the composition encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, kw_only=True)
class Config:
    """A small network on the elements and the statistics of their properties."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    BEFORE: ClassVar[Mapping[str, Any]] = {"features": "plain"}
    """What models that were saved before a field existed have for it."""

    features: Literal["ward", "plain"] = "ward"
    """`ward`: 26 properties of the elements, each as weighted mean, average deviation, minimum, maximum, range and the
    value of the commonest element; `plain`: 13 properties, each as mean, standard deviation, minimum and maximum."""
    width: int = 128
    """Channels of the hidden layers and of the result."""
    layers: int = 2
    """Hidden layers."""
    dropout: float = 0.1
    """Share of hidden channels left out in training."""
