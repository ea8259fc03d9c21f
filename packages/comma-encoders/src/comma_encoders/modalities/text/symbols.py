"""What a pre-training task has to know of a vocabulary: its mask, what is no word, and which symbols end a quantity."""

from dataclasses import dataclass

from comma_encoders.modalities.text import pretrained
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import tokenizer_of
from comma_encoders.modalities.text.units import BY_SYMBOL, UNITS

MASK = "[MASK]"
"""In every vocabulary of the package, and never in a text: the lexer takes brackets apart."""
TIMES = tuple(spelling for spelling, unit in UNITS.items() if unit.kind == "time")
"""A heating rate may end in the spelling of a time, as `min` in `°C min-1`."""


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """Ids of a vocabulary, with the roles that hiding asks for."""

    count: int
    mask: int
    special: tuple[int, ...]
    """No words: never hidden, and never put in place of one."""
    units: tuple[int, ...]
    """Those from which the quantity of a number before them is read."""


def symbols(config: Config) -> Symbols:
    """The roles in the vocabulary of a config.

    Raises:
        UsageError: a pretrained encoder whose tokenizer has no mask.
    """
    if config.pretrained:
        mask, special = pretrained.special(config)
        return Symbols(count=pretrained.symbols(config), mask=mask, special=special, units=())
    ids = tokenizer_of(config).ids
    return Symbols(
        count=len(ids),
        mask=ids[MASK],
        special=tuple(ids[s] for s in ("[PAD]", "[UNK]", MASK)),
        units=tuple(ids[s] for s in (*BY_SYMBOL, *TIMES) if s in ids),
    )
