"""What a model has to beat in predicting a number: the mean, the composition, and the words of the protocol."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.element_properties import property_table
from comma_encoders.element_statistics import ward
from jaxtyping import Float
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from comma_eval.baselines.features import composition_features
from comma_eval.baselines.formulas import SYMBOLS
from comma_eval.regression import Matrix, Read, Regression, scaled
from comma_eval.task import Predictor

WORDS = 1000
"""The commonest words that are weighed."""

TOKEN = re.compile(r"[A-Za-z]\w*|\d+")

MEAN = "mean"
RIDGE = "composition ridge"
FOREST = "composition forest"
TEXT = "words of the text"


def baselines(train: Sequence[Sample]) -> dict[str, Predictor]:
    """The baselines that these training samples allow: words only where at least half of them have a text."""
    lines: dict[str, Predictor] = {MEAN: Regression(learn=nothing, head="mean")}
    if any(_has_composition(sample) for sample in train):
        lines[RIDGE] = Regression(learn=scaled(compositions), head="ridge")
        lines[FOREST] = Regression(learn=scaled(compositions), head="forest")
    if 2 * sum("text" in sample.fields for sample in train) >= max(len(train), 1):
        lines[TEXT] = Regression(learn=words, head="ridge")
    return lines


def nothing(_train: Sequence[Sample]) -> Read:
    """Reads one and the same number of every sample."""
    return lambda samples: np.zeros((len(samples), 1))


def compositions(samples: Sequence[Sample]) -> Matrix:
    """Fractions of the elements, and statistics of the elements' properties over them; NaN rows without a composition.

    The statistics are those of Ward et al. 2016, doi:10.1038/npjcompumats.2016.28, of the properties that
    comma-encoders' composition encoder reads.
    """
    known = [number for number, sample in enumerate(samples) if _has_composition(sample)]
    fractions = np.zeros((len(known), len(SYMBOLS)))
    for row, number in enumerate(known):
        fractions[row] = composition_features(samples[number])[: len(SYMBOLS)]
    statistics = ward(torch.from_numpy(fractions).float(), _properties()).double().numpy()
    numbers = np.full((len(samples), fractions.shape[1] + statistics.shape[1]), np.nan)
    numbers[known] = np.concatenate([fractions, statistics], axis=1)
    return numbers


def words(train: Sequence[Sample]) -> Read:
    """Term frequency times inverse document frequency of the words of a sample's texts, over the training samples."""
    texts = [text for sample in train if (text := _text(sample))]
    vectorizer = TfidfVectorizer(max_features=WORDS, sublinear_tf=True, tokenizer=TOKEN.findall, token_pattern=None)
    vectorizer.fit(texts)

    def raw(samples: Sequence[Sample]) -> Matrix:
        told = [_text(sample) for sample in samples]
        numbers: Float[np.ndarray, "samples words"] = vectorizer.transform(told).toarray()
        numbers[[not text for text in told]] = np.nan
        return numbers

    return scaled(raw, spread=False)(train)


def _has_composition(sample: Sample) -> bool:
    return bool({"composition", "structure"} & sample.fields.keys())


def _text(sample: Sample) -> str:
    return "\n".join(step for steps in sample.fields.get("text", ()) for step in steps)


@lru_cache(maxsize=1)
def _properties() -> Float[Tensor, "118 properties"]:
    """Reading pymatgen's table takes a second."""
    return property_table()
