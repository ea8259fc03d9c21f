"""What is minimised: a weighted mean over the pairs of modalities that a batch holds.

`OBJECTIVES` is the family. A new member is one function of two sides (`losses`) and one line of the table.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from comma_encoders.types import Embedded
from jaxtyping import Float, Int
from torch import Tensor, nn

from comma_align import losses
from comma_align.config import Objective
from comma_align.errors import EmptyError
from comma_align.pairs import Pair, every, label, relation
from comma_align.sides import Sides, equal_codes

MAX_SCALE = 100.0
"""Bound of the inverse temperature, as in CLIP (Radford et al. 2021, arXiv:2103.00020, section 2.5)."""
SAMPLE = "sample"
"""Key of the codes of the samples themselves among those of their groups."""
FIRST_BIAS = -10.0
"""Where the bias of `sigmoid` starts (Zhai et al. 2023, section 3.2)."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The number to minimise, and its terms by pair."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What a term may be steered by."""

    scale: Float[Tensor, ""]
    """The inverse temperature."""
    bias: Float[Tensor, ""]
    margin: float
    chunk: int


Term = Callable[[Sides, Knobs], Tensor]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An objective: what it makes of a pair of the graph, and of the pairs that the graph leaves out."""

    term: Term
    rest: Term | None = None
    own: bool = False
    """Whether only values of the same sample are positive, as CLIP has it; otherwise those of the same group."""


def _infonce(of: Sides, knobs: Knobs) -> Tensor:
    return losses.infonce(of, knobs.scale, chunk=knobs.chunk)


def _one_way(of: Sides, knobs: Knobs) -> Tensor:
    return losses.one_way(of, knobs.scale, chunk=knobs.chunk)


OBJECTIVES: Mapping[str, Kind] = MappingProxyType(
    {
        "infonce": Kind(term=_infonce),
        "clip": Kind(term=_infonce, own=True),
        "sigmoid": Kind(term=lambda of, knobs: losses.sigmoid(of, knobs.scale, knobs.bias, chunk=knobs.chunk)),
        "max_margin": Kind(term=lambda of, knobs: losses.max_margin(of, knobs.margin, chunk=knobs.chunk)),
        "no_negatives": Kind(term=lambda of, _: losses.no_negatives(of)),
        "cmc": Kind(term=_one_way, rest=lambda of, knobs: losses.repulsion(of, chunk=knobs.chunk)),
        "cmc_literal": Kind(term=_one_way, rest=lambda of, knobs: losses.literal(of, chunk=knobs.chunk)),
    }
)
"""Name in a config -> what it does."""


