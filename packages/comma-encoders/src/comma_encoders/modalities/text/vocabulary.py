"""How a vocabulary is made: symbols that every protocol needs, a written list of words, and what texts teach."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from comma_encoders.errors import UsageError
from comma_encoders.modalities.text.formulas import ELEMENTS
from comma_encoders.modalities.text.lexer import lexemes
from comma_encoders.modalities.text.tokenizer import SPECIAL
from comma_encoders.modalities.text.units import BY_SYMBOL

SIGNS = tuple(". , ; : - + / % ° = ~ < > ( ) [ ] ' \" × · ± ≤ ≥ → wt% mol% at%".split())

WORDS = tuple(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())
"""Words of laboratory English that occur in protocols of every origin."""

CHARACTERS = tuple(string.ascii_lowercase + string.digits + "äöüéèßµαβγδεθλπσφωΩ")


def base() -> list[str]:
    """What every vocabulary holds, in a fixed order: special symbols, elements, units, signs, words, characters."""
    pieces = [*CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    return list(dict.fromkeys([*SPECIAL, *ELEMENTS, *BY_SYMBOL, *SIGNS, *WORDS, *pieces]))


def _affixes(words: Iterable[str]) -> Counter[str]:
    """Beginnings and ends of two to six letters -> number of distinct words that have them."""
    affixes: Counter[str] = Counter()
    for word in words:
        for size in range(2, min(7, len(word))):
            affixes.update((word[:size], f"##{word[-size:]}"))
    return affixes


def _frequent(counts: Counter[str], least: int) -> list[str]:
    """Most frequent first; ties by the alphabet, so that nothing depends on the order in which texts came."""
    return sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))


def learn(texts: Iterable[str], size: int = 2048) -> list[str]:
    """A vocabulary of at most `size` symbols: the base, words that occur in `texts` at least twice, and their affixes.

    WordPiece cuts every other word into the longest of these, down to single characters. The usual trainer is not
    used because its ties fall differently from run to run, and a vocabulary has to be reproducible.

    Raises:
        UsageError: a size smaller than the base.
    """
    symbols = base()
    if size < len(symbols):
        raise UsageError(f"a vocabulary of {size} symbols; every one has the same first {len(symbols)}, so give more")
    words = Counter(w for text in texts for w, _ in lexemes(text) if re.fullmatch(r"[^\W\d_]+", w) and w.islower())
    affixes = _frequent(_affixes(words), least=5)[: max(0, (size - len(symbols)) // 4)]
    return list(dict.fromkeys([*symbols, *affixes, *_frequent(words, least=2)]))[:size]


def learn_in_all(sets: Sequence[Iterable[str]], size: int = 2048) -> list[str]:
    """A vocabulary of what every one of several sets of texts teaches, in the order of the first.

    Given the training texts of every fold of a data set, it owes no symbol to a text that any of the folds holds out.
    """
    vocabularies = [learn(texts, size) for texts in sets]
    return [symbol for symbol in vocabularies[0] if all(symbol in other for other in map(set, vocabularies[1:]))]
