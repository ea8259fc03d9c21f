"""Make the vocabulary that comma-encoders ships: `python -m benchmarks.make_vocabulary`.

It is learnt from all protocols of the embedded set, whose formulas fall into every fold.
"""

from collections.abc import Iterator

from comma_data.protocol import steps
from comma_data.sample import Record
from comma_data.sources import textbook
from comma_encoders.modalities.text.tokenizer import SHIPPED, Tokenizer
from comma_encoders.modalities.text.vocabulary import learn


def texts() -> Iterator[str]:
    """Every step of every protocol of the embedded set, as the view `precursors` tells it."""
    for record in textbook.read():
        if isinstance(record, Record) and record.modality == "text":
            yield from steps(record.value, "precursors")


if __name__ == "__main__":
    Tokenizer(learn(texts())).save(SHIPPED)
