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
from comma_data.sample import Refusal
from comma_data.storage import complete_file, ensure_folder


def check_refused(build: Build, curated: Curated) -> None:
    """Stop where nothing was accepted, or too much refused.

    Raises:
        RefusedError: The message has the share, what is allowed, and the first refusal of each code.
    """
    if not curated.accepted:
        raise RefusedError(f"build {build.name}: no record was accepted{_examples(curated.refused)}")
    for table in tables(build):
        _check_source(build, table, curated)


def _check_source(build: Build, table: Table, curated: Curated) -> None:
    counts = curated.counts.get(table.label)
    limit = table.source.max_refused
    if counts is None and not table.source.optional:
        raise RefusedError(f"build {build.name}: no record in {table.kind} {table.source.path}: are these the files?")
    faulty = {code: number for code, number in counts.refused.items() if code != DUPLICATE} if counts else {}
    share = sum(faulty.values()) / counts.read if counts else 0.0
    if share > limit:
        refused = [r for r in curated.refused if r.source == table.label and r.code != DUPLICATE]
        raise RefusedError(
            f"build {build.name}: {share:.1%} of the {table.label} were refused, at most {limit:.1%} are allowed;"
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
    return out.with_name(f"{out.name}.refused.jsonl")


def _examples(refused: Iterable[Refusal]) -> str:
    first = {refusal.code: refusal.message for refusal in reversed(list(refused))}
    return "".join(chain.from_iterable(("\n  ", code, ": ", message) for code, message in sorted(first.items())))
