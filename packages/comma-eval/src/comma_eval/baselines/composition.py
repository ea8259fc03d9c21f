"""A small two-tower network that knows the composition but not the structure: the line between bookkeeping and science.

One tower reads element fractions, the other the formulas and words of the protocol; the symmetric contrastive loss of
CLIP (Radford et al. 2021, arXiv:2103.00020, fig. 3) takes every protocol of the same composition as a positive.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from comma_eval.baselines.features import composition_features, text_features
from comma_eval.errors import EmptyTaskError

Features = Callable[[Sample], Float[np.ndarray, " features"]]
Steps = tuple[str, ...]

WIDTH = 256
DIM = 128
STEPS = 600
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
INVERSE_TEMPERATURE = 20.0


@dataclass(frozen=True, kw_only=True)
class CompositionEmbedder:
    """Embeds a text by its words, and a structure by its composition alone."""

    composition: nn.Module
    text: nn.Module

    def embed(self, samples: Sequence[Sample]) -> Mapping[str, Embedded]:
        """Unit vectors of every text and every structure (or composition), at most one of each a sample."""
        towers = {"structure": (self.composition, composition_features), "text": (self.text, _text)}
        return {
            modality: _embedded(tower, features, rows, samples)
            for modality, (tower, features) in towers.items()
            if (rows := [row for row, sample in enumerate(samples) if modality in sample.fields])
        }


def fit(train: Sequence[Sample], *, steps: int = STEPS, seed: int = 0) -> CompositionEmbedder:
    """Train both towers on the protocols of `train`: about ten seconds on one core.

    Args:
        train: samples; those with a text and a structure or composition are learnt from, in the view they come in.
        steps: of the optimiser, on batches of 256 protocols.
        seed: of the weights and of the batches.

    Raises:
        EmptyTaskError: no sample has both.
    """
    compositions, texts, groups = _pairs(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        towers = nn.ModuleList([_tower(compositions.shape[1]), _tower(texts.shape[1])])
        _optimise(towers, compositions, texts, groups, steps)
    composition, text = towers.eval()
    return CompositionEmbedder(composition=composition, text=text)


def loss(
    a: Float[Tensor, "batch dim"], b: Float[Tensor, "batch dim"], same: Bool[Tensor, "batch batch"]
) -> Float[Tensor, ""]:
    """Symmetric cross-entropy towards all positives of a row in equal shares; a and b are unit vectors."""
    logits = INVERSE_TEMPERATURE * a @ b.T
    target = same / same.sum(dim=1, keepdim=True)
    forward, backward = log_softmax(logits, dim=1), log_softmax(logits.T, dim=1)
    return -(target * (forward + backward)).sum(dim=1).mean() / 2


def _optimise(towers: nn.ModuleList, a: Tensor, b: Tensor, groups: Tensor, steps: int) -> None:
    optimizer = torch.optim.AdamW(towers.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randperm(len(groups))[:BATCH]
        za, zb = normalize(towers[0](a[chosen]), dim=1), normalize(towers[1](b[chosen]), dim=1)
        optimizer.zero_grad()
        loss(za, zb, groups[chosen][:, None] == groups[chosen][None, :]).backward()
        optimizer.step()
        schedule.step()


def _tower(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU(), nn.Dropout(0.2), nn.Linear(WIDTH, DIM))


def _pairs(train: Sequence[Sample]) -> tuple[Tensor, Tensor, Tensor]:
    """Composition and text features of every protocol once for each formula, and the formulas as codes."""
    first: dict[tuple[str, Steps], Sample] = {}
    for sample in train:
        if {"structure", "composition"} & sample.fields.keys():
            for steps in sample.fields.get("text", ()):
                first.setdefault((sample.groups["formula"], steps), sample)
    if not first:
        raise EmptyTaskError("the composition model needs training samples with a text and a structure or composition")
    compositions = np.stack([composition_features(sample) for sample in first.values()])
    texts = np.stack([text_features(steps) for _, steps in first])
    codes = np.unique([formula for formula, _ in first], return_inverse=True)[1]
    return torch.from_numpy(compositions).float(), torch.from_numpy(texts).float(), torch.from_numpy(codes)


def _embedded(tower: nn.Module, features: Features, rows: Sequence[int], samples: Sequence[Sample]) -> Embedded:
    inputs = torch.from_numpy(np.stack([features(samples[row]) for row in rows])).float()
    with torch.no_grad():
        return Embedded(z=normalize(tower(inputs), dim=1), rows=torch.tensor(rows))


def _text(sample: Sample) -> Float[np.ndarray, " features"]:
    return text_features(sample.fields["text"][0])
