"""Which model it is: its folder, and a hash by which another one is told from it."""

import hashlib
import json
from pathlib import Path

from comma_encoders.folder import read_manifest
from comma_encoders.hub import fetch
from comma_encoders.locate import local

from comma_explorer.search.errors import SearchError


def of_run(name: str) -> str:
    """The model inside of a run's folder, where it is one; any other name as it is."""
    inside = Path(name) / "model"
    return str(inside) if (inside / "config.json").is_file() else name


def folder_of(name: str) -> Path:
    """The folder of a model of the package, of a folder's own path, or of the Hugging Face hub, fetched if need be.

    Raises:
        UsageError: There is no such model.
        MissingDependencyError: The hub cannot be reached.
    """
    return local(name) or fetch(name)


def identity(folder: Path) -> str:
    """Hexadecimal sha256 over the names and hashes of the model's files; whoever loads the model verifies those.

    Raises:
        SearchError: The folder holds no hashes.
    """
    hashes = read_manifest(folder).get("sha256")
    if not isinstance(hashes, dict) or not hashes:
        raise SearchError(f"{folder}/manifest.json does not hold the hashes of the model's files; save the model again")
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
