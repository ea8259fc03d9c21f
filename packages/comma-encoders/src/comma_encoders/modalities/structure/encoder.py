"""A periodic message-passing network on invariant moments of the neighbourhood's density.

Each round sums what the neighbours send, weighted by learnt radial functions and by the spherical harmonics of their
direction (see `density`), and contracts the sums to scalars that no rotation or reflection changes. Products of two
sums hold the angles between pairs of neighbours, products of three the shape of triples (Drautz 2019,
doi:10.1103/PhysRevB.99.014104); no list of triplets is ever made.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from comma_encoders import elements
from comma_encoders.element_properties import property_table
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.density import Channels, Path, chosen, density
from comma_encoders.modalities.structure.geometry import Geometry, geometry
from comma_encoders.modalities.structure.known import FEATURES
from comma_encoders.modalities.structure.readout import Readout
from comma_encoders.settings import within
from comma_encoders.types import Inputs

LEAST_SPLINES = 4
"""Of a cubic spline."""
LEAST_CUTOFF = 0.1
"""Å; no two atoms are as near."""
EXPECTED = 30
"""Neighbours of an atom that sums are scaled by, so that a new network starts with features of order one."""


def _root(square: Tensor) -> Tensor:
    """Square root with a finite slope at zero."""
    return (square + 1e-4).sqrt() - 1e-2


class Contraction(nn.Module):
    """Moments -> scalars: the moments of degree 0, lengths, products between channels, and one product of three."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        self.channels = channels
        self.width = channels[0] + 2 * channels[1] + (3 if channels[1] else 2) * channels[2]
        self.mix = nn.ModuleList(nn.Linear(c, c, bias=False) if c else nn.Identity() for c in channels[1:])
        self.lift = nn.Linear(channels[1], channels[2], bias=False) if channels[1] and channels[2] else None

    def forward(self, moments: Float[Tensor, "atoms moments"], path: Path) -> Float[Tensor, "atoms scalars"]:
        """Contract, on the path that made them; see `density.reference` for the order of the columns."""
        if path == "compiled" and self.lift is not None and moments.device.type == "cpu":
            return self._compiled(moments)
        blocks = moments.split([(2 * degree + 1) * c for degree, c in enumerate(self.channels)], dim=1)
        scalars = [blocks[0]]
        vectors = [
            block.unflatten(1, (2 * degree + 3, -1)) for degree, block in enumerate(blocks[1:]) if block.shape[1]
        ]
        for vector, mix in zip(vectors, (m for m in self.mix if isinstance(m, nn.Linear)), strict=True):
            scalars += [_root(vector.square().sum(dim=1)), (vector * mix(vector)).sum(dim=1)]
        if self.lift is not None:
            scalars.append(self._three(*vectors))
        return torch.cat(scalars, dim=1)

    def _compiled(self, moments: Float[Tensor, "atoms moments"]) -> Float[Tensor, "atoms scalars"]:
        from comma_encoders.modalities.structure import compiled_scalars  # noqa: PLC0415  numba takes half a second

        c0, c1, _ = self.channels
        dipole = moments[:, c0 : c0 + 3 * c1].unflatten(1, (3, -1))
        quadrupole = moments[:, c0 + 3 * c1 :].unflatten(1, (5, -1))
        mixed = self.mix[0](dipole), self.mix[1](quadrupole)
        return compiled_scalars.scalars(moments, *mixed, self.lift(dipole), self.channels)  # type: ignore[misc]

    def _three(
        self, dipole: Float[Tensor, "atoms 3 c1"], quadrupole: Float[Tensor, "atoms 5 c2"]
    ) -> Float[Tensor, "atoms c2"]:
        """The quadrupole seen along mixtures of the dipoles, times their lengths: the sum over m of A_2m Y_2m.

        `geometry.harmonics` written out, since the other degrees and a stack of them take three times as long.
        """
        along = self.lift(dipole).to(dipole.dtype)  # type: ignore[misc]  # what keeps the root from 0 is 0 in fp16
        (x, y, z), (xy, yz, zz, xz, xx_yy) = along.unbind(dim=1), quadrupole.unbind(dim=1)
        x2, y2, z2 = x * x, y * y, z * z
        plane = x2 + y2
        mixed = x * torch.addcmul(xy * y, xz, z) + yz * (y * z)
        squares = torch.addcmul(zz * torch.add(z2, plane, alpha=-0.5), xx_yy, x2 - y2, value=math.sqrt(3) / 2)
        return torch.add(squares, mixed, alpha=math.sqrt(3)) / (plane + z2 + 1e-8).sqrt()


