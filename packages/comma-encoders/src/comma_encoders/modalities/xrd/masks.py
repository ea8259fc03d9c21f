"""What was not measured is not a place without peaks: the mask of what was, at coarser resolutions."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def coarse(measured: Float[Tensor, "values bins"], factor: int) -> Float[Tensor, "values coarse"]:
    """The part of each group of `factor` bins that was measured."""
    return functional.avg_pool1d(measured[:, None], factor)[:, 0]
