"""How much a build may refuse, and what is kept of a build that refused more."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from comma_data.config import Build
from comma_data.curate import Curated
from comma_data.duplicates import CODE as DUPLICATE
from comma_data.errors import RefusedError
from comma_data.inputs import Table, tables
from comma_data.own_files import REFUSED
from comma_data.sample import Refusal
from comma_data.storage import complete_file, ensure_folder


def check_refused(build: Build, curated: Curated) -> None:
    """Stop where nothing was accepted, or too much refused.

    Raises:
        RefusedError: For each such source the share, what is allowed, and the first refusal of each code.
    """
    if not curated.accepted:
        raise RefusedError(f"build {build.name}: no record was accepted{_examples(curated.refused)}")
    if faults := [fault for table in tables(build) if (fault := _fault(table, curated))]:
        raise RefusedError("\n".join(f"build {build.name}: {fault}" for fault in faults))


def _fault(table: Table, curated: Curated) -> str | None:
    """What is wrong with a source, in words; None where nothing is."""
    counts = curated.counts.get(table.label)
    if counts is None:
        there = f"no record in {table.kind} {table.source.path}: are these the files?"
        return None if table.source.optional else there
    limit = table.source.max_refused
    share = sum(number for code, number in counts.refused.items() if code != DUPLICATE) / counts.read
    if share <= limit:
        return None
    refused = [r for r in curated.refused if r.source == table.label and r.code != DUPLICATE]
    return (
        f"{share:.1%} of the {table.label} were refused, at most {limit:.1%} are allowed;"
        f" correct the files, or raise the limit if you can do without these{_examples(refused)}"
    )


def list_refused(refused: Iterable[Refusal], out: Path) -> Path:
    """Write every refusal of a build that stopped beside the folder that it would have written: OUT.refused.jsonl.

    Raises:
        StorageError: The disk does not take the file.
    """
    path = refused_list(out)
    ensure_folder(path.parent)
    with complete_file(path) as file:
        file.write("".join(json.dumps(vars(refusal), ensure_ascii=False) + "\n" for refusal in refused).encode())
    return path


def refused_list(out: Path) -> Path:
    """Where `list_refused` writes."""
    return out.with_name(f"{out.name}{REFUSED}")


def _examples(refused: Iterable[Refusal]) -> str:
    first = {refusal.code: refusal.message for refusal in reversed(list(refused))}
    return "".join(chain.from_iterable(("\n  ", code, ": ", message) for code, message in sorted(first.items())))
