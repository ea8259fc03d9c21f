"""A synthesis protocol as facts, and the views in which it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from comma_data.errors import ConfigError
from comma_data.formulas import classify
from comma_data.names import GASES, GENERIC, names_target
from comma_data.plain_text import without_materials, without_target
from comma_data.sample import Sample

PLACEHOLDER = "[compound]"
"""Stands for every compound, formula and element in the view `masked`: one and the same for all of them, so that
neither the identity of a name nor its return in a later step is told, only how many there are."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of a protocol."""

    kind: str
    """mix, heat, dry, shape, quench, start, or other: what the step is."""
    word: str
    """How the source puts it, e.g. `calcined`."""
    temperatures: tuple[float, ...] = ()
    """°C."""
    hours: tuple[float, ...] = ()
    atmospheres: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    device: str | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way in which a material was made."""

    target: str
    """Formula of what was made; no view tells it. Empty where the source does not name the product."""
    precursors: tuple[str, ...]
    """Formulas as the source writes them."""
    operations: tuple[Operation, ...]
    amounts: tuple[tuple[str, float], ...] = ()
    """(material, moles) of the balanced reaction's left side: derived from the target, unless `weighed`."""
    weighed: bool = False
    """The amounts are what was weighed in; only their ratio counts."""
    method: str = "solid-state"


Shown = Callable[[str, str], str | None]
"""(role, name) -> what a view shows for it, None for nothing. Roles: precursor, medium, device, atmosphere."""


def _as_written(role: str, name: str) -> str | None:  # noqa: ARG001 - a view may look at the role
    return name


def _masked(role: str, name: str) -> str | None:
    return name if role != "precursor" and name.casefold() in GENERIC else PLACEHOLDER


def _conditions_only(role: str, name: str) -> str | None:
    return name if role == "atmosphere" and name.casefold() in GASES else None


VIEWS: Mapping[str, Shown] = {
    "precursors": _as_written,
    "amounts": _as_written,
    "masked": _masked,
    "operations": _conditions_only,
}
"""View -> what it shows of a name that is not the target's.

`precursors`: precursors, operations, conditions, media. `amounts`: that, and the balanced amounts, labelled as derived
from the target, or what was weighed in. `masked`: as `precursors`, every compound, formula and element behind one
placeholder. `operations`: operations, temperatures, times and common gases; no materials, media or devices.
"""


def steps(protocol: Protocol, view: str) -> tuple[str, ...]:
    """The protocol in words, one string a step; never the target, in any spelling that can be read as its formula.

    A precursor, medium, atmosphere or device that is the target itself is left out. A step that only says that the
    synthesis starts is left out. The tuple is empty where the view has nothing to tell.

    Args:
        protocol: What was done.
        view: `precursors`, `amounts`, `masked` or `operations`.

    Raises:
        ConfigError: No such view.
    """
    _check_view(view)

    def shown(role: str, names: Sequence[str]) -> list[str]:
        return _shown(protocol, view, role, names)

    operations = _worth_telling(protocol)
    materials = shown("precursor", protocol.precursors)
    mixed_first = bool(operations) and operations[0].kind == "mix"
    sentences = [f"Start from {_and(materials)}."] if materials and not mixed_first else []
    for position, operation in enumerate(operations):
        introduced = materials if mixed_first and position == 0 else []
        sentences.append(_sentence(_verb(operation, protocol.target), introduced, operation, shown))
    if view == "amounts":
        sentences += _amounts(protocol)
    return tuple(sentences)


def _shown(protocol: Protocol, view: str, role: str, names: Sequence[str]) -> list[str]:
    others = (name for name in names if not names_target(name, protocol.target))
    return [told for name in others if (told := VIEWS[view](role, name)) is not None]


def _worth_telling(protocol: Protocol) -> list[Operation]:
    return [op for op in protocol.operations if op.kind != "start" or op.temperatures or op.hours or op.media]


def tells(protocol: Protocol, view: str) -> bool:
    """Whether `steps` has anything to tell, at a small part of its price."""
    return bool(
        _worth_telling(protocol)
        or _shown(protocol, view, "precursor", protocol.precursors)
        or (view == "amounts" and _amounts(protocol))
    )


