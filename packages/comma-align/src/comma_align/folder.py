"""What a run leaves: one folder.

config.toml     the complete config
manifest.json   data, split, groups seen, versions, commit, time, the checkpoint of another run that it began with
metrics.jsonl   one JSON object a line: training steps, and recall on the validation fold
checkpoints/    the last two of each stage
best/           of each stage that can end early, the best
model/          the trained model, for `comma_encoders.load`; of `align`, where `supervised` comes after
predictor/      after the stage `supervised`: encoders and head, for `comma_align.predictor.load`
result.png      a picture of the result
"""

import json
import math
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from comma_data.configfile import dump_toml, load
from comma_data.errors import StorageError
from comma_data.storage import PART, check_folder, complete_file, ensure_folder, only_writer
from comma_encoders.model import AlignedModel

from comma_align import __version__
from comma_align.config import Run
from comma_align.errors import RunError
from comma_align.source import Source
from comma_align.start import seen_by

CONFIG, MANIFEST, METRICS, PICTURE = "config.toml", "manifest.json", "metrics.jsonl", "result.png"
MODEL, PREDICTOR = "model", "predictor"
BEGAN = "began_with"
"""Key of the manifest."""
LOCK = ".lock"
"""Held by the process that trains here."""


def commit_hash() -> str | None:
    """The git commit of the working folder, None outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)  # noqa: S607  whichever git is there
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def about(run: Run, source: Source, data: Path) -> dict[str, Any]:
    """What the manifests of a run and of its model say: enough to refuse a leaking evaluation."""
    packages = ("comma-data", "comma-encoders", "numpy", "torch")
    return {
        "run": run.name,
        "data": {"path": str(data.resolve()), "name": source.manifest.name, "data_hash": source.manifest.data_hash},
        "split": {
            "by": source.manifest.split.get("by", "formula"),
            "salt": source.manifest.split_salt,
            "test_fold": source.split.test_fold,
            "validation_fold": source.split.validation_fold,
        },
        "groups_seen": seen(run, source),
        "samples": {"train": len(source.train), "validation": len(source.validation)},
        "texts_removed": {"doi": source.removed.doi, "paragraph": source.removed.paragraph},
        "versions": {
            "comma-align": __version__,
            "python": platform.python_version(),
            **{p: version(p) for p in packages},
        },
        "threads": torch.get_num_threads(),
        "commit": commit_hash(),
    }


def seen(run: Run, source: Source) -> list[str] | None:
    """Hashes of the groups that the model has seen, in this run and in the model that it starts from.

    None where that model does not say what it saw, so that nobody takes silence for innocence.

    Raises:
        RunError: there is no such model.
    """
    if not run.start:
        return source.groups_seen
    before = seen_by(Path(run.start))
    return None if before is None else sorted({*source.groups_seen, *before})


def parameters(model: AlignedModel) -> int:
    """Number of weights that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file that people can read; a kill leaves the old one or the new one."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, content: str) -> None:
    """Write a text file; a kill leaves the old one or the new one."""
    with complete_file(path) as file:
        file.write(content.encode())


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep other runs out of the folder, which is made where it is missing.

    Raises:
        RunError: one trains there already.
    """
    ensure_folder(out)
    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(out / LOCK))
        except StorageError as error:
            raise RunError(f"{out}: another process trains here; wait for it, or give another --out") from error
        yield


def open_run(out: Path, run: Run, resume: str, facts: Mapping[str, Any]) -> None:
    """Make the run's folder ready: new, or with an equal config and equal data the one to go on with.

    Args:
        out: the folder.
        run: the config.
        resume: `auto` goes on with a run of equal config; `never` moves an old run aside; else the checkpoint that a
            run begins with, or began with.
        facts: what `about` says; a new run's manifest until it is finished.

    Raises:
        RunError: there is a run of another config, on other data, or one that began otherwise; the message names the
            first difference.
    """
    begin = {} if resume in {"auto", "never"} else {BEGAN: str(Path(resume).resolve())}
    if (out / CONFIG).exists() and resume == "never":
        _move_aside(out)
    if _untouched(out):  # it failed before its first step: there is nothing that another config could spoil
        (out / CONFIG).unlink()
    if (out / CONFIG).exists():
        _same(load(Run, out / CONFIG), run, out)
        _same_data(out, facts)
        _same_beginning(out, begin)
        return
    check_free(out)
    out.mkdir(parents=True, exist_ok=True)
    for part in out.iterdir():
        if part.name != LOCK:
            part.unlink()  # what a kill left of these two
    write_json(out / MANIFEST, {**facts, **begin})
    # last: a folder with a config is a run
    write_text(out / CONFIG, dump_toml(run))


def check_free(out: Path) -> None:
    """Refuse a place where no run can be: no folder, or one without a config that holds more than a kill leaves there.

    Raises:
        RunError: it holds other things.
        StorageError: it is a file, or not ours to write to.
    """
    check_folder(out)
    ours = (LOCK, MANIFEST, *(f"{name}.*{PART}" for name in (MANIFEST, CONFIG)))
    if (out / CONFIG).exists() or not out.exists():
        return
    if not all(any(path.match(like) for like in ours) for path in out.iterdir()):
        raise RunError(f"{out} holds other things than a run; give another --out")


def _untouched(out: Path) -> bool:
    """Whether a run is there that has left no more than its config and manifest."""
    return (out / CONFIG).exists() and {path.name for path in out.iterdir()} <= {LOCK, CONFIG, MANIFEST}


def begun(out: Path) -> bool:
    """Whether steps of the run are done."""
    return any(out.glob("checkpoints/*/step-*"))


def beginning(out: Path) -> dict[str, str]:
    """The checkpoint of another run that a run began with, as its manifest has it; nothing for any other run."""
    there = _manifest(out)
    return {BEGAN: there[BEGAN]} if BEGAN in there else {}


def _manifest(out: Path) -> dict[str, Any]:
    there: dict[str, Any] = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    return there


def _same_beginning(out: Path, begin: Mapping[str, str]) -> None:
    """Go on where the command is the same; a checkpoint that would be passed over is refused."""
    if not begin or begin == beginning(out):
        return
    if begun(out):
        raise RunError(
            f"{out} holds a run that did not begin with {begin[BEGAN]}. Leave --resume out to go on with it, or give "
            "another --out to begin with that checkpoint"
        )
    write_json(out / MANIFEST, {**_manifest(out), **begin})


def _same_data(out: Path, facts: Mapping[str, Any]) -> None:
    there = _manifest(out)["data"]["data_hash"]
    if there != facts["data"]["data_hash"]:
        raise RunError(
            f"{out} holds a run on other data: the data set had hash {there[:16]}, now it has "
            f"{facts['data']['data_hash'][:16]}. Give another --out, or --resume never to start anew"
        )


def _move_aside(out: Path) -> None:
    """Give the run the first free name `RUN.1`, `RUN.2`, ...; the lock stays, as it is held for what comes next."""
    number = 1
    while (free := out.with_name(f"{out.name}.{number}")).exists():
        number += 1
    out.rename(free)
    out.mkdir()
    if (free / LOCK).exists():
        (free / LOCK).rename(out / LOCK)


def _same(there: Run, wanted: Run, out: Path) -> None:
    a, b = there.model_dump(), wanted.model_dump()
    for key in a:
        if a[key] != b[key]:
            raise RunError(
                f"{out} holds a run with another config: {key} is {a[key]!r} there, {b[key]!r} here. Give another "
                "--out, or --resume never to start anew (the old run is kept beside it)"
            )


def cut_metrics(out: Path, stage: str, step: int) -> None:
    """Drop metrics of a stage's steps after the checkpoint from which training goes on: they come again."""
    path = out / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if (of := _entry(line)) and (of["stage"] != stage or of["step"] <= step)]
    write_text(path, "".join(f"{line}\n" for line in kept))


def _entry(line: str) -> Mapping[str, Any] | None:
    """What a line of the metrics says; None for the half line that a kill can leave."""
    try:
        entry: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry


def log(out: Path, entry: Mapping[str, Any]) -> None:
    """Append one line to the metrics; a number that is not finite, which JSON does not know, becomes null.

    Raises:
        StorageError: the disk does not take it.
    """
    line = json.dumps(_told(entry), allow_nan=False) + "\n"
    try:
        with (out / METRICS).open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise StorageError(
            f"{out / METRICS}: cannot be written ({error.strerror}); {len(line)} bytes are needed. Free some space: "
            "the same command goes on from the last checkpoint"
        ) from error


def _told(value: Any) -> Any:
    """The value as JSON can have it."""
    if isinstance(value, Mapping):
        return {key: _told(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
