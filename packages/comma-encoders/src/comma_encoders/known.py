"""Known answers: values that are stored with a model, and the vectors that it gave them when it was saved.

A model that loads without complaint can still give other vectors: another version of a dependency, a broken driver, a
changed tokenizer. The answers tell at once. They are compared by cosine, which leaves room for rounding only.
"""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from comma_encoders.errors import InputError
from comma_encoders.modality import examples
from comma_encoders.model import AlignedModel
from comma_encoders.rawjson import from_json, to_json

COUNT = 2
"""Values of each modality."""
LEAST = {"fp32": 1 - 1e-4, "bf16": 1 - 1e-2}
"""Smallest cosine that passes, by the precision in which the model computes."""


def versions() -> dict[str, str]:
    """What vectors may depend on."""
    packages = {name: version(name) for name in ("comma-encoders", "numpy", "pymatgen", "torch")}
    return {**packages, "python": platform.python_version()}


def make(model: AlignedModel) -> dict[str, Any]:
    """Values of every modality and the model's vectors of them, as JSON.

    Raises:
        InputError: a vector that is not finite, or a modality whose values cannot be kept.
    """
    precision, model.precision = model.precision, "fp32"
    try:
        answers = {name: _answers(model, name) for name in model.configs}
    finally:
        model.precision = precision
    return {"versions": versions(), "answers": answers}


def _answers(model: AlignedModel, name: str) -> dict[str, Any]:
    values = list(examples(name, COUNT))
    try:
        vectors = model.encode(name, values, progress=False)
    except InputError as error:
        raise InputError(f"the model is not worth saving: {error}") from error
    return {"values": [to_json(value) for value in values], "vectors": vectors.tolist()}


def check(model: AlignedModel, known: Mapping[str, Any], origin: str) -> None:
    """Ask the model again.

    Args:
        model: on any device, in the precision in which it shall be used.
        known: what `make` gave.
        origin: where the model is from, for the message.

    Raises:
        InputError: a vector differs; the message names the modality, the cosine and the versions.
    """
    least = LEAST[model.precision]
    for name, answers in known["answers"].items():
        vectors = model.encode(name, from_json(answers["values"]), progress=False)
        cosine = _least_cosine(vectors, torch.tensor(answers["vectors"]))
        if not cosine >= least:
            before, now = known["versions"], versions()
            other = {p: f"{before[p]} -> {now.get(p)}" for p in before if before[p] != now.get(p)}
            differ = ", ".join(f"{p} {change}" for p, change in other.items()) or "none, so the device or its driver"
            raise InputError(
                f"{origin} gives other {name} vectors than when it was saved: cosine {cosine:.5f}, at least {least} is "
                f"allowed in {model.precision} on {model.device}. Versions that differ: {differ}. Remedy: install the "
                "versions that it was saved with, or load with verify=False and take the vectors for new ones"
            )


def _least_cosine(a: Tensor, b: Tensor) -> float:
    """Of the rows of a with those of b; NaN where shapes differ."""
    return float(functional.cosine_similarity(a, b).min()) if a.shape == b.shape else float("nan")
