"""The files below a folder, linked folders too."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """All that is below a folder and no folder itself, in the order of the paths.

    Links are followed. Each folder is entered once, by its own path rather than by a link to it, and a link to a folder
    that this one lies in is passed over: links may lead in circles.
    """
    found: list[Path] = []
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        there = [path for start in waiting for path in _without_links(start, entered)]
        links = {path for path in there if path.is_dir()}
        found += [path for path in there if path not in links]
        waiting = sorted(link for link in links if not folder.resolve().is_relative_to(link.resolve()))
    return sorted(found)


def _without_links(start: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    """Files, and links to folders, below a folder; `entered` is told every folder that was looked into."""
    for place, below, names in os.walk(start):
        here = Path(place)
        status = here.stat()
        if (status.st_dev, status.st_ino) in entered:
            below.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        yield from (here / name for name in names)
        yield from (here / name for name in below if (here / name).is_symlink())
