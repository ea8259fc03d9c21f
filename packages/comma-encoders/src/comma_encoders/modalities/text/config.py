"""The configuration of the protocol encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Tuned = Literal["all", "top", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """A transformer over the tokens of each step, and one over the steps.

    With `pretrained`, an encoder of Hugging Face reads the tokens: from a folder with config.json, a tokenizer and
    safetensors weights, or by its name on the hub. Its config.json alone gives random weights; a saved model holds that
    and the tokenizer, and the weights are then its own.
    """

    BEFORE: ClassVar[Mapping[str, Any]] = {"materials": False}
    """What models were made with that do not state these settings, since they are older."""
    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012  read by pydantic

    vocabulary: str = field(default="", repr=False)
    """Path of a vocabulary made by `comma-encoders tokenizer`, or its content; empty for the one in the package."""
    width: int = 128
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
    """Steps after these are not read, except for the formulas in them (`materials`)."""
    materials: bool = True
    """Whether the formulas in a text are also added up to one composition, weighed by moles where those are given."""
    dropout: float = 0.1
    """Share of hidden channels left out in training."""
    pretrained: str = field(default="", repr=False)
    """Hugging Face encoder in place of the token layers: `name[@revision]` of the hub, a folder, or the path or content
    of its config.json."""
    tokenizer: str = field(default="", repr=False)
    """Path or content of that encoder's tokenizer.json; empty for the one that belongs to it."""
    tune: Tuned = "all"
    """What of that encoder is trained: all, its top two layers, or nothing."""
