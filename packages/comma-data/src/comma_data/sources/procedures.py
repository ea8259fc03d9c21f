"""Full-text procedures: `.txt` files, with brat annotation (`.ann`) of the same name beside them or not."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from comma_data.annotated import told
from comma_data.archive import ARCHIVES, members
from comma_data.brat import read_annotation
from comma_data.conditions import ConditionError
from comma_data.doi import is_doi, plain_doi
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.protocol import Protocol
from comma_data.sample import Record, Refusal
from comma_data.sentences import sentences
from comma_data.text_files import TextError, cleaned, decoded
from comma_data.wanted import Wanted

SOURCE = "procedures"
LONGEST = 5.0
"""Seconds that one text may take."""

Job = tuple[str, bytes, bytes | None]
"""(name, text, annotation)."""


def read(
    path: Path,
    *,
    origin: str = "literature",
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Record | Refusal]:
    """One text per `.txt` file, in the order in which they are stored; the key is the file's name without its ending.

    A first line that is a DOI, with a resolver or `doi:` in front or without, is taken for the DOI, and the line below
    it for the title; neither belongs to the text. The value is a `Protocol` where the annotation gives the target's
    formula, a precursor and a step, otherwise the sentences as they are written. The formula is the target's where the
    annotation names no other one.

    Refused with `not-utf-8`, `text-too-long`, `bad-text`, `empty-text`, `bad-annotation`, `too-costly` or
    `parser-died`; an annotation that has no text, or whose name comes twice, with `annotation-alone`.

    Args:
        path: Folder (searched with all below it), archive, or one text, which is then read without annotation.
        origin: Where these texts come from, for their provenance.
        engine: What parses.

    Raises:
        DataError: The path does not exist, or an archive is damaged.
    """
    annotations = _annotations(path)
    yield from engine.map(partial(_parse, origin=origin), _jobs(path, annotations), on_death=_died)
    for name in annotations:
        message = f"{name}: no text of this name stands beside it; add the .txt file or remove this one"
        yield Refusal(source=SOURCE, key=PurePosixPath(name).stem, code="annotation-alone", message=message)


def reads(file: Path, **_: object) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    return Wanted(source=SOURCE, endings=(".txt", ".ann", *ARCHIVES)).matches(file.name)


def _annotations(path: Path) -> dict[str, bytes]:
    """Name of the text -> annotation. Of names that come twice, none can be told to a text."""
    items = (item for item in members(path, (".ann",), SOURCE) if not isinstance(item, Refusal))
    found = [(name, data) for name, data in items if name.lower().endswith(".ann")]
    times = Counter(name for name, _ in found)
    return {_text_name(name): data for name, data in found if times[name] == 1}


def _text_name(annotation: str) -> str:
    return annotation[: -len(".ann")] + ".txt"


def _jobs(path: Path, annotations: dict[str, bytes]) -> Iterator[Job | Refusal]:
    """Every text with its annotation, which is taken out of the mapping; annotations are passed over."""
    times: Counter[str] = Counter()
    for item in members(path, (".txt", ".ann"), SOURCE):
        if isinstance(item, Refusal):
            yield item
        elif item[0].lower().endswith(".ann"):
            times[item[0]] += 1
            if times[item[0]] > 1:
                message = f"{item[0]}: {times[item[0]]} annotations have this name; give each text its own name"
                yield Refusal(source=SOURCE, key=PurePosixPath(item[0]).stem, code="annotation-alone", message=message)
        else:
            yield (*item, annotations.pop(item[0], None))


def _parse(job: Job | Refusal, *, origin: str) -> Record | Refusal:
    if isinstance(job, Refusal):
        return job
    name, data, annotation = job
    key = PurePosixPath(name).stem
    refused = partial(Refusal, source=SOURCE, key=key)
    try:
        with time_limit(LONGEST):
            return _record(key, data, annotation, {"origin": origin, "file": name})
    except (TextError, ConditionError) as error:
        return refused(code=error.code, message=f"{name}: {error}")
    except (TooSlowError, MemoryError, RecursionError) as error:
        return refused(code="too-costly", message=f"{name}: reading {error}")


def _record(key: str, data: bytes, annotation: bytes | None, known: dict[str, str]) -> Record:
    written = decoded(data)
    doi, title, text = _parts(cleaned(written))
    value: Protocol | tuple[str, ...] = sentences(text)
    if not value:
        raise TextError("empty-text", "a DOI and a title, and no text below them")
    formula = None
    if annotation is not None:
        found = told(read_annotation(decoded(annotation), written))
        formula, value = found.formula, found.protocol or value
    return Record(
        source=SOURCE,
        key=key,
        modality="text",
        value=value,
        formula=formula,
        provenance={
            **known,
            "recipe": key,
            "doi": doi,
            "title": title,
            "paragraph": hashlib.sha256(text.encode()).hexdigest()[:16],
            "text": "annotation" if isinstance(value, Protocol) else "full",
        },
    )


def _parts(text: str) -> tuple[str, str, str]:
    """DOI, title and the text below them; of a text that begins otherwise, all of it."""
    first, _, rest = text.partition("\n")
    if not is_doi(first):
        return "", "", text
    title, _, body = rest.partition("\n")
    return plain_doi(first), title.strip(), body


def _died(job: Job | Refusal) -> Record | Refusal:
    key = job.key if isinstance(job, Refusal) else PurePosixPath(job[0]).stem
    message = "the process that read it died; report the file to comma-data"
    return Refusal(source=SOURCE, key=key, code="parser-died", message=message)
