"""Make the vocabulary that comma-encoders ships: `python -m benchmarks.make_vocabulary`.

It holds what the training folds of each of the five splits of the embedded set teach alone, so that it owes nothing to
a protocol that is held out, whichever split is taken.
"""

from collections.abc import Iterator

from comma_data.protocol import steps
from comma_data.sample import Record
from comma_data.sources import textbook
from comma_data.split import FOLDS, Split, fold
from comma_encoders.modalities.text.tokenizer import SHIPPED, Tokenizer
from comma_encoders.modalities.text.vocabulary import learn_in_all


def texts(split: Split) -> Iterator[str]:
    """Every step of every training protocol of the embedded set, as the view `precursors` tells it."""
    for record in textbook.read():
        if (
            isinstance(record, Record)
            and record.modality == "text"
            and split.part(fold(str(record.formula))) == "train"
        ):
            yield from steps(record.value, "precursors")


def vocabulary() -> list[str]:
    """The symbols, in the order of their ids."""
    return learn_in_all([texts(Split(test_fold=k)) for k in range(FOLDS)])


if __name__ == "__main__":
    Tokenizer(vocabulary()).save(SHIPPED)
