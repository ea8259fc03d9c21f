"""`comma release model`: a trained model as a folder for others."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from comma_encoders import hub
from comma_encoders.card import name_of
from comma_encoders.folder import load, read_manifest
from comma_eval.run import weights

from comma_app.release.place import made_whole, refuse_existing
from comma_app.release.results import gather
from comma_app.release.source import Source, find


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What its maker says of a model beside what the folders know; empty keeps what they say."""

    name: str = ""
    description: str = ""
    """A sentence or two: what it is."""
    licence: str = ""
    """As the Hugging Face hub names it, e.g. apache-2.0."""
    command: str = ""
    """What makes the model again."""
    limits: Sequence[str] = field(default_factory=tuple)
    """A sentence each."""


@dataclass(frozen=True, kw_only=True)
class Released:
    """What was written."""

    out: Path
    name: str
    weights: str
    """sha256 of the weights; the same as before."""
    bytes: int
    unknown: tuple[str, ...]
    """What the card had to leave open, and how it is told."""


OPEN = {
    "licence": "licence unknown: give --licence",
    "metrics": "figures unknown: give --results",
    "groups_seen": "groups seen in training unknown: only a run knows them",
    "training": "settings unknown: only a run knows them",
}
"""Keys of the manifest that a card should not lack: what it says without them, and what to do."""


def release(
    given: Path, out: Path, *, results: Sequence[Path] = (), metrics: Sequence[str] = (), stated: Stated = Stated()
) -> Released:
    """Copy a trained model byte for byte into a new folder, with a manifest and a card for others.

    The folder is loaded, and asked for its known answers, before it takes its name.

    Args:
        given: a run folder, a model folder, or the name of a model of the package.
        out: the new folder.
        results: files of figures of this model.
        metrics: those that are taken from the files; all where none is named.
        stated: what the maker says.

    Raises:
        ReleaseError: `out` is there, the run has not finished, or a result is of another model.
        comma_encoders.errors.InputError: a damaged file, or vectors other than those it gave when it was saved.
    """
    refuse_existing(out)
    source = find(given)
    own = weights(read_manifest(source.model))
    about = {**_known(source, stated), **gather(results, own, metrics)}
    with made_whole(out) as place:
        hub.republish(source.model, place, about)
        load(place)
    return Released(
        out=out,
        name=name_of(out, read_manifest(out)),
        weights=own,
        bytes=sum(path.stat().st_size for path in out.iterdir()),
        unknown=tuple(what for key, what in OPEN.items() if not about.get(key)),
    )


def _known(source: Source, stated: Stated) -> Mapping[str, Any]:
    """What the folders know, and over it what the maker says."""
    said = {key: list(value) if key == "limits" else value for key, value in asdict(stated).items() if value}
    return {**source.about(), **said}
