"""`comma-data build --dry-run`: what a build would read, refuse, join and split."""

import json
from dataclasses import dataclass
from pathlib import Path

from comma_data.allowance import check_refused
from comma_data.build import Prepared, Progress, prepare, silent, split_of
from comma_data.config import Build
from comma_data.pool import Engine
from comma_data.remarks import remarks
from comma_data.tables import prepared_text


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What would be written, without its samples."""

    text: str
    """For reading."""
    json: str
    """`counts`, `joined` and `split`, as in a manifest."""
    remarks: list[str]
    samples: int


def dry_run(build: Build, *, root: Path | None, engine: Engine, progress: Progress = silent) -> Outcome:
    """Prepare a build and write nothing.

    Args:
        build: What to build.
        root: Folder of the foreign data.
        engine: What parses and matches.
        progress: Is told how far it is.

    Raises:
        RefusedError: More was refused than the build allows.
        DataError: What `prepare` raises, and a `LeakError` where a group stands on two sides.
    """
    prepared: Prepared = prepare(build, root=root, engine=engine, progress=progress)
    counts, joined = prepared.curated.counts, prepared.joined
    check_refused(build, prepared.curated)
    split = split_of(build, joined.samples)
    told = {source: c.model_dump() for source, c in counts.items()}
    return Outcome(
        text=prepared_text(counts, joined.counts, split),
        json=json.dumps({"counts": told, "joined": dict(joined.counts), "split": split}),
        remarks=remarks(prepared.curated, joined.samples),
        samples=len(joined.samples),
    )
