"""Masked tokens are guessed from the rest of their step (BERT, Devlin et al. 2019, arXiv:1810.04805, section 3.1)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.masking import chosen
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.encoder import Encoder
from comma_encoders.modalities.text.layers import layout
from comma_encoders.modalities.text.symbols import symbols
from comma_encoders.modalities.text.units import KINDS
from comma_encoders.pretext import Task
from comma_encoders.types import Inputs

CHOSEN = 0.15
"""Share of the tokens that are predicted."""
MASKED, REPLACED = 0.8, 0.1
"""Shares of those that are shown as the mask and as another symbol; the rest are shown as they are."""
REACH = 5
"""Places from a number to the last symbol of its unit, at most: `5 - 10 °C / min`. Longer lists are not seen to."""


def real(inputs: Inputs) -> Bool[Tensor, " places"]:
    """Which places of `ids` hold a token, and no padding."""
    places = layout(inputs["blocks"], inputs["lengths"])
    taken = torch.ones_like(inputs["ids"], dtype=torch.bool).split(places.sizes)
    return torch.cat([t if m is None else m.flatten() for t, m in zip(taken, places.masks, strict=True)])


def behind(covered: Bool[Tensor, " places"], reach: int) -> Bool[Tensor, " places"]:
    """Which places have a covered one among the `reach` places behind them."""
    padded = functional.pad(covered, (0, reach))
    return padded.unfold(0, reach + 1, 1)[:, 1:].any(dim=1)


def shown(
    inputs: Inputs, ids: Int[Tensor, " places"], covered: Bool[Tensor, " places"], units: Int[Tensor, " units"]
) -> dict[str, Tensor]:
    """The inputs with other tokens, and without the values that would tell of covered ones.

    A value says that its token is a number or an element, and the kind of a number what the unit behind it is.
    """
    by_unit = behind(covered & torch.isin(inputs["ids"], units), REACH)[inputs["valued"]]
    kept = ~(covered[inputs["valued"]] | (by_unit & (inputs["kinds"] != KINDS.index("amount"))))
    values = {name: inputs[name][kept] for name in ("valued", "magnitudes", "kinds")}
    return {**inputs, "ids": ids, **values}


class Pretext(Task[Encoder]):
    """`tokens`, cross-entropy in nats over the vocabulary, at the places that were chosen.

    A step that several protocols of a batch share counts once. A pretrained encoder goes on with its own symbols.
    """

    def __init__(self, encoder: Encoder, config: Config) -> None:
        """Make a head for the vocabulary of the config.

        Raises:
            UsageError: a pretrained encoder whose tokenizer has no mask.
        """
        super().__init__(encoder)
        self.symbols = symbols(config)
        width = config.width
        self.tokens = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, self.symbols.count)
        )

    def corrupted(self, inputs: Inputs, rng: torch.Generator) -> tuple[Inputs, Inputs]:
        """Steps with some tokens covered; the places that were chosen, and their tokens.

        A token that stays as it is keeps its value too: without it a number would be known for a chosen one.
        """
        ids = inputs["ids"]
        special, units = (ids.new_tensor(s) for s in (self.symbols.special, self.symbols.units))
        picked = chosen((real(inputs) & ~torch.isin(ids, special))[None], CHOSEN, rng)[0]
        lot = torch.rand(len(ids), generator=rng).to(ids.device)
        masked, covered = picked & (lot < MASKED), picked & (lot < MASKED + REPLACED)
        words = self._words(len(ids), rng).to(ids.device)
        new = torch.where(covered, words, ids).masked_fill(masked, self.symbols.mask)
        return shown(inputs, new, covered, units), {"picked": picked, "tokens": ids[picked]}

    def _words(self, count: int, rng: torch.Generator) -> Int[Tensor, " count"]:
        """Random symbols, none of them special."""
        every = torch.arange(self.symbols.count)
        words = every[~torch.isin(every, torch.tensor(self.symbols.special))]
        return words[torch.randint(len(words), (count,), generator=rng)]

    def losses(self, seen: Inputs, targets: Inputs) -> dict[str, Float[Tensor, ""]]:
        """Of the tokens that were chosen."""
        logits = self.tokens(self.encoder.states(seen)[targets["picked"]])
        total = functional.cross_entropy(logits, targets["tokens"], reduction="sum")
        # texts of nothing but unknown symbols ask for nothing, and a mean over nothing is NaN
        return {"tokens": total / max(1, len(logits))}
