"""Data set and model -> index: window by window, so that a build that was killed goes on where it was."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comma_data.shards import ShardSet
from comma_data.storage import check_folder, complete_file, ensure_folder, only_writer

import comma_explorer
from comma_explorer.search import finish, window
from comma_explorer.search.errors import RefusedValuesError, SearchError
from comma_explorer.search.manifest import FORMAT, MANIFEST, Data, Manifest, Model
from comma_explorer.search.models import folder_of, identity, of_run

WORK = "work"
"""Folder of the windows inside of an index that is being built."""
PLAN = "plan.json"
_OURS = re.compile(r"lock|(plan\.json|window-\d{6}\.npz)(\.\d+\.part)?")
"""Names in that folder, those of unfinished files among them."""
ENOUGH = 100
"""Values of which a share can be refused at all; a handful says nothing."""

Progress = Callable[[str, int], None]
"""Told what is being done, and how many are done."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is built: an unfinished index goes on only with an equal one."""

    model: Model
    data: Data
    versions: dict[str, str]

    def to_json(self) -> str:
        """The file's text."""
        parts = {"model": self.model.model_dump(mode="json"), "data": self.data.model_dump(mode="json")}
        return json.dumps({"format": FORMAT, "window": window.SIZE, **parts, "versions": self.versions}, indent=1)


def build(  # noqa: PLR0913 - the options of the command, by name
    data: str,
    out: Path,
    *,
    model: str,
    device: str = "cpu",
    max_refused: float = 0.05,
    progress: Progress = lambda _what, _done: None,
) -> Manifest:
    """Embed every value that the model has a modality for, and write the index; a finished equal one is left alone.

    Args:
        data: Folder or address of a data set.
        out: Folder of the index, new or begun by the same build.
        model: A run, a folder, the name of a model of the package, or owner/name on the hub.
        device: Where the model computes.
        max_refused: Share of a modality's distinct values that may be impossible to embed.
        progress: Is told how far it is.

    Raises:
        SearchError: Something else stands in the folder, or the data set has nothing that the model can embed.
        RefusedValuesError: More values were refused than allowed; the message has the first of them.
    """
    from comma_encoders.model import AlignedModel  # noqa: PLC0415 - torch

    check_folder(out)
    model = of_run(model)
    shards = ShardSet(data)
    loaded = AlignedModel.from_pretrained(model, device=device)
    plan = _plan(shards, model, loaded)
    if (there := _existing(out, plan)) is not None:
        return there
    work = out / WORK
    ensure_folder(work)
    with only_writer(work / "lock"):
        _begin(work / PLAN, plan)
        _embed(shards, loaded, work, progress)
        paths = [work / _name(number) for number in range(_windows(shards))]
        _check_refused(paths, max_refused)
        manifest = finish.finish(out, paths, plan.model, plan.data, plan.versions, progress)
    _remove(work)
    return manifest


def _plan(shards: ShardSet, name: str, loaded: Any) -> Plan:
    modalities = tuple(m for m in loaded.configs if shards.manifest.modalities.get(m))
    if not modalities:
        there, known = ", ".join(shards.manifest.modalities), ", ".join(loaded.configs)
        raise SearchError(f"{shards.path} has {there}, and the model {name} can only embed {known}")
    place = str(shards.path) if isinstance(shards.path, str) else str(shards.path.resolve())
    return Plan(
        model=Model(name=_stable(name), sha256=identity(folder_of(name)), dim=loaded.dim, modalities=modalities),
        data=Data(place=place, name=shards.manifest.name, data_hash=shards.manifest.data_hash, samples=len(shards)),
        versions={"comma-explorer": comma_explorer.__version__, **finish.versions()},
    )


def _stable(name: str) -> str:
    """A folder's full path, so that the index can be asked from another folder; other names as they are."""
    return str(Path(name).resolve()) if Path(name).is_dir() else name


