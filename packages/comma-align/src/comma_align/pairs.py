"""Pairs of modalities by name: which there are, and what makes two values of a pair belong together."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from comma_encoders.modality import get

Pair = tuple[str, str]


def label(pair: Pair) -> str:
    """How a pair is written: both names in alphabetical order, e.g. `structure-text`."""
    return "-".join(sorted(pair))


def every(modalities: Sequence[str]) -> tuple[Pair, ...]:
    """All pairs of these modalities."""
    return tuple(combinations(sorted(modalities), 2))


def chosen(wanted: Sequence[str], modalities: Sequence[str]) -> tuple[Pair, ...]:
    """The pairs that a config names; a loss that goes one way goes from the first to the second of a pair.

    Args:
        wanted: labels of pairs, or one of `all`, `star:CENTRE` (the centre with each other modality) and
            `chain:A-B-C` (each with the next).
        modalities: those of the run.

    Raises:
        ValueError: a label that is no pair of these modalities; the message lists what is.
    """
    known = {label(pair) for pair in every(modalities)}
    pairs = [pair for name in wanted for pair in _graph(name, modalities)]
    for pair in pairs:
        if label(pair) not in known:
            raise ValueError(
                f"{'-'.join(pair)!r} is no pair of the run's modalities; there are {', '.join(sorted(known))}"
            )
    if not pairs:
        raise ValueError("give at least one pair, or `all`, `star:CENTRE` or `chain:A-B-C`")
    return tuple({label(pair): pair for pair in reversed(pairs)}.values())[::-1]


def _graph(name: str, modalities: Sequence[str]) -> Sequence[Pair]:
    """The pairs that one word of a config stands for."""
    if name == "all":
        return every(modalities)
    kind, _, rest = name.rpartition(":")
    parts = rest.split("-")
    if kind == "star":
        return [(rest, other) for other in sorted(modalities) if other != rest]
    if kind == "chain" and len(parts) > 1:
        return list(pairwise(parts))
    if kind or len(parts) != 2:
        raise ValueError(
            f"{name!r} is no pair of the run's modalities: give e.g. `structure-text`, `all`, `star:structure` or "
            "`chain:structure-text-image`"
        )
    return [(parts[0], parts[1])]


def relation(pair: Pair) -> str:
    """The group that makes two values a positive pair: the coarser of what the two modalities can tell apart.

    The retrieval metrics use the same relation, so that training never punishes what they call right.
    """
    return "formula" if "formula" in (get(pair[0]).group, get(pair[1]).group) else "material"
