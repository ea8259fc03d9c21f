"""Heads on fixed features, under one objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from comma_align.config import Objective
from comma_align.diagnostics import alignment, effective_rank
from comma_align.objective import Alignment
from comma_align.pairs import chosen
from comma_encoders.batch import group_code
from comma_encoders.head import SHARED, Head, shared
from comma_encoders.retrieval import hits_within, ranks, same_group, similarity
from comma_encoders.types import Embedded
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.losses_ablation.features import MODALITIES, Features

DIM, BATCH, STEPS, RATE = 64, 256, 200, 2e-3


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is trained."""

    objective: Objective = field(default_factory=Objective)
    shared_head: bool = False
    """One head for all modalities, behind a linear map of each."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a test fold says."""

    hits: Mapping[str, np.ndarray]
    """Direction -> 1 where the first answer was right, for each query; ties count as their share."""
    queries: Mapping[str, Sequence[str]]
    """Direction -> formulas of the queries."""
    chance: Mapping[str, float]
    mismatched: float
    """Mean cosine of mismatched structures and patterns."""
    matched: float
    rank: float
    """Effective rank of the structures' vectors."""
    distance: float
    """Mean squared distance of structures and their protocols."""


def train(of: Features, places: Mapping[str, Mapping[str, np.ndarray]], variant: Variant, seed: int) -> Trained:
    """Train heads on the training part and score them on the test part."""
    torch.manual_seed(seed)
    known, scale = places["train"], _scales(of, places["train"])
    widths, options = {m: of.x[m].shape[1] for m in MODALITIES}, variant.objective
    heads = nn.ModuleDict(shared(widths, DIM) if variant.shared_head else {m: Head(w, DIM) for m, w in widths.items()})
    objective = Alignment(chosen(options.pairs, MODALITIES), options)
    optimizer = torch.optim.AdamW([*heads.parameters(), *objective.parameters()], lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    groups = _groups(of)
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        batch = _drawn(of, known, rng)
        found = {m: Embedded(z=_z(heads, m, of.x[m][i], scale), rows=rows) for m, (i, rows) in batch.items()}
        materials = torch.from_numpy(batch_materials(of, batch))
        loss = objective(found, {name: codes[materials] for name, codes in groups.items()}).total
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(heads.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return _scored(of, places["test"], heads, scale)


def _scales(of: Features, known: Mapping[str, np.ndarray]) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and deviation of each feature over the training part."""
    return {m: (of.x[m][i].mean(dim=0), of.x[m][i].std(dim=0) + 1e-3) for m, i in known.items()}


def _z(heads: nn.ModuleDict, modality: str, x: Tensor, scale: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
    mean, deviation = scale[modality]
    h = heads[modality](((x - mean) / deviation).clamp(-5, 5))
    return functional.normalize(heads[SHARED](h) if SHARED in heads else h, dim=1)


def _groups(of: Features) -> dict[str, Tensor]:
    """Codes of every material."""
    formula = torch.tensor([group_code(f) for f in of.formulas])
    return {"formula": formula, "material": torch.arange(len(of.formulas))}


def _drawn(
    of: Features, known: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, tuple[np.ndarray, Tensor]]:
    """Some materials, one protocol of each: modality -> (places, samples of the batch)."""
    by_owner: dict[int, list[int]] = {}
    for i in known["text"]:
        by_owner.setdefault(int(of.owner["text"][i]), []).append(int(i))
    materials = rng.choice(sorted(by_owner), size=min(BATCH, len(by_owner)), replace=False)
    rows = torch.arange(len(materials))
    texts = np.array([by_owner[m][int(rng.integers(len(by_owner[m])))] for m in materials])
    return {"structure": (materials, rows), "text": (texts, rows), "xrd": (materials, rows)}


def batch_materials(of: Features, batch: Mapping[str, tuple[np.ndarray, Tensor]]) -> np.ndarray:
    """The material of each sample of the batch."""
    return of.owner["structure"].numpy()[batch["structure"][0]]


@torch.no_grad()
def _scored(
    of: Features, places: Mapping[str, np.ndarray], heads: nn.ModuleDict, scale: Mapping[str, tuple[Tensor, Tensor]]
) -> Trained:
    heads.eval()
    z = {m: _z(heads, m, of.x[m][i], scale) for m, i in places.items()}
    formulas = {m: [of.formulas[int(of.owner[m][i])] for i in where] for m, where in places.items()}
    materials = {m: [str(int(of.owner[m][i])) for i in where] for m, where in places.items()}
    hits, queries, chance = {}, {}, {}
    for a, b in (("structure", "text"), ("text", "structure"), ("structure", "xrd"), ("xrd", "structure")):
        names = materials if "text" not in (a, b) else formulas
        first = _first(names[b])
        relevant = same_group([group_code(n) for n in names[a]], [group_code(n) for n in first])
        where = ranks(similarity(z[a], z[b][list(first.values())]), relevant)
        hits[f"{a} -> {b}"] = hits_within(where, 1)
        queries[f"{a} -> {b}"], chance[f"{a} -> {b}"] = formulas[a], 1 / len(first)
    similar = z["structure"] @ z["xrd"].T
    same = torch.eye(len(similar), dtype=torch.bool)
    owner = {int(of.owner["structure"][i]): k for k, i in enumerate(places["structure"])}
    partner = [owner[int(of.owner["text"][i])] for i in places["text"]]
    return Trained(
        hits=hits,
        queries=queries,
        chance=chance,
        mismatched=float(similar[~same].mean()),
        matched=float(similar[same].mean()),
        rank=effective_rank(z["structure"]),
        distance=alignment(z["structure"][partner], z["text"]),
    )


def _first(names: Sequence[str]) -> dict[str, int]:
    """Name -> the first place that has it: a gallery holds every name once."""
    places: dict[str, int] = {}
    for i, name in enumerate(names):
        places.setdefault(name, i)
    return places
