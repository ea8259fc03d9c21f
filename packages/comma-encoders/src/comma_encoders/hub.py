"""Trained models by name: from the package, a folder, or the Hugging Face hub; and to the hub.

From the hub come the manifest and the config of one commit, and then the files that this manifest lists, each verified
by its sha256; nothing else is fetched, and nothing is unpickled.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from comma_encoders import card, folder, locate
from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.model import AlignedModel

FIRST = ["config.json", "manifest.json"]
PLAIN = re.compile(r"[\w-][\w.-]*")
"""Names of files directly in a model's folder."""


def from_pretrained(  # noqa: PLR0913  the options of every model hub
    name: str | Path,
    *,
    revision: str | None = None,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    verify: bool = True,
) -> AlignedModel:
    """A trained model, verified and asked for its known answers.

    Args:
        name: `comma-small` or another model of the package; a folder; or `owner/name` on the hub.
        revision: commit, tag or branch on the hub; a commit is the only one that never changes.
        device: `cpu`, `cuda`, `mps`, or `auto` for a GPU where there is one.
        precision: in which it computes, `fp32` or `bf16`.
        cache_dir: where files of the hub are kept; None takes the hub's own folder.
        token: for private repositories; None takes the one of `hf auth login`.
        local_files_only: do not ask the hub, take what was fetched before.
        verify: False skips the known answers, not the hashes.

    Raises:
        UsageError: there is no such model.
        InputError: a damaged file, or vectors other than those it gave when it was saved.
        MissingDependencyError: the hub cannot be reached.
    """
    place = locate.local(name)
    if place is None:
        options = {"cache_dir": cache_dir, "token": token, "local_files_only": local_files_only}
        place = fetch(str(name), revision=revision, **options)
    elif revision is not None:
        raise UsageError(f"{name} is on this machine ({place}); a revision can only be asked of the hub")
    return folder.load(place, device=device, precision=precision, verify=verify)


def fetch(repository: str, *, revision: str | None = None, **options: Any) -> Path:
    """The folder of a model of the hub, fetched where it is not there yet.

    Raises:
        UsageError: no such repository or revision.
        InputError: the repository holds no model of comma-encoders.
        MissingDependencyError: the hub cannot be reached, and the files are not there from before.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415  half a second, only for models of the hub
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        first = Path(snapshot_download(repository, revision=revision, allow_patterns=FIRST, **options))
        names = listed(first, repository)
        # the folder is named by its commit: all files come from the one that the manifest came from
        return Path(snapshot_download(repository, revision=first.name, allow_patterns=names, **options))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        at = f" at revision {revision}" if revision else ""
        raise UsageError(
            f"the Hugging Face hub has no model {repository}{at} that you may read. Remedy: check the name, and for a "
            "private one run `hf auth login`"
        ) from error
    except HFValidationError as error:
        raise UsageError(f"{repository} is no name of a repository: {error}") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise MissingDependencyError(
            f"{repository} cannot be fetched from the Hugging Face hub ({type(error).__name__}: {reason}). Remedy: "
            "fetch its folder on a machine with network, copy it, and give its path"
        ) from error


def listed(place: Path, repository: str) -> list[str]:
    """The files that the manifest lists, and the manifest.

    Raises:
        InputError: it lists none, or a path outside the folder.
    """
    if not (place / "config.json").is_file() or not (place / "manifest.json").is_file():
        raise InputError(f"{repository} holds no model of comma-encoders: config.json or manifest.json is missing")
    names = folder.read_manifest(place).get("sha256")
    bad = [name for name in names if not PLAIN.fullmatch(name)] if isinstance(names, dict) else ["nothing"]
    if bad or not names:
        raise InputError(f"{repository}: manifest.json does not list the files of a model ({bad or 'none'})")
    return [*names, "manifest.json"]


def public(about: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest of a published model says: all but where the data lay on its maker's machine."""
    data = about.get("data")
    return {**about, "data": {k: v for k, v in data.items() if k != "path"}} if isinstance(data, Mapping) else {**about}


def save_pretrained(model: AlignedModel, place: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a model for others into a new folder, with its card as README.md.

    Raises:
        UsageError: there is something in the folder already.
    """
    folder.save(model, place, public(about or model.about))
    (place / "README.md").write_text(card.card(place), encoding="utf-8")


def republish(source: Path, place: Path, about: Mapping[str, Any]) -> None:
    """Copy a model for others into a new folder, byte for byte, with another manifest and the card of it.

    Args:
        source: the folder of a model.
        place: the new folder.
        about: what the manifest shall say; where the data lay on this machine is left out.

    Raises:
        UsageError: there is something in the folder already, or no model in the source.
        InputError: a file of the source is damaged, missing, or named as one of another folder.
    """
    listed(source, str(source))
    folder.copy(source, place, public(about))
    (place / "README.md").write_text(card.card(place), encoding="utf-8")


def push_to_hub(
    model: AlignedModel | str | Path, repository: str, *, about: Mapping[str, Any] | None = None, **options: Any
) -> str:
    """Upload a model and its card in one commit, into a repository that is made where it does not exist.

    Args:
        model: the model, or the folder of one; a README.md in the folder is uploaded as it is.
        repository: `owner/name`.
        about: as `folder.save`; only with a model.
        options: `private`, `token`, `branch`, `message`, as `upload` takes them.

    Returns:
        Address of the commit.

    Raises:
        UsageError: the repository's name has another form, or the hub does not let you write.
        MissingDependencyError: the hub cannot be reached.
    """
    if not isinstance(model, AlignedModel):
        return upload(Path(model), repository, **options)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made) / repository.rpartition("/")[2]
        save_pretrained(model, place, about)
        return upload(place, repository, **options)


def upload(  # noqa: PLR0913  the options of every upload
    place: Path,
    repository: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
    message: str = "Upload a model of comma-encoders",
) -> str:
    """Upload the files of a model's folder; see `push_to_hub`.

    Args:
        place: the folder.
        repository: `owner/name`.
        private: whether a new repository is private; None takes the owner's custom.
        token: None takes the one of `hf auth login`.
        branch: None takes `main`.
        message: of the commit.
    """
    from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415  half a second, only for the hub
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    if not locate.REPOSITORY.fullmatch(repository):
        raise UsageError(f"{repository!r} is no name of a repository; it has the form owner/name")
    api = HfApi(token=token)
    operations = [CommitOperationAdd(name, content) for name, content in contents(place).items()]
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.create_commit(repository, operations, commit_message=message, revision=branch).commit_url)
    except HfHubHTTPError as error:
        raise UsageError(f"the Hugging Face hub refused the upload to {repository}: {error}") from error
    except Exception as error:
        # the hub's client lets through whatever its HTTP library raises, and has changed that library twice
        raise MissingDependencyError(f"the upload to {repository} failed: {error}") from error


def contents(place: Path) -> dict[str, bytes]:
    """What of a model's folder is uploaded: the listed files, the manifest as others shall see it, and the card."""
    out = {name: (place / name).read_bytes() for name in listed(place, str(place)) if name != "manifest.json"}
    manifest = folder.dumped(public(folder.read_manifest(place)))
    readme = place / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else card.card(place)
    return {**out, "manifest.json": manifest.encode(), "README.md": text.encode()}
