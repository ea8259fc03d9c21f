"""What a material is made of, for encoders that meet it in passing: the atoms of a crystal, the formulas of a text.

A network has to be told composition in a form that generalises to formulas it never saw: sums over atoms and tokens
hold it only blurred, so it is given directly, past everything else. Where that helps and where not is in
`docs/decisions.md`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

COUNT = 118
"""Elements; column z - 1 is that of atomic number z."""
VOLATILE = (1, 6, 7, 8, 9, 16, 17)
"""H C N O F S Cl: they come and go with carbonates, nitrates, hydrates, solvents and gases."""
GASES = (2, 10, 18)
"""Atmospheres, which no crystal contains."""
FEATURES = 2 * COUNT


def features(amounts: Float[Tensor, "values 118"]) -> Float[Tensor, "values features"]:
    """Fractions of all elements, and fractions among those that a reaction in the solid keeps.

    Square roots lift dopants, whose fractions are small but decisive. Without any amount all features are zero.
    """
    gone = torch.tensor([z - 1 for z in (*VOLATILE, *GASES)], device=amounts.device)
    return torch.cat([_fractions(amounts), _fractions(amounts.index_fill(1, gone, 0.0))], dim=1).sqrt()


def _fractions(amounts: Float[Tensor, "values 118"]) -> Float[Tensor, "values 118"]:
    return amounts / amounts.sum(dim=1, keepdim=True).clamp(min=1e-9)


class Elements(nn.Module):
    """Amounts of elements -> (values, width): a linear map plus a small network.

    What the linear map lines up between two kinds of values stays lined up for formulas that training never showed.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(FEATURES, width, bias=False)
        self.network = nn.Sequential(
            nn.Linear(FEATURES, 2 * width),
            nn.LayerNorm(2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, amounts: Float[Tensor, "values 118"]) -> Float[Tensor, "values width"]:
        """Encode; only ratios count."""
        return self.read(features(amounts))

    def read(self, seen: Float[Tensor, "values features"]) -> Float[Tensor, "values width"]:
        """Encode what `features` gave."""
        out: Tensor = self.linear(seen) + self.network(seen)
        return out
