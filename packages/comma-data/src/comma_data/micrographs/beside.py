"""Files that lie beside images, boxes and masks, found by where they lie."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import normpath

from comma_data.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the file that belongs to an image lies.

    `{folder}` stands for the image's folder, `{name}` for its name without ending: `boxes/{name}.txt`,
    `{folder}_annot/{name}.png`, `{folder}/{name}_mask.png`.
    """

    template: str

    def __post_init__(self) -> None:
        """Refuse a place that is the same for all images."""
        unknown = set(re.findall(r"{(.*?)}", self.template)) - {"folder", "name"}
        if unknown or "{name}" not in self.template:
            raise ConfigError(f"micrographs: the place {self.template!r} has to contain {{name}}, and may {{folder}}")

    def of(self, image: str) -> str:
        """Path of the file that belongs to an image."""
        path = PurePosixPath(image)
        return normpath(self.template.replace("{folder}", str(path.parent)).replace("{name}", path.stem))

    def holds(self, path: str) -> bool:
        """Whether a path is that of such a file."""
        return any(self._expression.fullmatch(spelling) for spelling in (path, f"./{path}"))

    @property
    def ending(self) -> str:
        """Of the files there, in lower case."""
        return PurePosixPath(self.template).suffix.lower()

    @property
    def _expression(self) -> re.Pattern[str]:
        escaped = re.escape(self.template)
        return re.compile(escaped.replace(r"\{folder\}", ".*").replace(r"\{name\}", "[^/]+"))


@dataclass(kw_only=True)
class Beside:
    """What lies beside the images, and what of it was used. Files are kept as they are stored, mostly compressed."""

    boxes: Place | None = None
    masks: Place | None = None
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """(archive or nothing, path inside) -> content."""
    used: set[tuple[str, str]] = field(default_factory=set)
    alone: frozenset[str] = frozenset()
    """Paths of images that no second image has, in another archive: what belongs to them may be packed apart."""

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the files that lie there, in lower case."""
        return tuple(sorted({place.ending for place in self._places()}))

    def holds(self, path: str) -> bool:
        """Whether a path is that of a box file or mask."""
        return any(place.holds(path) for place in self._places())

    def add(self, archive: str, path: str, data: bytes) -> bool:
        """Keep a file; False where one of this path is kept already, of the same archive."""
        if (archive, path) in self.files:
            return False
        self.files[archive, path] = data
        return True

    def boxes_of(self, archive: str, image: str) -> bytes | None:
        """Content of an image's box file, None where there is none."""
        return self._take(self.boxes, archive, image)

    def mask_of(self, archive: str, image: str) -> bytes | None:
        """Content of an image's mask, None where there is none."""
        return self._take(self.masks, archive, image)

    def unused(self) -> list[str]:
        """Paths of files that belong to no image."""
        return [path for archive, path in self.files if (archive, path) not in self.used]

    def _places(self) -> list[Place]:
        return [place for place in (self.boxes, self.masks) if place is not None]

    def _take(self, place: Place | None, archive: str, image: str) -> bytes | None:
        where = None if place is None else self._where(archive, place.of(image), image)
        if where is None:
            return None
        self.used.add(where)
        return self.files[where]

    def _where(self, archive: str, path: str, image: str) -> tuple[str, str] | None:
        """In the image's own archive; in another one where neither the image nor the file has a namesake."""
        if (archive, path) in self.files:
            return archive, path
        others = self._archives.get(path, [])
        return (others[0], path) if image in self.alone and len(others) == 1 else None

    @cached_property
    def _archives(self) -> dict[str, list[str]]:
        """Path -> archives that have a file of it. Asked for when all files are there."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for archive, path in self.files:
            found[path].append(archive)
        return found
