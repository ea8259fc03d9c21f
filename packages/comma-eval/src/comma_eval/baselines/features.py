"""What the composition model reads: numbers made of a composition or of the words of a text."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.formulas import SYMBOLS, Amounts, composition, named

WORD_BINS = 512
ROUNDING = 50
"""Numbers in the text fall into bins of this width, so that 1095 and 1100 °C are one word."""

_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?")

_COLUMN = {symbol: column for column, symbol in enumerate(SYMBOLS)}


def composition_features(sample: Sample) -> Float[np.ndarray, " 236"]:
    """Fraction of each element, and whether it is there."""
    return _element_features(composition(sample))


def text_features(steps: Sequence[str]) -> Float[np.ndarray, " 748"]:
    """Elements of the formulas, weighed by moles where the text gives them, and a hashed bag of the words."""
    return np.concatenate([_element_features(named(steps)), _bag_of_words(steps)])


def _element_features(amounts: Amounts) -> Float[np.ndarray, " 236"]:
    fractions = np.zeros(len(SYMBOLS))
    for element, amount in amounts.items():
        fractions[_COLUMN[element]] = amount
    return np.concatenate([fractions / max(fractions.sum(), 1e-9), fractions > 0])


def _bag_of_words(steps: Sequence[str]) -> Float[np.ndarray, " 512"]:
    words = Counter(zlib.crc32(_bin(word).encode()) % WORD_BINS for step in steps for word in _WORD.findall(step))
    bag = np.zeros(WORD_BINS)
    for column, count in words.items():
        bag[column] = np.log1p(count)
    return bag


def _bin(word: str) -> str:
    """Words as they are in lower case, numbers above the bin width rounded to it."""
    if word[0].isalpha() or float(word) < ROUNDING:
        return word.lower()
    return str(round(float(word) / ROUNDING) * ROUNDING)