class Round(nn.Module):
    """One round of messages: (atoms, width) -> (atoms, width)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, sent = config.width, sum(config.moments)
        self.channels = config.moments
        self.norm = nn.LayerNorm(width)
        self.send = nn.Linear(width, sent, bias=False)
        self.radial = nn.Parameter(torch.randn(config.splines, sent) / math.sqrt(EXPECTED))
        self.contract = Contraction(config.moments)
        self.own = nn.Linear(width, 2 * width)
        self.seen = nn.Linear(self.contract.width, 2 * width, bias=False)
        self.update = nn.Sequential(nn.SiLU(), nn.Dropout(config.dropout), nn.Linear(2 * width, width))

    def forward(self, h: Float[Tensor, "atoms width"], edges: Geometry) -> Float[Tensor, "atoms width"]:
        """Add to each atom what it makes of its neighbourhood."""
        own = self.norm(h)
        sent = self.send(own)
        path = chosen(sent, edges)
        moments = density(sent, self.radial, edges, self.channels)
        # computed again in the backward pass: what it would keep is half of a step's memory, and takes little time
        seen = checkpoint(self.contract, moments, path, use_reentrant=False, preserve_rng_state=False)
        out: Tensor = h + self.update(self.own(own) + self.seen(seen))
        return out


class Far(nn.Module):
    """Messages between regions: (atoms, width) -> (atoms, width)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.size = nn.Linear(1, config.width)
        self.messages = Round(config)
        self.back = nn.Linear(config.width, config.width)

    def forward(self, h: Float[Tensor, "atoms width"], inputs: Inputs) -> Float[Tensor, "atoms width"]:
        """Add to each atom what its region has heard."""
        region, start = inputs["region"], inputs["far_start"]
        count = torch.bincount(region, minlength=len(start) - 1).to(h.dtype)[:, None]
        pooled = h.new_zeros(len(count), h.shape[1]).index_add(0, region, h) / count
        graph = {name: inputs[f"far_{name}"] for name in ("start", "source", "vector")}
        edges = geometry(graph, self.config.far, self.config.splines)
        heard: Tensor = self.back(self.messages(pooled + self.size(count.log()), edges))
        return h + heard[region]


def amounts(inputs: Inputs) -> Float[Tensor, "structures 118"]:
    """Atoms of each element; one whose species is hidden, with the number 0, counts for none."""
    owner = inputs["structure"]
    out = torch.zeros(int(inputs["count"]), 1 + elements.COUNT, device=owner.device)
    return out.index_put_((owner, inputs["numbers"]), out.new_ones(len(owner)), accumulate=True)[:, 1:]


class Encoder(nn.Module):
    """Graph of atoms -> (structures, width). Invariant under rotation, reflection, translation, order of the atoms."""

    table: Tensor

    def __init__(self, config: Config) -> None:
        """Make an encoder with random weights.

        Raises:
            UsageError: settings that cannot be.
        """
        super().__init__()
        some, any_number, length = (1, math.inf), (0, math.inf), (LEAST_CUTOFF, math.inf)
        within("structure", config, width=some, layers=any_number, moments=any_number, max_edges=some, dropout=(0, 1))
        within("structure", config, splines=(LEAST_SPLINES, math.inf), cutoff=length, far=length, region=any_number)
        self.config = config
        self.width = config.width
        self.species = nn.Embedding(119, config.width)
        self.properties: nn.Linear | None = None
        if config.properties:
            known = property_table()
            self.register_buffer("table", torch.cat([torch.zeros_like(known[:1]), known]))
            self.properties = nn.Linear(known.shape[1], config.width, bias=False)
            nn.init.normal_(self.species.weight, std=0.1)  # quiet: at first an element is what its properties say
        self.known = nn.Linear(FEATURES, config.width, bias=False)
        self.rounds = nn.ModuleList(Round(config) for _ in range(config.layers))
        self.far = Far(config) if config.region else None
        self.norm = nn.LayerNorm(config.width)
        self.readout = Readout(config.width, config.readout)
        self.elements = elements.Elements(config.width, config.dropout) if config.composition else None

    def atoms(self, inputs: Inputs) -> Float[Tensor, "atoms width"]:
        """One vector an atom, in the order of `numbers`."""
        return self.told(self.alone(inputs), inputs)

    def alone(self, inputs: Inputs) -> Float[Tensor, "atoms width"]:
        """What is known of each atom before it hears of others."""
        return self.of(inputs["numbers"]) + self.known(inputs["known"])

    def of(self, numbers: Int[Tensor, " atoms"]) -> Float[Tensor, "atoms width"]:
        """What each species is by itself, by atomic number; 0 is one that is hidden."""
        h: Tensor = self.species(numbers)
        return h if self.properties is None else h + self.properties(self.table[numbers])

    def told(self, h: Float[Tensor, "atoms width"], inputs: Inputs) -> Float[Tensor, "atoms width"]:
        """What becomes of that in all rounds of messages."""
        edges = geometry(inputs, self.config.cutoff, self.config.splines)
        for messages in self.rounds:
            h = messages(h, edges)
        if self.far is not None:
            h = self.far(h, inputs)
        vectors: Tensor = self.norm(h)
        return vectors

    def forward(self, inputs: Inputs) -> Float[Tensor, "structures width"]:
        """Encode what `graph.collate` made."""
        return self.pooled(self.atoms(inputs), inputs)

    def pooled(self, h: Float[Tensor, "atoms width"], inputs: Inputs) -> Float[Tensor, "structures width"]:
        """One vector a structure from those of its atoms."""
        vectors: Tensor = self.readout(h, inputs["structure"], int(inputs["count"]))
        return vectors if self.elements is None else vectors + self.made_of(elements.features(amounts(inputs)), inputs)

    def made_of(self, seen: Float[Tensor, "structures features"], inputs: Inputs) -> Float[Tensor, "structures width"]:
        """What is added for the composition; with the sum as readout it grows with the structure too."""
        vectors: Tensor = self.elements.read(seen)  # type: ignore[union-attr]  # only called where there is one
        sizes = torch.bincount(inputs["structure"], minlength=len(seen))[:, None]
        return vectors * sizes if self.config.readout == "sum" else vectors
