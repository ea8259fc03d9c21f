"""Fault 22: weights that belong to another config."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from comma_align import train
from comma_align.errors import AlignError
from comma_encoders import folder as model_folder
from comma_encoders.errors import EncoderError
from comma_encoders.model import AlignedModel

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 22, "align"
WHAT = "runs that start from, or go on with, a model of another config: one paragraph with field, expected and found"
BASE: dict[str, Any] = {
    "structure": {"width": 16, "layers": 1},
    "text": {"width": 16, "heads": 2},
}
ENCODERS: tuple[tuple[str, str, Any], ...] = (
    ("structure", "width", 32), ("structure", "layers", 2), ("structure", "splines", 12),
    ("structure", "moments", (32, 16, 8)), ("structure", "readout", "mean"), ("structure", "region", 6.0),
    ("text", "width", 32), ("text", "token_layers", 1), ("text", "step_layers", 2), ("text", "max_tokens", 24),
    ("text", "max_steps", 16),
)  # fmt: skip
RUNS: tuple[tuple[str, Any], ...] = (
    ("dim", 16), ("epochs", 3), ("batch_size", 5), ("seed", 1), ("test_fold", 2),
    ("modalities", ("composition", "structure", "text")),
    ("augmentation", {}), ("text_views", ("masked",)), ("objective", {"kind": "clip"}),
)  # fmt: skip


def run(*, full: bool, folder: Path) -> Outcome:
    """Start from a model whose encoder differs in one setting; go on with a run that differs in one."""
    data = small_runs.made(folder / "data")
    saved = small_runs.config(data, encoders=BASE)
    model_folder.save(AlignedModel(saved.encoders, saved.dim), folder / "model")
    chosen = ENCODERS if full else ENCODERS[:3]
    good = [_started(data, folder, *of) for of in chosen]
    out = folder / "run"
    short = {"epochs": 1, "checkpoint_every": 1}
    train.train(small_runs.config(data, **short), data, out, quiet=True)
    for key, value in RUNS if full else RUNS[:3]:
        changes = {**short, key: value}
        wanted = small_runs.config(data, **changes)
        good.append(_said(lambda wanted=wanted: train.train(wanted, data, out, quiet=True), key))  # type: ignore[misc]
    return Outcome(tried=len(good), survived=sum(good), lost=len(good) - sum(good), note="each names the field")


def _started(data: Path, folder: Path, modality: str, key: str, value: Any) -> bool:
    encoders = {name: dict(of) for name, of in BASE.items()}
    encoders[modality][key] = value
    wanted = small_runs.config(data, encoders=encoders, start=str(folder / "model"))
    return _said(lambda: train.make_model(wanted), key)


def _said(work: Callable[[], object], key: str) -> bool:
    try:
        work()
    except (AlignError, EncoderError) as error:
        message = str(error)
        return key in message and "\n" not in message and len(message) < 600 and "size mismatch" not in message
    return False
