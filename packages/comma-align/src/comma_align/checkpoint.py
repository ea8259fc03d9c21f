"""Checkpoints that a kill at any moment leaves whole: written beside, hashed, synced, renamed; the last two are kept.

weights.safetensors    model and objective
optimizer.safetensors  moments of AdamW
state.json             step and what else is no tensor, and sha256 of the two files

A stage keeps its own, under `checkpoints/STAGE`; and under `best/STAGE` its best, where it can end early.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from comma_data.errors import StorageError
from comma_data.storage import ensure_room
from comma_encoders.folder import fit, read_weights, sha256
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from comma_align.errors import RunError

KEPT = 2
WEIGHTS, MOMENTS, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
LEARNING = "learning"
"""Key of the names of the weights that the optimizer changes; older checkpoints do not have it."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where training stands. All that is random follows from the seed and the step."""

    step: int
    """Steps done."""
    seconds: float
    """Training time so far."""
    best: float | None = None
    """Best score on the validation fold, where a stage can end early."""
    tie: float = 0.0
    """What decides between it and another one that is as good as can be."""
    stale: int = 0
    """Validations since then."""
    loss_scale: float = 0.0
    """What losses are multiplied with in half precision; 0 otherwise."""
    good: int = 0
    """Good steps since that was too large."""


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: Mapping[int, Mapping[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value.detach().cpu().contiguous() for i, of in state.items() for key, value in of.items()}


def _put_moments(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in moments.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _learning(modules: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Names of the weights that an optimizer changes, in its order, in which it numbers their moments."""
    names = {id(parameter): name for name, parameter in modules.named_parameters()}
    return [names[id(p)] for group in optimizer.param_groups for p in group["params"]]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def commit(staged: Path, final: Path) -> None:
    """Give a finished folder its name: its files and the renaming are on the disk before this returns."""
    for path in (*staged.rglob("*"), staged):
        _sync(path)
    staged.rename(final)
    _sync(final.parent)


def _clear(final: Path) -> Path:
    """Remove what was begun of a folder, and tell where that is."""
    staged = final.with_name(f".tmp-{final.name}")
    shutil.rmtree(staged, ignore_errors=True)
    return staged


def staging(final: Path) -> Path:
    """An empty folder beside the final one; what a killed process left there is removed."""
    staged = _clear(final)
    staged.mkdir(parents=True)
    return staged


def size(tensors: Iterable[Tensor]) -> int:
    """Bytes that they take on the disk."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextmanager
def whole(final: Path, needed: int) -> Iterator[Path]:
    """A folder to write into. It takes its name when the block ends well, and is removed when the disk is full.

    Args:
        final: the folder, by the name that it takes.
        needed: bytes that it will have, about.

    Raises:
        StorageError: the disk is full or does not take it; what was there before stays.
    """
    try:
        staged = staging(final)
        ensure_room(final, needed)
        yield staged
        commit(staged, final)
    except StorageError:
        _clear(final)
        raise
    except (OSError, SafetensorError) as error:
        _clear(final)
        raise StorageError(
            f"{final}: cannot be written ({error}); {needed:,} bytes are needed. Free some space: the same command "
            "goes on from the checkpoint before"
        ) from error


def checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints in a folder, oldest first."""
    return sorted(folder.glob("step-*"))


def step_of(path: Path) -> int:
    """Steps that were done when a checkpoint was written."""
    return int(path.name.removeprefix("step-"))


def save(folder: Path, state: State, modules: nn.Module, optimizer: torch.optim.Optimizer) -> Path:
    """Write a checkpoint into a folder, then delete all but the last two.

    Raises:
        StorageError: the disk does not take it; the checkpoints before stay.
    """
    final = _write(folder, state, modules, optimizer)
    keep_last(folder, KEPT)
    return final


def keep_last(folder: Path, count: int) -> None:
    """Delete all but the last checkpoints of a folder."""
    for old in checkpoints(folder)[:-count]:
        shutil.rmtree(old)


def save_best(folder: Path, state: State, modules: nn.Module, optimizer: torch.optim.Optimizer, *, since: int) -> Path:
    """Write the best so far, and delete what it beats.

    What was the best at step `since`, that of the last checkpoint, stays: from there a run goes on after a kill.

    Raises:
        StorageError: the disk does not take it; the ones before stay.
    """
    final = _write(folder, state, modules, optimizer)
    beaten = [path for path in checkpoints(folder) if path != final]
    safe = [path for path in beaten if step_of(path) <= since][-1:]
    for old in beaten:
        if old not in safe:
            shutil.rmtree(old)
    return final


def forget(folder: Path, after: int) -> None:
    """Remove the checkpoints of later steps than `after`: a run that goes on from there comes to its own."""
    for path in checkpoints(folder):
        if step_of(path) > after:
            shutil.rmtree(path)


def _write(folder: Path, state: State, modules: nn.Module, optimizer: torch.optim.Optimizer) -> Path:
    final = folder / f"step-{state.step:08d}"
    if final.exists():
        return final
    weights, moments = modules.state_dict(), _moments(optimizer)
    with whole(final, size([*weights.values(), *moments.values()])) as staged:
        save_file({k: t.detach().cpu().contiguous() for k, t in weights.items()}, staged / WEIGHTS)
        save_file(moments, staged / MOMENTS)
        hashes = {name: sha256(staged / name) for name in (WEIGHTS, MOMENTS)}
        told = {**asdict(state), LEARNING: _learning(modules, optimizer), "sha256": hashes}
        (staged / STATE).write_text(json.dumps(told))
    return final


def _read(folder: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        damaged = [name for name in (WEIGHTS, MOMENTS) if sha256(folder / name) != content["sha256"][name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder} is no whole checkpoint: {error!r}") from error
    if damaged:
        raise RunError(f"{folder / damaged[0]} is damaged: its sha256 differs; remove the folder to use an older one")
    return content


def load(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """Put a checkpoint into the modules and the optimizer.

    Raises:
        RunError: it is damaged, or no checkpoint, or other weights learn here.
        comma_encoders.errors.InputError: its weights are those of another config.
    """
    content = _read(folder)
    there, here = content.get(LEARNING), _learning(modules, optimizer)
    if there is not None and there != here:
        odd = next(iter(sorted({*there} ^ {*here})), "their order")
        raise RunError(
            f"{folder}: {len(there)} tensors were learning in that run, and {len(here)} do here ({odd} and others), so "
            "that the optimizer cannot go on. Remedy: the settings of that run, such as supervised.tune; or its model "
            "as `start` instead of --resume"
        )
    fit(modules, read_weights(folder / WEIGHTS), str(folder))
    _put_moments(optimizer, read_weights(folder / MOMENTS))
    known = {field.name for field in fields(State)}
    return State(**{key: value for key, value in content.items() if key in known})


def newest(folder: Path, modules: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """The newest checkpoint of a folder put into modules and optimizer, or the state before the first step."""
    saved = checkpoints(folder)
    return load(saved[-1], modules, optimizer) if saved else State(step=0, seconds=0.0)
