"""Fault 1: code in the files of a model, a predictor or a checkpoint."""

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_align import checkpoint, predictor
from comma_align.errors import AlignError
from comma_encoders import folder as model_folder
from comma_encoders.errors import EncoderError
from comma_encoders.model import AlignedModel

from benchmarks.reliability.outcome import Outcome

FAULT, PART = 1, "align"
WHAT = "pickles and code in place of the files of models, predictors and checkpoints: refused, nothing runs"


class _Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def run(*, full: bool, folder: Path) -> Outcome:
    """Put every payload in the place of every file, with hashes that agree."""
    canary = folder / "canary"
    makers = {"model": _model, "predictor": _predictor, "checkpoint": _checkpoint}
    good: list[bool] = []
    for name, make in makers.items():
        whole = folder / name
        load = make(whole)
        load(whole)
        files = sorted(p for p in whole.rglob("*") if p.is_file() and p.name not in {"manifest.json", "README.md"})
        for path in files:
            for payload in _payloads(canary):
                for ending in ("", ".pt") if full else ("",):
                    broken = (
                        folder / f"broken-{len(good)}"
                    )  # another one each time: what was read is remembered by path
                    shutil.copytree(whole, broken)
                    target = broken / path.relative_to(whole)
                    target.write_bytes(payload)
                    target.with_name(target.name + ending).write_bytes(payload)
                    _rehash(broken, path.name, payload)
                    good.append(_refused(load, broken) and not canary.exists())
                    shutil.rmtree(broken)
    return Outcome(
        tried=len(good), survived=sum(good), lost=len(good) - sum(good),
        note=f"{len(list(_payloads(canary)))} payloads, files executed: {int(canary.exists())}",
    )  # fmt: skip


def _payloads(canary: Path) -> Iterator[bytes]:
    bomb = _Bomb(canary)
    buffer = io.BytesIO()
    torch.save({"weight": bomb}, buffer)
    yield buffer.getvalue()
    for protocol in (0, 2, 4, 5):
        yield pickle.dumps(bomb, protocol=protocol)
    buffer = io.BytesIO()
    np.save(buffer, np.array([bomb], dtype=object), allow_pickle=True)
    yield buffer.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(bomb))
    yield buffer.getvalue()
    yield f"import os; os.system('touch {canary}')".encode()
    yield (2**63).to_bytes(8, "little") + b"{}"
    yield b""


def _refused(load: Callable[[Path], object], folder: Path) -> bool:
    try:
        load(folder)
    except (EncoderError, AlignError):
        return True
    return False


def _rehash(folder: Path, name: str, payload: bytes) -> None:
    """Make the hashes agree, as whoever sends the files would."""
    digest = hashlib.sha256(payload).hexdigest()
    for path in (*folder.rglob("manifest.json"), *folder.rglob("predictor.json"), *folder.rglob("state.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if path.name == "predictor.json" and name == "head.safetensors":
            content["sha256"] = digest
        elif isinstance(content.get("sha256"), dict) and name in content["sha256"]:
            content["sha256"][name] = digest
        path.write_text(json.dumps(content), encoding="utf-8")


def _model(folder: Path) -> Callable[[Path], object]:
    model_folder.save(AlignedModel.create("composition", "text", dim=8), folder)
    return model_folder.load


def _predictor(folder: Path) -> Callable[[Path], object]:
    meaning = predictor.Meaning(target="gap", kind="regression")
    predictor.save(predictor.Predictor(AlignedModel.create("composition", dim=8), meaning), folder, {})
    return predictor.load


def _checkpoint(folder: Path) -> Callable[[Path], object]:
    modules = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 3)})
    optimizer = torch.optim.AdamW(modules.parameters())
    modules["a"](torch.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = checkpoint.save(folder.parent / "saved", checkpoint.State(step=1, seconds=0.0), modules, optimizer)
    saved.rename(folder)
    return lambda path: checkpoint.load(path, modules, optimizer)
