"""Protocols -> tokens of the package's own vocabulary.

Every token has an id and, where it is a number or an element in a formula, a quantity. Words that the vocabulary does
not hold are cut into pieces of it (WordPiece, Wu et al. 2016, arXiv:1609.08144); it holds all single characters of
plain English text, so that nothing of that is lost. Words of other scripts are `[UNK]`.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import models

from comma_encoders.errors import UsageError
from comma_encoders.files import stamp
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.formulas import ELEMENTS
from comma_encoders.modalities.text.lexer import FORMULA, NUMBER, PLACEHOLDERS, REMEMBERED, in_words, lexed
from comma_encoders.modalities.text.quantities import Quantity, quantities

SHIPPED = Path(__file__).with_name("vocabulary.txt")
SPECIAL = ("[PAD]", "[UNK]", "[MASK]", FORMULA, NUMBER, *PLACEHOLDERS)
HEADER = "# comma vocabulary 1"

Token = tuple[int, Quantity | None]
"""Id of a symbol, and the quantity of a number or an amount."""


class Tokenizer:
    """A vocabulary, and the tokens of a step in it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Make a tokenizer of the vocabulary's symbols, in the order of their ids."""
        missing = [s for s in (*SPECIAL, *ELEMENTS) if s not in set(vocabulary)]
        if missing:
            raise UsageError(f"a vocabulary has to hold {missing[0]!r}; make one with: comma-encoders tokenizer TEXTS")
        self.ids = {symbol: i for i, symbol in enumerate(vocabulary)}
        self._signs = {i for symbol, i in self.ids.items() if not any(map(str.isalnum, symbol))}
        self._pieces = models.WordPiece(vocab=self.ids, unk_token="[UNK]", max_input_chars_per_word=100)  # noqa: S106  no password
        self._remembered = lru_cache(maxsize=65536)(self._encode)

    def __len__(self) -> int:
        """Symbols in the vocabulary."""
        return len(self.ids)

    def encode(self, step: str) -> tuple[Token, ...]:
        """Tokens of one step; those of steps of usual length are remembered, since protocols repeat their steps."""
        return self._remembered(step) if len(step) <= REMEMBERED else self._encode(step)

    def _encode(self, step: str) -> tuple[Token, ...]:
        read = lexed(step)
        pairs = zip(read, quantities(read), strict=True)
        return tuple((i, quantity) for (symbol, _), quantity in pairs for i in self._known(symbol))

    def words(self, step: str) -> tuple[int, ...]:
        """For each token of `encode` the place among `lexer.words` of the word that it is part of."""
        return tuple(word for word, (symbol, _) in in_words(step) for _ in self._known(symbol))

    def reads_nothing(self, steps: Sequence[Sequence[Token]]) -> bool:
        """Whether there are words, and the vocabulary holds none of them."""
        found = {i for step in steps for i, _ in step} - self._signs
        return found == {self.ids["[UNK]"]}

    def _known(self, symbol: str) -> Iterator[int]:
        """The id of a symbol, or those of its pieces."""
        if symbol in self.ids:
            yield self.ids[symbol]
        else:
            yield from (piece.id for piece in self._pieces.tokenize(symbol))

    def save(self, path: Path) -> None:
        """Write the vocabulary: a header, then one symbol a line."""
        path.write_text("\n".join((HEADER, *self.ids)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a vocabulary that `save` wrote.

        Raises:
            UsageError: no such file, or another kind of file.
        """
        return _of_content(_read(path))


def is_vocabulary(text: str) -> bool:
    """Whether this is the content of a vocabulary's file, rather than a path."""
    return text.startswith(HEADER + "\n")


def _read(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a vocabulary: {error}") from error
    if not is_vocabulary(content):
        raise UsageError(f"{path} is no vocabulary: its first line is not {HEADER!r}")
    return content


@lru_cache(maxsize=8)
def _of_content(content: str) -> Tokenizer:
    return Tokenizer(content.splitlines()[1:])


@lru_cache(maxsize=8)
def _of_file(path: Path, _stamp: tuple[int, int]) -> str:
    return _read(path)


def vocabulary_of(config: Config) -> str:
    """The content of the vocabulary's file: what the config holds, or names, or the shipped one.

    Raises:
        UsageError: it names no such file, or another kind of file.
    """
    if is_vocabulary(config.vocabulary):
        return config.vocabulary
    path = Path(config.vocabulary) if config.vocabulary else SHIPPED
    return _of_file(path, stamp(path))


def tokenizer_of(config: Config) -> Tokenizer:
    """The tokenizer of a config, made once."""
    return _of_content(vocabulary_of(config))
