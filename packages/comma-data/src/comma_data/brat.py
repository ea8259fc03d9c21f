"""Stand-off annotation in the format of brat (Stenetorp et al., EACL 2012, 102): spans, events and relations.

Lines are `T1<tab>Kind 0 5<tab>words` for a span, `E1<tab>Kind:T1 Role:T2 ...` for an event on a trigger, and
`R1<tab>Kind Arg1:T1 Arg2:E1` for a relation. Attributes, notes and normalisations are not needed here and passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from comma_data.text_files import TextError

PASSED_OVER = "AMN#*"
"""First characters of lines of no interest: attributes, modifications, normalisations, notes, equivalences."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Words of the text with a kind."""

    kind: str
    start: int
    """Of its first character in the text."""
    words: str
    before: str = ""
    """The two characters of the text in front of it, where there are as many."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens in the text."""

    trigger: str
    """Id of the span that says so."""
    roles: tuple[tuple[str, str], ...]
    """(role, id of a span or an event)."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What stands beside one text."""

    spans: Mapping[str, Span]
    events: Mapping[str, Event]
    relations: tuple[tuple[str, str, str], ...]
    """(kind, id, id), in the order of the file."""


def read_annotation(lines: str, text: str) -> Annotation:
    """The annotation of a text.

    Args:
        lines: Content of the `.ann` file.
        text: Content of the `.txt` file, as it was decoded: positions are counted in it.

    Raises:
        TextError: Code `bad-annotation`: a line that does not follow the format, a span whose words are not those of
            the text at its place, or an id that stands for nothing.
    """
    spans: dict[str, Span] = {}
    events: dict[str, Event] = {}
    relations: list[tuple[str, str, str]] = []
    for number, line in enumerate(lines.splitlines(), start=1):
        try:
            if line.startswith("T"):
                name, span = _span(line, text)
                spans[name] = span
            elif line.startswith("E"):
                name, event = _event(line)
                events[name] = event
            elif line.startswith("R"):
                relations.append(_relation(line))
            else:
                _check_passed_over(line)
        except ValueError as error:
            raise TextError("bad-annotation", f"line {number} of the annotation, {line[:60]!r}: {error}") from error
    annotation = Annotation(spans=spans, events=events, relations=tuple(relations))
    _check_ids(annotation)
    return annotation


def _span(line: str, text: str) -> tuple[str, Span]:
    name, where, words = line.split("\t")
    kind, _, ends = where.partition(" ")
    pieces = [piece.split() for piece in ends.split(";")]
    bounds = [(int(start), int(end)) for start, end in pieces]
    there = " ".join(text[start:end] for start, end in bounds)
    if there.split() != words.split() or not words.strip():
        raise ValueError(f"the text has {there[:40]!r} there")
    first = bounds[0][0]
    return name, Span(kind=kind, start=first, words=words, before=text[max(0, first - 2) : first])


def _event(line: str) -> tuple[str, Event]:
    name, content = line.split("\t")[:2]
    (_, trigger), *roles = (_pair(part) for part in content.split())
    return name, Event(trigger=trigger, roles=tuple(roles))


def _relation(line: str) -> tuple[str, str, str]:
    kind, first, second = line.split("\t")[1].split()
    return kind, _pair(first)[1], _pair(second)[1]


def _check_passed_over(line: str) -> None:
    if line.strip() and line[0] not in PASSED_OVER:
        raise ValueError("no line of this format")


def _pair(text: str) -> tuple[str, str]:
    role, colon, name = text.partition(":")
    if not colon:
        raise ValueError(f"{text[:40]!r} is no `role:id`")
    return role, name


def _check_ids(annotation: Annotation) -> None:
    known = annotation.spans.keys() | annotation.events.keys()
    told = {name for _, *names in annotation.relations for name in names}
    told |= {name for event in annotation.events.values() for _, name in event.roles}
    triggers = {event.trigger for event in annotation.events.values()}
    lost = sorted((told - known) | (triggers - annotation.spans.keys()))
    if lost:
        raise TextError("bad-annotation", f"the annotation refers to {lost[0]}, which it does not have")
