"""The configuration of the protocol encoder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Config:
    """A transformer over the tokens of each step, and one over the steps."""

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    vocabulary: str = ""
    """Path of a vocabulary made by `comma-encoders tokenizer`; empty for the one in the package."""
    width: int = 96
    """Channels of a token and of a step."""
    heads: int = 4
    """Attention heads of a layer."""
    token_layers: int = 2
    """Layers within a step."""
    step_layers: int = 1
    """Layers over the steps."""
    max_tokens: int = 48
    """A longer step is cut into several."""
    max_steps: int = 32
    """Steps after these are not read."""
    dropout: float = 0.1
    """Share of hidden channels left out in training."""