def _existing(out: Path, plan: Plan) -> Manifest | None:
    """The index that stands there, if it is what would be built."""
    if not (out / MANIFEST).exists():
        begun = (out / WORK).is_dir() and all(_OURS.fullmatch(path.name) for path in (out / WORK).iterdir())
        strange = [] if begun else sorted(path.name for path in out.glob("*"))
        if strange:
            raise SearchError(f"{out} holds {strange[0]} of something else; give another --out")
        return None
    try:
        manifest = Manifest.read(out)
    except SearchError as error:
        raise SearchError(
            f"{out} holds no index that can be read ({error}); remove it or give another --out"
        ) from error
    if other := _differs(manifest, plan):
        raise SearchError(
            f"{out} holds another index (of {manifest.data.name} by {manifest.model.name}), which differs in "
            f"{' and '.join(other)}; remove it or give another --out"
        )
    _remove(out / WORK)
    return manifest


def _differs(there: Manifest, plan: Plan) -> list[str]:
    """In what an index is another than the one that would be built."""
    told = []
    if there.model.sha256 != plan.model.sha256:
        told.append(f"the model (sha256 {there.model.sha256[:12]}, now {plan.model.sha256[:12]})")
    if there.data.data_hash != plan.data.data_hash:
        told.append(f"the data set ({there.data.data_hash[:12]}, now {plan.data.data_hash[:12]})")
    for name in sorted({*there.versions, *plan.versions}):
        before, now = there.versions.get(name, "none"), plan.versions.get(name, "none")
        if before != now:
            told.append(f"the version of {name} ({before}, now {now})")
    return told


def _remove(work: Path) -> None:
    """Remove the folder of the windows, but not what a user has put there."""
    for path in work.glob("*"):
        if _OURS.fullmatch(path.name):
            path.unlink()
    with suppress(OSError):  # not there, or not empty
        work.rmdir()


def _begin(path: Path, plan: Plan) -> None:
    if path.exists():
        if path.read_text(encoding="utf-8") != plan.to_json():
            raise SearchError(
                f"{path.parent.parent} holds the beginning of another index; remove it or give another --out"
            )
        return
    with complete_file(path) as file:
        file.write(plan.to_json().encode())


def _embed(shards: ShardSet, loaded: Any, work: Path, progress: Progress) -> None:
    """Make the windows that are not there yet."""
    seen = {m: window.Seen() for m in loaded.configs if shards.manifest.modalities.get(m)}
    for number in range(_windows(shards)):
        path = work / _name(number)
        if path.exists():
            window.load(path).remember(seen)
        else:
            samples = list(_samples(shards, number, list(seen)))
            made = window.embedded(samples, loaded.encode_all, seen)
            window.save(made, path)
        progress("embedding, samples", min(len(shards), (number + 1) * window.SIZE))


def _samples(shards: ShardSet, number: int, modalities: list[str]) -> Iterator[Any]:
    first = number * window.SIZE
    for place in range(first, min(len(shards), first + window.SIZE)):
        yield shards.read(place, modalities=modalities)


def _windows(shards: ShardSet) -> int:
    return -(-len(shards) // window.SIZE)


def _name(number: int) -> str:
    return f"window-{number:06d}.npz"


def _check_refused(paths: list[Path], most: float) -> None:
    """Refuse to finish an index that lacks too much."""
    refused: dict[str, list[str]] = {}
    good: dict[str, int] = {}
    for path in paths:
        part = window.load(path)
        for modality, reasons in part.refused.items():
            refused.setdefault(modality, []).extend(reason for _, reason in reasons)
            good[modality] = good.get(modality, 0) + len(part.keys[modality])
    for modality, why in refused.items():
        every = len(why) + good[modality]
        if why and (not good[modality] or (every >= ENOUGH and len(why) > most * every)):
            raise RefusedValuesError(
                f"{len(why)} of {every} {modality} values cannot be embedded, the first because: {why[0]}. "
                "Allow it with --max-refused, or build the data set without them"
            )
