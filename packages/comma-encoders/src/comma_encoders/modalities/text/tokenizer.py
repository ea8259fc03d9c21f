"""Protocols -> tokens: formulas as elements with amounts, numbers with their value, units and words.

Every token has an id and, where it is a number or an element in a formula, a value. Words that the vocabulary does not
hold are cut into pieces of it (WordPiece, Wu et al. 2016, arXiv:1609.08144); it holds all single characters of plain
text, so that nothing is lost.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import models

from comma_encoders.errors import UsageError
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.formulas import AMBIGUOUS, ELEMENTS, parse

SHIPPED = Path(__file__).with_name("vocabulary.txt")
SPECIAL = ("[PAD]", "[UNK]", "[MASK]", "[FORMULA]", "[NUMBER]")
UNITS = {
    unit: f"[{unit}]"
    for unit in """°C °F K h hr hrs hours hour min minutes s d days mg g kg mL ml L M mmol mol nm µm mm cm Å Pa kPa MPa
    GPa bar Torr mbar atm rpm W kW V kV A wt% mol% at% %""".split()
} | {"hr": "[h]", "hrs": "[h]", "hour": "[h]", "hours": "[h]", "minutes": "[min]", "ml": "[mL]", "days": "[d]"}
"""Unit -> its symbol; read as a unit only behind a number, since K and V are elements elsewhere."""
HEADER = "# comma vocabulary 1"

Lexeme = tuple[str, float | None]
"""Symbol, and the value of a number or an amount."""
Token = tuple[int, float | None]
"""Id of a symbol, and the value."""

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789") | {
    0x2103: "°C",
    0x2212: "-",
    0x2010: "-",
    0x2011: "-",
    0x2013: "-",
}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+"
_LEXEME = re.compile(rf"(?P<number>{_NUMBER})|(?P<unit>°[CF]|(?:wt|mol|at)?%)|(?P<word>[^\W\d_]+)|(?P<sign>\S)")
_JOINTS = re.compile(r"([/:+]|(?<!\d[eE])-)")
_EDGES = "'\"“”‘’,;:!?"


def normalised(text: str) -> str:
    """NFC, subscript digits as digits, one kind of minus and of degree sign, no control characters."""
    text = unicodedata.normalize("NFC", text).translate(_SUBSCRIPTS)
    return "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)


def _formula(word: str, *, first: bool) -> list[Lexeme]:
    """`[FORMULA]` and the elements of a formula; empty for other words, and for English ones at the start of a step."""
    parts = None if first and word in AMBIGUOUS else parse(word)
    return [("[FORMULA]", None), *parts] if parts else []


def _unwrapped(chunk: str) -> str:
    """A chunk without the punctuation around it, parentheses included unless they belong to a formula."""
    core = chunk.strip(_EDGES).removesuffix(".")
    while core.startswith("(") and core.endswith(")") and parse(core) is None:
        core = core[1:-1].strip(_EDGES)
    return core


def _lexeme(match: re.Match[str], *, first: bool, after_number: bool) -> list[Lexeme]:
    text = match.group()
    if match.lastgroup == "number":
        return [("[NUMBER]", float(text.replace(",", "")))]
    if after_number and text in UNITS:
        return [(UNITS[text], None)]
    if match.lastgroup == "word":
        return _formula(text, first=first) or [(text.lower(), None)]
    return [(text, None)]


def _chunks(step: str) -> Iterator[str]:
    """Words by white space; what is joined by a sign, as in N2/H2 or 1200-1300, is taken apart unless a formula."""
    for chunk in normalised(step).split():
        if parse(_unwrapped(chunk)) is None:
            yield from (part for part in _JOINTS.split(chunk) if part)
        else:
            yield chunk


def lexemes(step: str) -> Iterator[Lexeme]:
    """(symbol, value) in order: `[FORMULA]` and its elements, `[NUMBER]`, units such as `[°C]`, lower-case words."""
    after_number = False
    for position, chunk in enumerate(_chunks(step)):
        core = _unwrapped(chunk)
        formula = [] if after_number and core in UNITS else _formula(core, first=position == 0)
        if formula:
            yield from formula
            after_number = False
            continue
        for match in _LEXEME.finditer(chunk):
            yield from _lexeme(match, first=position == 0, after_number=after_number)
            after_number = match.lastgroup == "number"


class Tokenizer:
    """A vocabulary, and the tokens of a step in it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Make a tokenizer of the vocabulary's symbols, in the order of their ids."""
        missing = [s for s in (*SPECIAL, *ELEMENTS) if s not in set(vocabulary)]
        if missing:
            raise UsageError(f"a vocabulary has to hold {missing[0]!r}; make one with: comma-encoders tokenizer TEXTS")
        self.ids = {symbol: i for i, symbol in enumerate(vocabulary)}
        self._pieces = models.WordPiece(vocab=self.ids, unk_token="[UNK]", max_input_chars_per_word=100)  # noqa: S106  no password
        self.encode = lru_cache(maxsize=65536)(self._encode)

    def __len__(self) -> int:
        """Symbols in the vocabulary."""
        return len(self.ids)

    def _encode(self, step: str) -> tuple[Token, ...]:
        """Tokens of one step; cached, since protocols repeat their steps."""
        return tuple(token for symbol, value in lexemes(step) for token in self._tokens(symbol, value))

    def _tokens(self, symbol: str, value: float | None) -> Iterable[Token]:
        known = self.ids.get(symbol)
        if known is not None:
            return [(known, value)]
        return [(piece.id, None) for piece in self._pieces.tokenize(symbol)]

    def save(self, path: Path) -> None:
        """Write the vocabulary: a header, then one symbol a line."""
        path.write_text("\n".join((HEADER, *self.ids)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a vocabulary that `save` wrote.

        Raises:
            UsageError: no such file, or another kind of file.
        """
        try:
            header, *symbols = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as a vocabulary: {error}") from error
        if header != HEADER:
            raise UsageError(f"{path} is no vocabulary: its first line is not {HEADER!r}")
        return cls(symbols)


def path_of(config: Config) -> Path:
    """The vocabulary's file: the one that the config names, or the shipped one."""
    return Path(config.vocabulary) if config.vocabulary else SHIPPED


@lru_cache(maxsize=8)
def _loaded(path: Path) -> Tokenizer:
    return Tokenizer.load(path)


def tokenizer_of(config: Config) -> Tokenizer:
    """The tokenizer of a config, read once."""
    return _loaded(path_of(config))


def files(config: Config) -> Mapping[str, Path]:
    """A model is nothing without its vocabulary."""
    return {"vocabulary": path_of(config)}


def magnitude(value: float) -> float:
    """log10 of a positive number between 1e-6 and 1e6; the floor for zero."""
    return math.log10(min(max(value, 1e-6), 1e6))
