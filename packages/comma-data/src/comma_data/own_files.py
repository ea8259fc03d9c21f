"""What builds have written, which no build reads as foreign data where it lies below its root."""

from pathlib import Path

from comma_data.manifest import INDEX, MANIFEST, REFUSALS
from comma_data.shard import JOURNAL

REFUSED = ".refused.jsonl"
"""Behind the name of a data set's folder: the list of refusals beside it, of a build that stopped."""
PAGE = ".html"
"""Behind the name of a data set's folder: the page about it, beside it."""


def is_own(file: Path) -> bool:
    """Whether a file belongs to a data set, finished or not, or lies beside one as its page or list of refusals.

    What else lies in the folder of a data set is not of it, so that a folder of foreign files can be built into itself.
    """
    name = file.name
    if name.endswith(REFUSED):
        return True
    if name.endswith(PAGE):
        return _is_data_set(file.parent / name.removesuffix(PAGE))
    if file.match(f"{JOURNAL}/shard-*.tar.json"):
        return True
    return (name in {MANIFEST, INDEX, REFUSALS} or file.match("shard-*.tar")) and _is_data_set(file.parent)


def _is_data_set(folder: Path) -> bool:
    return (folder / INDEX).is_file() or (folder / JOURNAL).is_dir()
