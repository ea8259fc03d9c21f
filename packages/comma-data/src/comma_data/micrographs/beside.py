"""Files that lie beside images, boxes and masks, found by where they lie."""

import re
from dataclasses import dataclass, field
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
    files: dict[str, bytes] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the files that lie there, in lower case."""
        return tuple(sorted({place.ending for place in self._places()}))

    def holds(self, path: str) -> bool:
        """Whether a path is that of a box file or mask."""
        return any(place.holds(path) for place in self._places())

    def add(self, path: str, data: bytes) -> bool:
        """Keep a file; False where one of this path is kept already."""
        if path in self.files:
            return False
        self.files[path] = data
        return True

    def boxes_of(self, image: str) -> bytes | None:
        """Content of an image's box file, None where there is none."""
        return self._take(self.boxes, image)

    def mask_of(self, image: str) -> bytes | None:
        """Content of an image's mask, None where there is none."""
        return self._take(self.masks, image)

    def unused(self) -> list[str]:
        """Paths of files that belong to no image."""
        return [path for path in self.files if path not in self.used]

    def _places(self) -> list[Place]:
        return [place for place in (self.boxes, self.masks) if place is not None]

    def _take(self, place: Place | None, image: str) -> bytes | None:
        if place is None or (path := place.of(image)) not in self.files:
            return None
        self.used.add(path)
        return self.files[path]
