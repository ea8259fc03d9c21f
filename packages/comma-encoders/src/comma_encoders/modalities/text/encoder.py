"""A hierarchical transformer: tokens within a step, then steps within a protocol."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.elements import Elements
from comma_encoders.errors import UsageError
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.layers import Layout, Transformer, layout, means, positions
from comma_encoders.modalities.text.numbers import Numbers
from comma_encoders.modalities.text.pretrained import Pretrained
from comma_encoders.modalities.text.tokenizer import tokenizer_of
from comma_encoders.settings import within
from comma_encoders.types import Inputs


class Tokens(nn.Module):
    """Tokens within a step, seen by each other: symbols, numbers and places, then transformer layers."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.symbol = nn.Embedding(len(tokenizer_of(config)), config.width)
        self.number = Numbers(config.width)
        self.place = nn.Embedding(config.max_tokens, config.width)
        # symbols louder than places and layers: at first a step is little more than the sum of what it names
        nn.init.normal_(self.symbol.weight, std=0.5)
        nn.init.normal_(self.place.weight, std=0.05)
        self.transformer = Transformer(
            width=config.width, heads=config.heads, layers=config.token_layers, dropout=config.dropout
        )

    def forward(self, inputs: Inputs, places: Layout) -> Float[Tensor, "places width"]:
        """One vector a place."""
        return self.read(self.content(inputs), places)

    def content(self, inputs: Inputs) -> Float[Tensor, "places width"]:
        """What each place holds by itself: its symbol, and its number where it has one."""
        h = self.symbol(inputs["ids"])
        numbers = self.number(inputs["magnitudes"], inputs["kinds"])
        content: Tensor = h.index_add(0, inputs["valued"], numbers.to(h.dtype))
        return content

    def read(self, content: Float[Tensor, "places width"], places: Layout) -> Float[Tensor, "places width"]:
        """What becomes of that where it stands and beside its neighbours."""
        states: Tensor = self.transformer(content + self.place(positions(places, content.device)), places)
        return states


class Encoder(nn.Module):
    """Steps of tokens -> (protocols, width)."""

    def __init__(self, config: Config) -> None:
        """Make an encoder with random weights, except for those of a pretrained one that the config names.

        Raises:
            UsageError: sizes that do not fit together, or a pretrained encoder that cannot be had.
        """
        super().__init__()
        some, any_number = (1, math.inf), (0, math.inf)
        within("text", config, width=some, heads=some, max_tokens=some, max_steps=some, dropout=(0, 1))
        within("text", config, token_layers=any_number, step_layers=any_number)
        if config.width % config.heads:
            raise UsageError(f"text: width ({config.width}) has to be a multiple of heads ({config.heads})")
        self.width = config.width
        self.tokens = Pretrained(config) if config.pretrained else Tokens(config)
        self.place = nn.Embedding(config.max_steps, config.width)
        nn.init.normal_(self.place.weight, std=0.05)
        self.steps = Transformer(
            width=config.width, heads=config.heads, layers=config.step_layers, dropout=config.dropout
        )
        self.elements = Elements(config.width, config.dropout, guesses=True) if config.materials else None

    def states(self, inputs: Inputs) -> Float[Tensor, "places width"]:
        """One vector for each place of `ids`, for a loss or an explanation by tokens; those of padding mean nothing."""
        vectors: Tensor = self.tokens(inputs, layout(inputs["blocks"], inputs["lengths"]))
        return vectors

    def forward(self, inputs: Inputs) -> Float[Tensor, "protocols width"]:
        """Encode what `steps.collate` made."""
        read = self.protocols(self.states(inputs), inputs)
        return read if self.elements is None else read + self.elements(inputs["amounts"], inputs["ratios_known"])

    def protocols(self, states: Float[Tensor, "places channels"], inputs: Inputs) -> Float[Tensor, "protocols width"]:
        """Tokens to steps, and steps to protocols."""
        steps = means(states, layout(inputs["blocks"], inputs["lengths"]))
        places = layout(inputs["row_blocks"], inputs["row_lengths"])
        h = steps[inputs["rows"]] + self.place(positions(places, steps.device))
        return means(self.steps(h, places), places)[inputs["order"]]
