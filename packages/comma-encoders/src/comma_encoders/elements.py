"""What a material is made of, for encoders that meet it in passing: the atoms of a crystal, the formulas of a text.

A network has to be told composition in a form that generalises to formulas it never saw: sums over atoms and tokens
hold it only blurred, so it is given directly, past everything else. Where that helps and where not is in
`docs/decisions.md`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

COUNT = 118
"""Elements; column z - 1 is that of atomic number z."""
VOLATILE = (1, 6, 7, 8, 9, 16, 17)
"""H C N O F S Cl: they come and go with carbonates, nitrates, hydrates, solvents and gases."""
GASES = (2, 10, 18)
"""Atmospheres, which no crystal contains."""
LEVELS = 24
"""Bumps over the square root of a fraction, evenly from 0 to 1; one reaches to its neighbours."""
BLOCKS = 2 + LEVELS
"""Of `COUNT` features each."""
KINDS = 16
"""Numbers by which elements are told apart where their fractions are read finely."""


def features(amounts: Float[Tensor, "values 118"]) -> Float[Tensor, "values features"]:
    """Fractions of all elements, fractions among those that a reaction in the solid keeps, and the latter finely.

    Square roots lift dopants, whose fractions are small but decisive. Finely: how near each is to each of `LEVELS`
    levels, a block of all elements for each, so that 1:2 and 3:4 are as different as other elements. Without any amount
    all features are zero.
    """
    gone = torch.tensor([z - 1 for z in (*VOLATILE, *GASES)], device=amounts.device)
    kept = _fractions(amounts.index_fill(1, gone, 0.0)).sqrt()
    levels = torch.linspace(0, 1, LEVELS, device=amounts.device, dtype=amounts.dtype)[:, None]
    near = torch.exp(-((kept[:, None] - levels) * (LEVELS - 1)).square()) * (kept > 0)[:, None]
    return torch.cat([_fractions(amounts).sqrt(), kept, near.flatten(1)], dim=1)


def _fractions(amounts: Float[Tensor, "values 118"]) -> Float[Tensor, "values 118"]:
    return amounts / amounts.sum(dim=1, keepdim=True).clamp(min=1e-9)


class Elements(nn.Module):
    """Amounts of elements -> (values, width): a linear map, a small network, and a map of fractions read finely.

    What the linear maps line up between two kinds of values stays lined up for formulas that training never showed. The
    fine one has a few numbers for each element and a map of them for each level, so that every formula teaches it.
    There are two of it for values of which some have ratios that mean little, as precursors that nobody weighed out.
    """

    def __init__(self, width: int, dropout: float, *, guesses: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * COUNT, width, bias=False)
        self.kinds = nn.Parameter(torch.randn(COUNT, KINDS) / KINDS**0.5)
        self.fine = nn.Linear(LEVELS * KINDS, width, bias=False)
        self.guessed = nn.Linear(LEVELS * KINDS, width, bias=False) if guesses else None
        self.network = nn.Sequential(
            nn.Linear(2 * COUNT, 2 * width),
            nn.LayerNorm(2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(
        self, amounts: Float[Tensor, "values 118"], known: Bool[Tensor, " values"] | None = None
    ) -> Float[Tensor, "values width"]:
        """Encode; only ratios count. `known`: whether these are the material's; None where all are."""
        return self.read(features(amounts), known)

    def read(
        self, seen: Float[Tensor, "values features"], known: Bool[Tensor, " values"] | None = None
    ) -> Float[Tensor, "values width"]:
        """Encode what `features` gave."""
        plain, near = seen[:, : 2 * COUNT], seen[:, 2 * COUNT :].unflatten(1, (LEVELS, COUNT))
        finely = (near @ self.kinds).flatten(1)
        fine: Tensor = self.fine(finely)
        if known is not None and self.guessed is not None:
            fine = torch.where(known[:, None], fine, self.guessed(finely))
        out: Tensor = self.linear(plain) + self.network(plain) + fine
        return out
