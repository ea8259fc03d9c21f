"""What an interrupted build has computed already, so that the next one need not."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_data.pool import Engine


@dataclass(frozen=True)
class _Lost:
    """What stands for a result whose process died."""

    instead: Any


class Memory:
    """Results by a hash of what they were computed from, a line of JSON each; without a path it forgets everything.

    A line that a kill cut short, or that was damaged, is as if it were not there.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read what is known; the file is made when there is something to keep."""
        self._path = path
        self._known = dict(_lines(path)) if path is not None else {}

    def map(  # noqa: PLR0913 - as an engine's, and how an item is told from others
        self,
        engine: Engine,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        key: Callable[[Any], str],
        on_death: Callable[[Any], Any],
        size: int,
    ) -> Iterator[Any]:
        """`function` of each item, in order: what is known is looked up, the rest computed on the engine and kept.

        Args:
            engine: What computes.
            function: Gives what JSON can hold.
            items: What to compute.
            key: Equal keys have equal results.
            on_death: As of `Engine.map`; what it gives is not kept, and asked again by the next build.
            size: As of `Engine.map`.
        """
        keys = [key(item) for item in items]
        new = (item for item, name in zip(items, keys, strict=True) if name not in self._known)
        found = engine.map(function, new, on_death=lambda item: _Lost(on_death(item)), size=size)
        for name in keys:
            if name in self._known:
                yield self._known[name]
            else:
                result = next(found)
                if isinstance(result, _Lost):
                    yield result.instead
                    continue
                self._keep(name, result)
                yield result

    def _keep(self, name: str, result: Any) -> None:
        """Append a line; a disk that does not take it costs time at the next build, and nothing else."""
        if self._path is None:
            return
        text = json.dumps([name, result])
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii") as file:
                file.write(f"{zlib.crc32(text.encode()):08x} {text}\n")


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            crc, _, text = line.partition(b" ")
            if crc == f"{zlib.crc32(text):08x}".encode():
                yield tuple(json.loads(text))


def digest(*parts: bytes) -> str:
    """A name for what is made of these bytes."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "little") + part)
    return hashed.hexdigest()
