"""Moved atoms are put back, masked species are guessed, and the whole says what its elements are like.

Coordinate denoising (Zaidi et al. 2023, arXiv:2206.00133) with Gaussian noise is, near an equilibrium, regression of
forces of a potential nobody had to compute; masked attributes of nodes are of Hu et al. 2020 (arXiv:1905.12265).
Statistics of element properties over the composition (Ward et al. 2016, see `element_statistics`) are what a forest on
the formula alone learns a property from with few labels; an encoder that has to tell them has them at hand.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders.element_properties import property_table
from comma_encoders.element_statistics import STATISTICS, ward
from comma_encoders.masking import chosen
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.density import density
from comma_encoders.modalities.structure.encoder import EXPECTED, Encoder, amounts
from comma_encoders.modalities.structure.geometry import geometry
from comma_encoders.pretext import Task
from comma_encoders.types import Inputs

NOISE = 0.05
"""Å, standard deviation of each Cartesian coordinate's noise."""
MASKED = 0.15
"""Share of the atoms whose species is hidden."""
HIDDEN = 0
"""Atomic number of a hidden species: a row of the encoder's embedding that no atom has, see `guard.checked`."""
CHANNELS = 32
"""Radial functions that weigh an edge together."""


def means(
    x: Float[Tensor, "atoms channels"], owner: Int[Tensor, " atoms"], count: int
) -> Float[Tensor, "owners channels"]:
    """The mean of each owner's atoms."""
    sizes = torch.bincount(owner, minlength=count).clamp(min=1)[:, None]
    return x.new_zeros(count, x.shape[1]).index_add(0, owner, x) / sizes


def centred(x: Float[Tensor, "atoms 3"], inputs: Inputs) -> Float[Tensor, "atoms 3"]:
    """Without the mean of each structure: what moves a structure as a whole leaves no trace in it."""
    return x - means(x, inputs["structure"], int(inputs["count"]))[inputs["structure"]]


def _shifted(inputs: Inputs, by: Float[Tensor, "nodes 3"], prefix: str) -> Float[Tensor, "edges 3"]:
    """The edges' vectors, Å, when each node has moved; the edges stay the same ones."""
    start, source = inputs[f"{prefix}start"], inputs[f"{prefix}source"]
    target = torch.repeat_interleave(torch.arange(len(start) - 1, device=start.device), start.diff())
    return inputs[f"{prefix}vector"] + by[source] - by[target]


def moved(inputs: Inputs, noise: Float[Tensor, "atoms 3"]) -> dict[str, Tensor]:
    """The graph after its atoms have moved by `noise`, Å; regions move with the mean of their atoms.

    The neighbour list is kept. What noise of a few hundredths of Å brings across the cutoff counts for nothing: the
    weight of an edge vanishes there with its slope, and is below 0.001 within 0.1 Å of a cutoff of 5 Å.
    """
    out = {**inputs, "vector": _shifted(inputs, noise, "")}
    if "region" in inputs:
        of_region = means(noise, inputs["region"], len(inputs["far_start"]) - 1)
        out["far_vector"] = _shifted(inputs, of_region, "far_")
    return out


def hidden(inputs: Inputs, masked: Bool[Tensor, " atoms"]) -> dict[str, Tensor]:
    """The graph without the species of these atoms, and without their charges and bonds, which would tell of them."""
    return {
        **inputs,
        "numbers": inputs["numbers"].masked_fill(masked, HIDDEN),
        "known": inputs["known"].masked_fill(masked[:, None], 0.0),
    }


class Displacement(nn.Module):
    """Invariant atoms -> a vector an atom: the sum of its edges' directions, each with a learnt weight.

    What the encoder says of an atom does not turn with the structure, so it cannot say in which direction the atom has
    moved; a sum of directions with invariant weights can (Satorras et al. 2021, arXiv:2102.09844, equation 4). The
    weight of the edge from i to j is

        mean over channels c of  a_c(h_i) φ_c(r_ij) b_c(h_j)

    with linear maps a and b and splines φ, so that the sums are the moments of degree 1 of `density`, by its fast
    paths.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.own = nn.Linear(config.width, CHANNELS)
        self.other = nn.Linear(config.width, CHANNELS, bias=False)
        self.radial = nn.Parameter(torch.randn(config.splines, CHANNELS) / math.sqrt(EXPECTED))

    def forward(self, h: Float[Tensor, "atoms width"], inputs: Inputs) -> Float[Tensor, "atoms 3"]:
        """One vector an atom of a graph, with the mean of each structure taken away, as it is from the noise."""
        edges = geometry(inputs, self.config.cutoff, self.config.splines)
        moments = density(self.other(h), self.radial, edges, (0, CHANNELS, 0)).unflatten(1, (3, CHANNELS))
        return centred((moments * self.own(h)[:, None]).mean(dim=2), inputs)


class Pretext(Task[Encoder]):
    """`noise`, mean squared error in units of the noise; `species`, cross-entropy in nats; `statistics`.

    The last is a mean absolute error, in units of each property's standard deviation over the elements.
    """

    table: Tensor

    def __init__(self, encoder: Encoder, config: Config) -> None:
        super().__init__(encoder)
        self.displacement = Displacement(config)
        self.species = nn.Linear(config.width, encoder.species.num_embeddings)
        self.register_buffer("table", property_table(), persistent=False)
        told = STATISTICS * self.table.shape[1]
        self.statistics = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, told))

    def corrupted(self, inputs: Inputs, rng: torch.Generator) -> tuple[Inputs, Inputs]:
        """The graph with moved atoms and without some species; the noise, those species, the whole's statistics."""
        numbers = inputs["numbers"]
        noise = torch.randn(len(numbers), 3, generator=rng).to(numbers.device)
        masked = chosen(torch.ones_like(numbers, dtype=torch.bool)[None], MASKED, rng)[0]
        found = amounts(inputs)
        whole = ward(found / found.sum(dim=1, keepdim=True), self.table)
        targets = {"noise": centred(noise, inputs), "masked": masked, "species": numbers[masked], "whole": whole}
        return hidden(moved(inputs, NOISE * noise), masked), targets

    def predicted(
        self, seen: Inputs
    ) -> tuple[Float[Tensor, "atoms 3"], Float[Tensor, "atoms elements"], Float[Tensor, "structures statistics"]]:
        """Noise of each atom in units of its standard deviation, logits by atomic number, statistics of the whole."""
        h = self.encoder.atoms(seen)
        return self.displacement(h, seen), self.species(h), self.statistics(self.encoder.pooled(h, seen))

    def losses(self, seen: Inputs, targets: Inputs) -> dict[str, Float[Tensor, ""]]:
        """Of all atoms' noise, of the hidden species, and of the statistics over all atoms, the hidden ones too."""
        noise, species, whole = self.predicted(seen)
        return {
            "noise": functional.mse_loss(noise, targets["noise"]),
            "species": functional.cross_entropy(species[targets["masked"]], targets["species"]),
            "statistics": functional.l1_loss(whole, targets["whole"]),
        }