class Alignment(nn.Module):
    """The objective of a run: its terms over the chosen pairs that a batch holds."""

    def __init__(self, pairs: Sequence[Pair], options: Objective | None = None) -> None:
        """Make the objective.

        Args:
            pairs: the graph: pairs of modality names.
            options: kind, temperature and the rest; the default is symmetric InfoNCE.
        """
        super().__init__()
        self.options = options or Objective()
        self.kind = OBJECTIVES[self.options.kind]
        self.pairs = tuple(pairs)
        inside = {label(pair) for pair in self.pairs}
        modalities = sorted({name for pair in self.pairs for name in pair})
        self.rest = tuple(p for p in every(modalities) if label(p) not in inside) if self.kind.rest else ()
        learnt = self.options.learn_temperature
        self.log_scale = nn.Parameter(torch.tensor(-math.log(self.options.temperature)), requires_grad=learnt)
        self.bias = nn.Parameter(torch.tensor(FIRST_BIAS), requires_grad=self.options.kind == "sigmoid")

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The inverse temperature, at most 100; the gradient goes through the bound, so that it leads back from it."""
        wanted = self.log_scale.exp()
        return wanted - (wanted.detach() - MAX_SCALE).clamp(min=0)

    @torch.no_grad()
    def bound(self) -> None:
        """Put a temperature that a step took beyond the bound back to it, or it would rise again too late."""
        self.log_scale.clamp_(max=math.log(MAX_SCALE))

    def forward(
        self,
        embedded: Mapping[str, Embedded],
        groups: Mapping[str, Int[Tensor, " samples"]],
        reliability: Mapping[str, Float[Tensor, "_"]] | None = None,
    ) -> Loss:
        """The loss of one batch.

        Args:
            embedded: unit vectors by modality.
            groups: codes of the samples' groups, and of the samples themselves under `SAMPLE`, where a batch can hold
                several visits of one.
            reliability: modality -> how much each of its vectors counts in a positive pair; 1 where it is not given.

        Raises:
            EmptyError: no chosen pair has a positive in the batch.
        """
        knobs = Knobs(
            scale=self.scale, bias=self.bias, margin=self.options.margin, chunk=self.options.chunk
        )  # fmt: skip
        terms: dict[str, Tensor] = {}
        for pair, term in self._asked(embedded):
            whole = self._sides(pair, embedded, groups, reliability or {})
            parts = list(_within(whole, _rows(pair, embedded), self.options.negatives, alone=pair in self.rest))
            if parts:
                terms[label(pair)] = torch.stack([term(part, knobs) for part in parts]).mean()
        if not any(label(pair) in terms for pair in self.pairs):
            raise EmptyError(f"no sample of the batch has both sides of {', '.join(map(label, self.pairs))}")
        weights = torch.tensor([self.options.pair_weights.get(name, 1.0) for name in terms])
        total = torch.stack(list(terms.values()))
        return Loss(total=(weights.to(total) * total).sum() / weights.sum(), terms=terms)

    def _asked(self, embedded: Mapping[str, Embedded]) -> Iterator[tuple[Pair, Term]]:
        """The pairs that are there, each with its term."""
        rest = self.kind.rest
        asked = [(p, self.kind.term) for p in self.pairs] + [(p, rest) for p in self.rest if rest is not None]
        return ((pair, term) for pair, term in asked if pair[0] in embedded and pair[1] in embedded)

    def _sides(
        self,
        pair: Pair,
        embedded: Mapping[str, Embedded],
        groups: Mapping[str, Tensor],
        reliability: Mapping[str, Tensor],
    ) -> Sides:
        (za, zb), (a, b) = (embedded[name].z for name in pair), _rows(pair, embedded)
        codes = _identity(groups) if self.kind.own else groups[relation(pair)]
        weights = (reliability.get(n, z.new_ones(len(z))).to(z) for n, z in zip(pair, (za, zb), strict=True))
        return Sides(
            za=za,
            zb=zb,
            a=codes[a],
            b=codes[b],
            **dict(zip(("weight_a", "weight_b"), weights, strict=True)),
        )


def _identity(groups: Mapping[str, Tensor]) -> Int[Tensor, " samples"]:
    """Equal codes for visits of the same sample; each row is one of its own where nothing is said."""
    if SAMPLE in groups:
        return groups[SAMPLE]
    some = next(iter(groups.values()))
    return torch.arange(len(some), device=some.device)


def _rows(pair: Pair, embedded: Mapping[str, Embedded]) -> tuple[Tensor, Tensor]:
    return embedded[pair[0]].rows, embedded[pair[1]].rows


def _within(whole: Sides, rows: tuple[Tensor, Tensor], negatives: int, *, alone: bool) -> Iterator[Sides]:
    """The sides cut into blocks of samples, so that a value meets that many others and no more; all of them for 0.

    The order of a batch is random, so a block is a random draw. Blocks without a positive pair are left out; where the
    term also has something to say of mismatched pairs `alone`, only those without a pair.
    """
    last = int(max((side.max() for side in rows if len(side)), default=-1))
    size = negatives + 1 if negatives else last + 1
    for start in range(0, last + 1, max(1, size)):
        a, b = ((side >= start) & (side < start + size) for side in rows)
        part = Sides(
            za=whole.za[a], zb=whole.zb[b], a=whole.a[a], b=whole.b[b],
            weight_a=whole.weight_a[a], weight_b=whole.weight_b[b],
        ) if negatives else whole  # fmt: skip
        found, across = equal_codes(part.a, part.b)
        positive = bool((part.weight_a[found] * part.weight_b[across] > 0).any())
        if positive or (alone and not len(found) and len(part.a) and len(part.b)):
            yield part
