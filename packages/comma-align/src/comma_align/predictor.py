"""Encoders and a head that tell one property: what the stage `supervised` trains.

On disk a predictor is a folder: `model/` as comma-encoders has it, `head.safetensors`, and `predictor.json` with the
head's sha256, written last. A sample may lack modalities; what it has is averaged before the head.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from comma_encoders import folder
from comma_encoders.batch import collate
from comma_encoders.model import AlignedModel
from comma_encoders.types import Batch, SampleLike
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from comma_align.errors import RunError

Kind = Literal["regression", "two-part", "classes"]
Error = Literal["absolute", "squared"]
HEAD = "head.safetensors"


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a head's outputs mean."""

    target: str
    kind: Kind
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    """Of the training values; with `two-part`, of those that are not zero."""
    deviation: float = 1.0
    error: Error = "absolute"
    """Which errors are made small."""

    @property
    def outputs(self) -> int:
        """Numbers that the head gives."""
        return {"regression": 1, "two-part": 2, "classes": len(self.classes)}[self.kind]


def meaning(target: str, kind: Kind, found: Sequence[float | str], error: Error = "absolute") -> Meaning:
    """The meaning that fits training values.

    Raises:
        RunError: names where numbers are expected, numbers below zero for `two-part`, or nothing to tell apart.
    """
    if kind == "classes":
        classes = tuple(sorted({str(value) for value in found}))
        if len(classes) < 2:
            raise RunError(
                f"supervised.target: {target!r} has the one class {', '.join(classes)}; nothing to tell apart"
            )
        return Meaning(target=target, kind=kind, classes=classes)
    names = [value for value in found if isinstance(value, str)]
    if names:
        raise RunError(f"supervised.target: {target!r} has names such as {names[0]!r}; give supervised.kind='classes'")
    values = np.array([float(value) for value in found])
    if kind == "two-part" and len(values) and values.min() < 0:
        raise RunError(
            f"supervised.target: {target!r} is as low as {values.min():g}; two-part is for what is never below zero, "
            "give supervised.kind='regression'"
        )
    values = values[values != 0] if kind == "two-part" else values
    if len(values) < 2:
        raise RunError(f"supervised.target: {target!r} has {len(values)} values to learn from")
    deviation = float(values.std()) or 1.0
    return Meaning(target=target, kind=kind, mean=float(values.mean()), deviation=deviation, error=error)


class Predictor(nn.Module):
    """Encoders of a model, a linear map of each into one space, the mean over what is there, and a head."""

    def __init__(self, model: AlignedModel, of: Meaning, width: int = 128, *, tune: bool = True) -> None:
        """Make a predictor with a new head.

        Args:
            model: the encoders.
            of: what is told.
            width: channels of the head.
            tune: whether the encoders learn with the head; if not, they stay as they are in training too.
        """
        super().__init__()
        self.model, self.meaning, self.width, self.tune = model, of, width, tune
        encoders = cast("Mapping[str, nn.Module]", model.encoders)
        self.into = nn.ModuleDict({name: nn.Linear(int(e.width), width) for name, e in encoders.items()})  # type: ignore[arg-type]  # every encoder has it
        self.head = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.out = nn.Linear(width, of.outputs)

    @property
    def on_top(self) -> list[nn.Parameter]:
        """Everything but the encoders."""
        return [p for module in (self.into, self.head, self.out) for p in module.parameters()]

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  torch's own signature
        """Switch what learns to training: encoders that do not have no dropout, and keep their running statistics."""
        super().train(mode)
        self.model.train(mode and self.tune)
        return self

    def forward(self, batch: Batch, samples: int) -> Float[Tensor, "samples outputs"]:
        """Outputs of each sample of a batch."""
        weight = next(self.out.parameters())
        summed, count = weight.new_zeros(samples, self.width), weight.new_zeros(samples, 1)
        for name, inputs in batch.inputs.items():
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.tune):
                seen = self.model.encoders[name](inputs)
            vectors = self.into[name](seen).to(summed.dtype)
            summed = summed.index_add(0, batch.rows[name], vectors)
            count = count.index_add(0, batch.rows[name], vectors.new_ones(len(vectors), 1))
        out: Tensor = self.out(self.head(summed / count.clamp(min=1)))
        return out

    def loss(self, outputs: Float[Tensor, "samples outputs"], truth: Float[Tensor, " samples"]) -> Float[Tensor, ""]:
        """What is minimised: the error, with `two-part` also the cross-entropy of zero or not; cross-entropy."""
        of = self.meaning
        if of.kind == "classes":
            return functional.cross_entropy(outputs, truth.long())
        off = outputs[:, 0] - (truth - of.mean) / of.deviation
        errors = off.abs() if of.error == "absolute" else off.square()
        if of.kind == "regression":
            return errors.mean()
        there = truth != 0
        whether = functional.binary_cross_entropy_with_logits(outputs[:, 1], there.to(outputs.dtype))
        return whether + (errors * there).sum() / len(truth)

    def values(self, outputs: Float[Tensor, "samples outputs"]) -> Float[Tensor, " samples"]:
        """What the outputs say: a number in the target's unit, or the place of a class."""
        of = self.meaning
        if of.kind == "classes":
            return outputs.argmax(dim=1).float()
        numbers = outputs[:, 0] * of.deviation + of.mean
        if of.kind == "regression":
            return numbers
        # a quantity that is often exactly zero, such as a band gap, is never below it
        there = outputs[:, 1].sigmoid() if of.error == "squared" else outputs[:, 1] > 0
        return there * numbers.clamp(min=0)

    @torch.inference_mode()
    def predict(self, samples: Sequence[SampleLike], batch_size: int = 64) -> NDArray[Any]:
        """A number, or the name of a class, for each sample, (samples,)."""
        self.eval()
        device = next(self.parameters()).device
        parts = []
        for start in range(0, len(samples), batch_size):
            some = samples[start : start + batch_size]
            parts.append(self.values(self(collate(some, self.model.configs).to(device), len(some))).cpu())
        found = torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)
        return np.array(self.meaning.classes)[found.astype(int)] if self.meaning.kind == "classes" else found


def save(predictor: Predictor, path: Path, about: Mapping[str, Any]) -> None:
    """Write a predictor into a new or empty folder."""
    folder.save(predictor.model, path / "model", about)
    weights = {
        k: t.detach().cpu().contiguous() for k, t in predictor.state_dict().items() if not k.startswith("model.")
    }
    save_file(weights, path / HEAD)
    content = {"meaning": asdict(predictor.meaning), "width": predictor.width, "sha256": folder.sha256(path / HEAD)}
    (path / "predictor.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(path: Path, device: str = "cpu") -> Predictor:
    """Read a predictor that `save` wrote.

    Raises:
        RunError: there is none, or its head is damaged.
        comma_encoders.errors.InputError: its encoders are damaged.
    """
    try:
        content = json.loads((path / "predictor.json").read_text(encoding="utf-8"))
        intact = content["sha256"] == folder.sha256(path / HEAD)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"there is no predictor in {path}: {error!r}") from error
    if not intact:
        raise RunError(f"{path / HEAD} is damaged: its sha256 differs; copy the folder again")
    said = {**content["meaning"], "classes": tuple(content["meaning"]["classes"])}
    predictor = Predictor(folder.load(path / "model", device=device), Meaning(**said), content["width"])
    predictor.load_state_dict(folder.read_weights(path / HEAD), strict=False)
    return predictor.to(device).eval()
