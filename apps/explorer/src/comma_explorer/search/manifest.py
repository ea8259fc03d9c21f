"""What an index says of itself: `manifest.json`, written last."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from comma_explorer.search.errors import DamagedIndexError, SearchError

FORMAT = 1
MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Part):
    """The model that made the vectors."""

    name: str
    """As it was given: a name of the package, a folder, or owner/name on the hub."""
    sha256: str
    """`models.identity` of its folder."""
    dim: int
    modalities: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called on a page that others may see: a folder without what it lies in."""
        path = Path(self.name)
        if not path.is_absolute():
            return self.name
        return path.parent.name if path.name == "model" else path.name


class Data(_Part):
    """The data set whose values were embedded."""

    place: str
    """Folder or address, as the build found it; needed to show a structure, an image or a pattern, not to search."""
    name: str
    data_hash: str
    samples: int


class Approximate(_Part):
    """The inverted lists of a large modality."""

    lists: int
    probes: int
    """Lists that are looked through for a query."""
    candidates: int
    """Of the best by their codes, how many are scored exactly for ten hits."""
    recall: Mapping[str, float]
    """Modality of held-back queries -> share of their ten nearest values that was found with these probes."""


class Modality(_Part):
    """What the index holds of one modality."""

    values: int
    """Distinct values, each with one vector."""
    found: int
    """Places where they stand: a value that several entries share counts for each."""
    refused: int
    """Values that the model could not embed."""
    prefix: int | None = None
    """Directions that the quantised scan reads, where there is one."""
    approximate: Approximate | None = None


class File(_Part):
    """One file of the index."""

    bytes: int
    sha256: str


class Manifest(_Part):
    """Everything about an index but its vectors and tables."""

    format: int
    versions: Mapping[str, str]
    """Distribution -> version that wrote it."""
    model: Model
    data: Data
    entries: int
    """Samples of which at least one value is in the index."""
    modalities: Mapping[str, Modality]
    files: Mapping[str, File]
    checksum: str = ""
    """sha256 of this manifest without this line."""

    def sealed(self) -> "Manifest":
        """The same manifest with its checksum."""
        return self.model_copy(update={"checksum": self._checksum()})

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    def _checksum(self) -> str:
        document = self.model_dump(mode="json", exclude={"checksum"})
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a finished index.

        Raises:
            SearchError: There is no index, or one of another format.
            DamagedIndexError: The manifest was changed or cannot be read.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise SearchError(_missing(folder))
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(document, dict) and document.get("format", FORMAT) != FORMAT:
                raise SearchError(
                    f"{folder} has format {document['format']}, this comma-explorer reads {FORMAT}; build it again"
                )
            manifest = cls.model_validate(document)
        except (ValidationError, ValueError, OSError) as error:
            raise DamagedIndexError(f"{path} cannot be read; build the index again") from error
        if manifest.checksum != manifest._checksum():  # noqa: SLF001 - of the same class
            raise DamagedIndexError(f"{path} was changed after it was written; build the index again")
        return manifest


def _missing(folder: Path) -> str:
    if (folder / "shard-00000.tar").exists():
        return f"{folder} is a data set, no index; make one of it: comma search build {folder}"
    if folder.is_dir() and any(folder.iterdir()):
        return f"there is no finished index in {folder}; the command that began it goes on: comma search build DATA"
    return (
        f"there is no index in {folder}. Make one of a data set with `comma search build DATA --out {folder}`; of the "
        "embedded examples:\n  comma data build textbook --out data/textbook\n"
        f"  comma search build data/textbook --out {folder}"
    )
