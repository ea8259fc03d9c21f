"""Records -> accepted records and counted refusals, each with a code."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from comma_data.doi import plain_doi
from comma_data.errors import StructureError
from comma_data.formulas import ATOMIC_NUMBERS, reduced
from comma_data.manifest import Counts, sha256
from comma_data.protocol import VIEWS, Protocol, tells
from comma_data.sample import Record, Refusal
from comma_data.temperatures import COLDEST, HOTTEST, impossible
from comma_data.validate import Guard, check_structure

HOTTEST_OF: Mapping[str, float] = defaultdict(lambda: HOTTEST, {"text-mined": 2000.0})
"""Origin of a protocol -> °C. Of the text-mined furnace protocols the few that go beyond are extraction errors; a
handbook's crystal growth from the melt or vapour may be hotter."""
LONGEST = 10_000.0
"""Hours."""

Check = Callable[[Record], Record | Refusal]

_SYMBOLS = {number: symbol for symbol, number in ATOMIC_NUMBERS.items()}


@dataclass(frozen=True, kw_only=True)
class Curated:
    """What came of the records of one or more sources."""

    accepted: tuple[Record, ...]
    """In the order read."""
    refused: tuple[Refusal, ...]
    merged: Mapping[str, str] = field(default_factory=dict)
    """Id of a structure that repeats another -> id of that one, which was accepted."""
    uncompared: tuple[str, ...] = ()
    """Formulas whose structures may repeat each other: the process that compared them died."""
    counts: Mapping[str, Counts]
    """Source -> accounting; its identity was checked."""


def curate(records: Iterable[Record | Refusal], guard: Guard = Guard()) -> Curated:  # noqa: B008 - frozen
    """Take every record or refuse it with a code.

    Structures pass `check_structure` and have to agree with the stated formula (`formula-mismatch`). Protocols need a
    precursor (`no-precursors`), something to tell beside the target (`empty-protocol`) and possible conditions
    (`impossible-temperature`, `impossible-time`); texts as they were written need a word (`empty-text`) and possible
    temperatures. An id that comes twice within a modality is refused the second time (`duplicate-id`).

    Args:
        records: As sources deliver them.
        guard: Bounds of a structure.
    """
    checks: dict[str, Check] = {"structure": partial(_structure, guard=guard), "text": _text}
    read: Counter[str] = Counter()
    accepted: list[Record] = []
    refused: list[Refusal] = []
    seen: set[tuple[str, str]] = set()
    for record in records:
        read[record.source] += 1
        outcome = record if isinstance(record, Refusal) else _outcome(record, checks, seen)
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        else:
            accepted.append(outcome)
    return Curated(accepted=tuple(accepted), refused=tuple(refused), counts=_counts(read, accepted, refused))


def recounted(curated: Curated, *, accepted: Sequence[Record], refused: Sequence[Refusal]) -> Curated:
    """The same records, sorted into accepted and refused anew."""
    read = {source: counts.read for source, counts in curated.counts.items()}
    return Curated(accepted=tuple(accepted), refused=tuple(refused), counts=_counts(read, accepted, refused))


def with_rows(curated: Curated, matched: Mapping[str, int]) -> Curated:
    """The same, with the rows of tables that belong to a record counted as read and accepted.

    Args:
        curated: Counts rows only where they belong to none.
        matched: Source -> rows that belong to a record.
    """
    counts = {
        source: Counts(
            read=c.read + matched.get(source, 0), accepted=c.accepted + matched.get(source, 0), refused=c.refused
        )
        for source, c in curated.counts.items()
    }
    return replace(curated, counts=counts)


def sample_id(key: str) -> str:
    """A key as an id: a-z, 0-9 and single hyphens, at most 64.

    One that is long or empty, or has letters or digits beyond ASCII, is told apart by its hash.
    """
    key = unicodedata.normalize("NFC", key)  # some systems store names decomposed
    slug = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    whole = 0 < len(slug) <= 64 and not any(c.isalnum() and not c.isascii() for c in key)
    return slug if whole else f"{slug[:51]}-{sha256(key.encode())[:12]}".strip("-")


def _outcome(record: Record, checks: Mapping[str, Check], seen: set[tuple[str, str]]) -> Record | Refusal:
    identity = (record.modality, sample_id(record.key))
    if identity in seen:
        return _refusal(record, "duplicate-id", f"the id {identity[1]} was taken by an earlier record; rename one")
    record = _with_plain_doi(record)
    outcome = checks[record.modality](record) if record.modality in checks else record
    if isinstance(outcome, Record):
        seen.add(identity)
    return outcome


def _with_plain_doi(record: Record) -> Record:
    doi = record.provenance.get("doi")
    if not doi:
        return record
    plain = plain_doi(doi)
    return record if plain == doi else replace(record, provenance={**record.provenance, "doi": plain})


def _structure(record: Record, *, guard: Guard) -> Record | Refusal:
    try:
        check_structure(record.value, guard)
    except StructureError as error:
        return _refusal(record, error.code, str(error))
    numbers, times = np.unique(record.value["numbers"], return_counts=True)
    formula = reduced({_SYMBOLS[int(z)]: float(n) for z, n in zip(numbers, times, strict=True)})
    if record.formula not in {None, formula}:
        return _refusal(record, "formula-mismatch", f"the atoms make {formula}, the source states {record.formula}")
    return replace(record, formula=formula)


def _text(record: Record) -> Record | Refusal:
    return _protocol(record, record.value) if isinstance(record.value, Protocol) else _written(record)


def _written(record: Record) -> Record | Refusal:
    text = "\n".join(record.value)
    if not text.strip():
        return _refusal(record, "empty-text", "the text has no words")
    if (temperature := impossible(text)) is not None:
        message = f"{temperature:g} °C: {COLDEST:g} to {HOTTEST:g} °C; correct the text"
        return _refusal(record, "impossible-temperature", message)
    return record


def _protocol(record: Record, protocol: Protocol) -> Record | Refusal:
    if not protocol.precursors:
        return _refusal(record, "no-precursors", "the protocol names no precursor")
    if not any(tells(protocol, view) for view in VIEWS):
        return _refusal(record, "empty-protocol", "no operation, and no precursor but the target; leave it out")
    temperatures = [t for operation in protocol.operations for t in operation.temperatures]
    hottest = HOTTEST_OF[record.provenance.get("origin", "")]
    if any(not COLDEST <= t <= hottest for t in temperatures):
        return _refusal(record, "impossible-temperature", f"{max(temperatures):g} °C: {COLDEST} to {hottest:g} °C")
    hours = [h for operation in protocol.operations for h in operation.hours]
    if any(not 0 <= h <= LONGEST for h in hours):
        return _refusal(record, "impossible-time", f"{max(hours):g} h: 0 to {LONGEST:g} h")
    return record


def _refusal(record: Record, code: str, message: str) -> Refusal:
    return Refusal(source=record.source, key=record.key, code=code, message=f"{record.source} {record.key}: {message}")


def _counts(read: Mapping[str, int], accepted: Iterable[Record], refused: Iterable[Refusal]) -> dict[str, Counts]:
    taken = Counter(record.source for record in accepted)
    codes: dict[str, Counter[str]] = {source: Counter() for source in read}
    for refusal in refused:
        codes[refusal.source][refusal.code] += 1
    return {
        source: Counts(read=number, accepted=taken[source], refused=dict(sorted(codes[source].items())))
        for source, number in sorted(read.items())
    }
