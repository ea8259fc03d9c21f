"""What a data set says of itself: `manifest.json`, and one row per sample in `samples.jsonl`."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from comma_data.codec import SCHEMA
from comma_data.errors import MissingFileError, ShardError
from comma_data.reader import Reader, reader

MANIFEST = "manifest.json"
INDEX = "samples.jsonl"
REFUSALS = "refusals.jsonl"


class Counts(BaseModel):
    """Accounting of one source: read = accepted + refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int
    accepted: int
    refused: Mapping[str, int]
    """Code -> number of records."""

    def model_post_init(self, _: object) -> None:
        """Hold the identity."""
        if self.read != self.accepted + sum(self.refused.values()):
            raise ValueError(f"read {self.read} is not accepted {self.accepted} + refused {dict(self.refused)}")

    @property
    def refused_share(self) -> float:
        """Refused of read, 0 where nothing was read."""
        return sum(self.refused.values()) / self.read if self.read else 0.0


class ShardFile(BaseModel):
    """One tar file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^shard-\d{5,}\.tar$")
    samples: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """Everything about a data set but its samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    schema_version: int
    package_version: str
    split_salt: str
    split: Mapping[str, Any] = {}
    """What the folds are made of: `by`, and for each of the five splits its parts and what was compared."""
    build: Mapping[str, Any]
    """The configuration, complete."""
    inputs: Mapping[str, str]
    """File that was read, relative to the root -> its sha256."""
    counts: Mapping[str, Counts]
    """Source -> accounting."""
    joined: Mapping[str, int]
    """What met what, and how ambiguous that is."""
    simulated: Mapping[str, int] = {}
    """Values that were simulated by modality, and by code what could not be."""
    samples: int
    modalities: Mapping[str, int]
    """Modality -> number of samples that have it."""
    shards: tuple[ShardFile, ...]
    index_sha256: str
    """sha256 of `samples.jsonl`."""
    refusals_sha256: str = ""
    """sha256 of `refusals.jsonl`: source, key, code and message of every record that was left out."""
    data_hash: str
    """sha256 over the names and hashes of the shards and the index: equal hash, equal samples in equal order."""
    checksum: str = ""
    """sha256 of this manifest without this line."""

    def sealed(self) -> Self:
        """The same manifest with its checksum."""
        return self.model_copy(update={"checksum": self._checksum()})

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    def _checksum(self) -> str:
        document = self.model_dump(mode="json", exclude={"checksum"}, exclude_unset=True)  # older ones have fewer keys
        return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    @classmethod
    def read(cls, place: Path | str) -> Self:
        """The manifest of a data set in a folder or at an address.

        Raises:
            ShardError: There is none, or it is damaged.
            StorageError: It cannot be read.
        """
        return cls.parse(reader(place), str(place))

    @classmethod
    def parse(cls, files: Reader, place: str) -> Self:
        """The manifest among these files; `place` stands in messages.

        Raises:
            ShardError: There is none, or it is damaged.
            StorageError: It cannot be read.
        """
        try:
            data = files.read(MANIFEST)
            _check_version(data, place)
            manifest = cls.model_validate_json(data)
        except MissingFileError as error:
            message = f"{place}: no {MANIFEST}: not a data set, or its build was interrupted; build it again"
            raise ShardError(message) from error
        except ValidationError as error:
            message = f"{place}/{MANIFEST} cannot be read ({_first(error)}); build the data set again"
            raise ShardError(message) from error
        if manifest.checksum != manifest._checksum():  # noqa: SLF001 - of the same class
            raise ShardError(f"{place}/{MANIFEST} was changed after it was written; build the data set again")
        return manifest


def _check_version(data: bytes, place: str) -> None:
    try:
        version = json.loads(data)["schema_version"]
    except (ValueError, KeyError, TypeError):
        return  # the model says what is wrong
    if isinstance(version, int) and version > SCHEMA:
        raise ShardError(f"{place}: schema {version} of a newer comma-data, this one reads 1 to {SCHEMA}; update it")


def data_hash(shards: tuple[ShardFile, ...], index_sha256: str) -> str:
    """What `Manifest.data_hash` holds."""
    lines = [f"{shard.name}:{shard.sha256}" for shard in shards] + [f"{INDEX}:{index_sha256}"]
    return sha256("\n".join(lines).encode())


def sha256(data: bytes) -> str:
    """Hexadecimal sha256."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"])
