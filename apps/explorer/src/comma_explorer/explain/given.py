"""What a user names -> the two values of a pair."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comma_data.errors import ShardError
from comma_data.nearest import did_you_mean
from comma_data.sample import MODALITIES
from comma_data.shards import ShardSet
from comma_encoders.errors import InputError, UsageError
from comma_encoders.files import is_file
from comma_encoders.modality import get

from comma_explorer.explain.explanation import Given
from comma_explorer.search.errors import SearchError, UntoldError
from comma_explorer.search.question import read

SAID = 60
"""Characters of a text given as words that its name repeats."""


def named(value: str, modality: str | None) -> Given:
    """A value from a path, a formula, or words, read as `comma search` reads it.

    Args:
        value: the path of a file; or a formula; or a protocol in words.
        modality: what it is; None tells it by the ending of a file, and takes other words for a formula where they can
            be read as one, else for a protocol.

    Raises:
        UsageError: it cannot be told what it is, or there is no such file.
        InputError: a file that cannot be read.
    """
    kind = get(modality).name if modality else None
    try:
        asked = read(value, kind)
    except UntoldError as error:
        remedy = "Remedy: say what the values are with --as, once for each, e.g. --as structure --as text"
        raise UsageError(f"{error.problem}. {remedy}") from error
    except SearchError as error:
        raise (InputError if is_file(Path(value)) else UsageError)(str(error)) from error
    shown = value if len(value) <= SAID else f"{value[: SAID - 1]}…"
    raw = get(asked.modality).coerce(asked.value)
    return Given(modality=asked.modality, value=raw, name=shown, notes=asked.notes)


def from_data(place: Path, sample_id: str, pair: str) -> tuple[Given, Given]:
    """Two values of one entry of a data set; of several values of a modality the first.

    Args:
        place: the folder of the data set.
        sample_id: of the entry.
        pair: two modalities, as `structure-text`.

    Raises:
        UsageError: no data set, no such entry, no such pair, or a modality that the entry lacks.
    """
    kinds = pair.split("-")
    unknown = [kind for kind in kinds if kind not in MODALITIES]
    if len(kinds) != 2 or unknown:
        hint = did_you_mean(unknown[0], MODALITIES) if unknown else ""
        raise UsageError(f"--pair {pair!r} has to be two modalities of {', '.join(MODALITIES)}: structure-text{hint}")
    data, at = _entry(place, sample_id)
    sample = data.read(at, modalities=kinds)
    lacking = [kind for kind in kinds if not sample.fields.get(kind)]
    if lacking:
        have = ", ".join(sorted(data.rows[at].modalities))
        raise UsageError(f"{sample.id} has no {lacking[0]}; it has {have}")
    first, second = (_of_sample(sample.id, kind, sample.fields[kind]) for kind in kinds)
    return first, second


def _entry(place: Path, sample_id: str) -> tuple[ShardSet, int]:
    """A data set, and where the entry stands in it; what was mistyped is a fault of usage, damage is not."""
    if not (place / "manifest.json").is_file():
        raise UsageError(f"there is no data set at {place}: build it with `comma data build`, or check --data")
    data = ShardSet(place)
    try:
        return data, data.position(sample_id)
    except ShardError as error:
        raise UsageError(str(error)) from error


def _of_sample(sample_id: str, kind: str, values: Sequence[Any]) -> Given:
    which = f", the first of {len(values)}" if len(values) > 1 else ""
    return Given(modality=kind, value=values[0], name=f"{sample_id}{which}")


def pair_of(
    values: Sequence[str], kinds: Sequence[str], *, sample_id: str | None, data: Path | None, pair: str | None
) -> tuple[Given, Given]:
    """The pair that a command line names, in either of its two ways.

    Raises:
        UsageError: both ways, neither, or half of one.
    """
    if sample_id or data or pair:
        if values or kinds or not (sample_id and data and pair):
            raise UsageError(
                "a pair of a data set needs --id ID --data DATA --pair structure-text, and no values beside them"
            )
        return from_data(data, sample_id, pair)
    if len(values) != 2:
        raise UsageError(
            f"give two values (files, formulas, or words in quotes), not {len(values)}; or --id ID --data DATA --pair "
            "structure-text"
        )
    if len(kinds) not in (0, 2):
        raise UsageError(f"say --as for both values or for none; it was said {len(kinds)} times")
    told = kinds or (None, None)
    return named(values[0], told[0]), named(values[1], told[1])
