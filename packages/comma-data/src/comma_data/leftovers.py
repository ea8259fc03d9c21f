"""What an interrupted build left in a data set's folder, told from what a user may keep there."""

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from comma_data.manifest import INDEX, MANIFEST, REFUSALS
from comma_data.shard import JOURNAL
from comma_data.storage import PART

LOCK = "lock"
MATCHES = "matches.jsonl"
"""In the journal: comparisons of structures that an interrupted build has made."""
_SHARD = re.compile(r"shard-\d{5,}\.tar")
_PARTS = re.compile(
    rf"({_SHARD.pattern}|{'|'.join(map(re.escape, (INDEX, REFUSALS, MANIFEST)))})\.\d+{re.escape(PART)}"
)
_KEPT = re.compile(rf"({LOCK}|{re.escape(MATCHES)}|{_SHARD.pattern}\.json(\.\d+{re.escape(PART)})?)")


def interrupted(out: Path) -> bool:
    """Whether a build began to write here and did not finish."""
    folder = out / JOURNAL
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return any(_KEPT.fullmatch(name) for name in names - {MATCHES})


def remove_leftovers(out: Path, shards: Collection[str]) -> None:
    """Remove unfinished files, and shards that are no longer part of the set.

    Args:
        out: Folder of the data set.
        shards: Names of those that are.
    """
    for path in out.iterdir():
        if _PARTS.fullmatch(path.name) or (_SHARD.fullmatch(path.name) and path.name not in shards):
            path.unlink(missing_ok=True)


def remove_journal(out: Path) -> None:
    """Remove the journal of a finished build; its folder too, if nothing else lies in it."""
    folder = out / JOURNAL
    with suppress(OSError):  # costs nothing but the names
        for path in folder.iterdir():
            if _KEPT.fullmatch(path.name):
                path.unlink(missing_ok=True)
        folder.rmdir()