def plain_steps(text: tuple[str, ...], formula: str | None, view: str) -> tuple[str, ...]:
    """A text that was kept as it was written, in a view; empty where the view cannot be told of such a text.

    `precursors` and `amounts`: temperatures in °C, and `[target]` for each word that names the target. `masked`: that,
    and the placeholder for every compound, formula and element. `operations`: nothing, since running text does not say
    which of its words are conditions.

    Args:
        text: Steps.
        formula: Reduced formula of the target, None where it is not known.
        view: As in `steps`.

    Raises:
        ConfigError: No such view.
    """
    _check_view(view)
    return () if view == "operations" else _plain_steps(text, formula, masked=view == "masked")


@lru_cache(maxsize=4096)
def _plain_steps(text: tuple[str, ...], formula: str | None, *, masked: bool) -> tuple[str, ...]:
    """Cached, since every epoch tells the same texts again."""
    if masked:
        return tuple(without_materials(step, formula, PLACEHOLDER) for step in text)
    return tuple(without_target(step, formula) for step in text)


def told_places(sample: Sample, view: str) -> list[int]:
    """Places of the sample's texts of which a view tells something.

    Raises:
        ConfigError: No such view.
    """
    _check_view(view)
    protocols, count = sample.annotations.get("text"), len(sample.fields.get("text", ()))
    if protocols is None:
        return [place for place in range(count) if told(sample, place, view)]
    return [
        i for i, p in enumerate(protocols) if (tells(p, view) if isinstance(p, Protocol) else told(sample, i, view))
    ]


def told(sample: Sample, place: int, view: str) -> tuple[str, ...]:
    """One text of a sample in a view, by `steps` or `plain_steps`; empty where the view tells nothing of it.

    The target of a text without a `Protocol` is the sample's group `formula`, unless that begins with `?`.

    Raises:
        ConfigError: No such view.
    """
    protocol = sample.annotations["text"][place] if "text" in sample.annotations else None
    if isinstance(protocol, Protocol):
        return steps(protocol, view)
    formula = sample.groups.get("formula", "?")
    return plain_steps(tuple(sample.fields["text"][place]), None if formula.startswith("?") else formula, view)


def with_view(sample: Sample, view: str) -> Sample:
    """The sample with its texts told in another view, see `told`.

    A text of which the view tells nothing is left out, with its annotation and provenance.

    Raises:
        ConfigError: No such view.
    """
    places = told_places(sample, view)
    if "text" not in sample.fields:
        return sample
    texts = {"text": tuple(told(sample, place, view) for place in places)} if places else {}
    kept = keep_values(sample, "text", places)
    return replace(kept, fields={**kept.fields, **texts})


def keep_values(sample: Sample, modality: str, kept: Sequence[int]) -> Sample:
    """The sample with only these values of a modality, annotations and provenance alike; none left: absent."""

    def only(values: Mapping[str, tuple]) -> dict[str, tuple]:
        chosen = {modality: tuple(values[modality][i] for i in kept)} if modality in values and kept else {}
        return {**{m: v for m, v in values.items() if m != modality}, **chosen}

    return replace(
        sample,
        fields=only(sample.fields),
        annotations=only(sample.annotations),
        provenance=only(sample.provenance),
    )


def _check_view(view: str) -> None:
    if view not in VIEWS:
        raise ConfigError(f"view {view!r}: the views are {', '.join(VIEWS)}")


def _verb(operation: Operation, target: str) -> str:
    """The source's word, unless it names a material: then the kind."""
    word = operation.word.strip()
    if not word or classify(word).amounts or names_target(word, target):
        word = operation.kind
    return word[0].upper() + word[1:]


def _sentence(
    verb: str, materials: Sequence[str], operation: Operation, shown: Callable[[str, Sequence[str]], list[str]]
) -> str:
    parts = [verb]
    device = shown("device", [operation.device] if operation.device else [])
    for preposition, names in (
        ("", materials),
        ("in ", shown("medium", operation.media)),
        ("using ", device),
        ("at ", [_and([f"{t:g}" for t in operation.temperatures]) + " °C"] if operation.temperatures else []),
        ("for ", [_and([f"{h:g}" for h in operation.hours]) + " h"] if operation.hours else []),
        ("in ", shown("atmosphere", operation.atmospheres)),
    ):
        if names:
            parts.append(preposition + _and(names))
    return " ".join(parts) + "."


def _amounts(protocol: Protocol) -> list[str]:
    parts = [f"{moles:g} mol {name}" for name, moles in protocol.amounts if not names_target(name, protocol.target)]
    label = "Amounts weighed in" if protocol.weighed else "Balanced amounts, derived from the target"
    return [f"{label}: {', '.join(parts)}."] if parts else []


def _and(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
