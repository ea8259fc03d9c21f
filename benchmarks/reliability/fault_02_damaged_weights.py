"""Fault 2: a bit that flipped in the weights of a model or of a checkpoint."""

import random
from collections.abc import Callable
from pathlib import Path

from comma_align.errors import AlignError
from comma_encoders.errors import EncoderError

from benchmarks.reliability.fault_01_code_in_models import _checkpoint, _model, _predictor
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 2, "align"
WHAT = "single bits flipped in weights and moments of models, predictors and checkpoints: refused"


def run(*, full: bool, folder: Path) -> Outcome:
    """Flip one bit at a time."""
    rng = random.Random(0)
    trials = 2000 if full else 60
    loads = {name: make(folder / name) for name, make in (("m", _model), ("p", _predictor), ("c", _checkpoint))}
    files = [(load, path) for name, load in loads.items() for path in sorted((folder / name).rglob("*.safetensors"))]
    owner = {path: folder / path.relative_to(folder).parts[0] for _, path in files}
    good = [_noticed(*files[i % len(files)], owner[files[i % len(files)][1]], rng) for i in range(trials)]
    return Outcome(
        tried=trials, survived=sum(good), lost=trials - sum(good), note=f"{len(files)} files, in turn"
    )  # fmt: skip


def _noticed(load: Callable[[Path], object], path: Path, whole: Path, rng: random.Random) -> bool:
    before = path.read_bytes()
    damaged = bytearray(before)
    place = rng.randrange(8 * len(damaged))
    damaged[place // 8] ^= 1 << place % 8
    path.write_bytes(bytes(damaged))
    try:
        load(whole)
    except (EncoderError, AlignError):
        return True
    else:
        return False
    finally:
        path.write_bytes(before)
