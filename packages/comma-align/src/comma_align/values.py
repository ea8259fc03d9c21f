"""Whether the encoders take every value of a run: asked before its first step, since no run can go on past one."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from comma_data.protocol import with_view
from comma_data.sample import Sample
from comma_encoders.errors import InputError
from comma_encoders.modality import get
from comma_encoders.progress import bar

from comma_align.config import Run
from comma_align.source import Source

SHOWN = 5
"""Values that a message names."""


def refuse_unencodable(source: Source, run: Run) -> None:
    """Make every value of training, its texts in every view, and of validation ready for its encoder once, unvaried.

    Raises:
        InputError: some cannot be; the message names their samples.
    """
    views = tuple(dict.fromkeys(run.text_views))
    trained = ((sample, _texts(sample, views)) for sample in source.train)
    validated = ((sample, sample.fields.get("text", ())) for sample in source.validation)
    refused: list[str] = []
    with bar("samples looked at", len(source.train) + len(source.validation)) as done:
        for sample, texts in chain(trained, validated):
            refused += _refused(sample, texts, run)
            done(1)
    if refused:
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise InputError(
            f"{len(refused)} of the values cannot be encoded: {'; '.join(refused[:SHOWN])}{more}. Remedy: mend or "
            "leave them out where they come from, and build the data set again; or change the settings of their encoder"
        )


def _texts(sample: Sample, views: Sequence[str]) -> Sequence[Any]:
    """The sample's texts as its visits tell them."""
    return [text for view in views for text in with_view(sample, view).fields.get("text", ())]


def _refused(sample: Sample, texts: Sequence[Any], run: Run) -> Iterator[str]:
    """Each value that cannot be encoded, by its sample, and why."""
    for name in run.modalities:
        for value in texts if name == "text" else sample.fields.get(name, ()):
            try:
                get(name).collate([value], run.encoders[name])
            except InputError as error:
                yield f"{name} of {sample.id}: {error}"
