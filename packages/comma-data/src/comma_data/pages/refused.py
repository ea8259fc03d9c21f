"""What a build left out, by source and code, with the first examples."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comma_data.errors import ShardError
from comma_data.manifest import REFUSALS, Counts, Manifest, sha256
from comma_data.reader import reader
from comma_data.sample import Refusal

EXAMPLES = 3
"""Refusals of a code that are shown."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One code of a source."""

    code: str
    number: int
    examples: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """One source: read = accepted + refused."""

    source: str
    counts: Counts
    reasons: tuple[Reason, ...]
    """The most frequent first."""

    @property
    def refused(self) -> int:
        """Records that were left out."""
        return self.counts.read - self.counts.accepted


def accounting(manifest: Manifest, place: Path | str) -> tuple[Accounting, ...]:
    """Every source of a data set, with examples where the data set kept its refusals.

    Raises:
        ShardError: The file of refusals is not the one that the manifest describes.
    """
    examples = _examples(manifest, place)
    return tuple(
        Accounting(source=source, counts=counts, reasons=_reasons(source, counts, examples))
        for source, counts in sorted(manifest.counts.items())
    )


def _reasons(source: str, counts: Counts, examples: Mapping[tuple[str, str], list[Refusal]]) -> tuple[Reason, ...]:
    by_number = sorted(counts.refused.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Reason(code=c, number=n, examples=tuple(examples.get((source, c), ()))) for c, n in by_number)


def _examples(manifest: Manifest, place: Path | str) -> dict[tuple[str, str], list[Refusal]]:
    first: dict[tuple[str, str], list[Refusal]] = defaultdict(list)
    if not manifest.refusals_sha256:
        return first
    data = reader(place).read(REFUSALS)
    if sha256(data) != manifest.refusals_sha256:
        raise ShardError(f"{place}/{REFUSALS} was changed after it was written; build or copy the data set again")
    for line in data.splitlines():
        refusal = Refusal(**json.loads(line))
        kept = first[refusal.source, refusal.code]
        if len(kept) < EXAMPLES:
            kept.append(refusal)
    return first
