"""What an interrupted command has finished: a file, and beside it a note of what it was made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comma_data.manifest import file_sha256
from comma_data.storage import complete_file


def kept(note: Path, path: Path, identity: str) -> dict[str, Any] | None:
    """What was noted of a file, where it was made from the same and no byte has changed since; else None.

    Args:
        note: where `keep` wrote.
        path: the file.
        identity: of what it is made from.
    """
    try:
        done = json.loads(note.read_bytes())
        if done["identity"] != identity or file_sha256(path) != done["sha256"]:
            return None
        return dict(done["told"])
    except (ValueError, TypeError, KeyError, OSError):  # damaged or not there
        return None


def keep(note: Path, sha256: str, identity: str, told: Mapping[str, Any]) -> None:
    """Note that a file is finished.

    Args:
        note: file to write.
        sha256: of the finished file.
        identity: of what it was made from.
        told: what else shall be known of it, as JSON can hold it.

    Raises:
        StorageError: The disk does not take the note.
    """
    lines = json.dumps({"identity": identity, "sha256": sha256, "told": told}, ensure_ascii=False).encode()
    with complete_file(note, needed=len(lines)) as file:
        file.write(lines)
