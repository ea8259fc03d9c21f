"""What came of trying a fault."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The account of one fault: every trial survived or was lost."""

    tried: int
    survived: int
    """Met with the promised, typed outcome."""
    lost: int
    """Anything silently wrong, and anything that took the process down."""
    note: str
    """What else was measured."""
