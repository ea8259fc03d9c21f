"""How far a long command is, on stderr: one line that is written over on a terminal, a line now and then elsewhere."""

import sys
import time
from dataclasses import dataclass, field

QUIET = 5.0
"""Seconds between lines where stderr is no terminal."""
LIVELY = 0.2
"""Seconds between updates on a terminal."""


@dataclass(kw_only=True)
class Printer:
    """Prints what is being done, how many, and how fast; call it with (what, number done)."""

    started: float = field(default_factory=time.monotonic)
    printed: float = field(default_factory=time.monotonic)

    def __call__(self, what: str, done: int) -> None:
        """Print, if it is time to."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.printed < (LIVELY if terminal else QUIET):
            return
        self.printed = now
        line = f"{what}: {done:,} after {now - self.started:.0f} s"
        print(f"\r{line:<60}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line that was written over."""
        if sys.stderr.isatty():
            print(file=sys.stderr)
