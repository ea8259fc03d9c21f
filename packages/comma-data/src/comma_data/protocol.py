"""A synthesis protocol as facts, and the views in which it is told."""

from dataclasses import dataclass


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
    """Formula of what was made; no view tells it."""
    precursors: tuple[str, ...]
    """Formulas as the source writes them."""
    operations: tuple[Operation, ...]
    amounts: tuple[tuple[str, float], ...] = ()
    """(material, moles) of the balanced reaction's left side: derived from the target."""
    method: str = "solid-state"
