"""Pairs of modalities by name: which there are, and what makes two values of a pair belong together."""

from collections.abc import Sequence
from itertools import combinations

from comma_encoders.modality import get

Pair = tuple[str, str]


def label(pair: Pair) -> str:
    """How a pair is written: both names in alphabetical order, e.g. `structure-text`."""
    return "-".join(sorted(pair))


def chosen(wanted: Sequence[str], modalities: Sequence[str]) -> tuple[Pair, ...]:
    """The pairs that a config names, or every pair of the modalities for `all`.

    Raises:
        ValueError: a label that is no pair of these modalities; the message lists what is.
    """
    known = {label(pair): pair for pair in combinations(sorted(modalities), 2)}
    if tuple(wanted) == ("all",):
        return tuple(known.values())
    normal = ["-".join(sorted(name.split("-"))) for name in wanted]
    for name, given in zip(normal, wanted, strict=True):
        if name not in known:
            raise ValueError(f"{given!r} is no pair of the run's modalities; there are {', '.join(known)}")
    if not normal:
        raise ValueError("give at least one pair, or `all`")
    return tuple(known[name] for name in dict.fromkeys(normal))


def relation(pair: Pair) -> str:
    """The group that makes two values a positive pair: the coarser of what the two modalities can tell apart.

    The retrieval metrics use the same relation, so that training never punishes what they call right.
    """
    return "formula" if "formula" in (get(pair[0]).group, get(pair[1]).group) else "material"
