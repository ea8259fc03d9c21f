"""Entries of which some modalities are known, and the vector that stands for what is left of each."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from comma_eval.errors import UsageError
from comma_eval.task import Embedder
from comma_eval.tasks.entries import digest, formula_of
from comma_eval.tasks.pool import chosen, protocols

There = Mapping[str, Bool[np.ndarray, " entries"]]
"""Modality -> whether each entry has it."""

Vectors = Mapping[str, Float[Tensor, "entries dim"]]
"""Modality -> a unit vector for each entry, zero where it has none."""


@runtime_checkable
class Imputer(Protocol):
    """An embedder that also guesses the vectors of an absent modality; `comma_encoders.AlignedModel` is one."""

    def impute(self, known: Mapping[str, Embedded], target: str) -> Any:
        """Unit vectors `z` and the `rows` that they belong to, of all rows that another modality is known of."""
        ...


def imputer_of(model: Embedder) -> Imputer | None:
    """The model, if it can impute: one that has the method but was not taught says so by `imputer = None`."""
    return model if isinstance(model, Imputer) and getattr(model, "imputer", model) is not None else None


def bare_entries(samples: Sequence[Sample], without: str) -> tuple[Sample, ...]:
    """The entries with one value of each modality but one, and no id, group or annotation that tells what they are.

    Of several values of a modality the one with the smallest hash is taken; of texts the one that stands for the
    formula (`pool.chosen`).
    """
    texts = {formula: chosen(known) for formula, known in protocols(samples, formula_of).items()}
    found = []
    for number, sample in enumerate(samples):
        fields = {m: (min(v, key=digest),) for m, v in sample.fields.items() if v and m not in (without, "text")}
        if "text" in sample.fields and without != "text":
            fields["text"] = (texts[formula_of(sample)],)
        found.append(Sample(id=f"entry-{number}", fields=fields, groups={}))
    return tuple(found)


def has(samples: Sequence[Sample], modalities: Sequence[str]) -> There:
    """Which entries have each of these modalities."""
    return {m: np.array([m in sample.fields for sample in samples], dtype=bool) for m in modalities}


def take_away(there: There, names: Sequence[str], fraction: float, seed: int) -> There:
    """What is left when every modality of every entry is taken away with this probability.

    Each (entry, modality) has a fixed number between 0 and 1 from a hash, and goes where that is below the fraction: so
    what goes at 30 % is gone at 60 %, too, whoever is asked. Where all would go, the one with the largest number stays.

    Raises:
        UsageError: a fraction below 0 or above 1.
    """
    if not 0 <= fraction <= 1:
        raise UsageError(f"a fraction of {fraction} cannot be taken away: give 0 to 1")
    modalities = list(there)
    present = np.stack([there[m] for m in modalities])
    draws = np.where(present, np.array([[uniform(str(seed), name, m) for name in names] for m in modalities]), -1.0)
    kept = draws >= fraction
    last = present & (draws == draws.max(axis=0)) & ~kept.any(axis=0)
    return dict(zip(modalities, kept & present | last, strict=True))


def vectors(model: Embedder, samples: Sequence[Sample]) -> Vectors:
    """What the model gives of every modality that it embeds."""
    with torch.no_grad():
        embedded = model.embed(samples)
    found = {}
    for modality, values in embedded.items():
        z = values.z.cpu()
        found[modality] = z.new_zeros(len(samples), z.shape[1]).index_copy(0, values.rows.cpu(), z)
    return found


def fused(z: Vectors, kept: There) -> Float[Tensor, "entries dim"]:
    """Mean direction of what is kept."""
    parts = [torch.from_numpy(kept[m])[:, None] * z[m] for m in kept]
    return normalize(torch.stack(parts).sum(dim=0), dim=1)


def imputed(imputer: Imputer, z: Vectors, kept: There, target: str) -> Float[Tensor, "entries dim"]:
    """The target's vectors from what is kept of the other modalities; zero where nothing is."""
    known = {
        m: Embedded(z=z[m][torch.from_numpy(kept[m])], rows=torch.from_numpy(np.flatnonzero(kept[m])))
        for m in kept
        if m != target and kept[m].any()
    }
    empty = torch.zeros_like(next(iter(z.values())))
    if not known:
        return empty
    guessed = imputer.impute(known, target)
    return empty.index_copy(0, guessed.rows.cpu(), guessed.z.cpu().to(empty.dtype))


def filled(imputer: Imputer, z: Vectors, kept: There) -> Vectors:
    """The vectors that are kept, and guesses of those that are not."""
    return {m: torch.where(torch.from_numpy(kept[m])[:, None], z[m], imputed(imputer, z, kept, m)) for m in kept}


def uniform(*names: str) -> float:
    """A number from 0 to 1, not included, that is fixed for ever."""
    return int.from_bytes(sha256("|".join(names).encode()).digest()[:6]) / 2**48
