"""The network that a config names."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.errors import UsageError
from comma_encoders.modalities.xrd.config import Config
from comma_encoders.modalities.xrd.resnet import ResNet, stride
from comma_encoders.modalities.xrd.transformer import Transformer
from comma_encoders.settings import within
from comma_encoders.types import Inputs

KINDS: Mapping[str, type[ResNet] | type[Transformer]] = {"resnet": ResNet, "transformer": Transformer}


def check(config: Config) -> None:
    """Refuse sizes that do not fit together.

    Raises:
        UsageError: which, and what would fit.
    """
    if config.kind not in KINDS:
        raise UsageError(f"xrd: unknown kind {config.kind!r}; give {' or '.join(map(repr, KINDS))}")
    within("xrd", config, heads=(1, math.inf), patch=(1, math.inf))
    if not 0 < config.low < config.high < math.inf:
        raise UsageError(f"xrd: low ({config.low}) has to be above 0 and below high ({config.high}), a number")
    if config.depth < 1 or config.width < 8:
        raise UsageError(f"xrd: depth ({config.depth}) has to be 1 or more, and width ({config.width}) 8 or more")
    step = stride(config) if config.kind == "resnet" else config.patch
    if step < 1 or config.bins < step or config.bins % step:
        named = f"2**(depth + 1) ({step})" if config.kind == "resnet" else f"patch ({step})"
        raise UsageError(f"xrd: bins ({config.bins}) has to be a multiple of {named}")
    unit = 8 if config.kind == "resnet" else config.heads
    if unit < 1 or config.width % unit:
        named = "8" if config.kind == "resnet" else f"heads ({unit})"
        raise UsageError(f"xrd: width ({config.width}) has to be a multiple of {named}")


class Encoder(nn.Module):
    """Binned patterns -> (values, width)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        check(config)
        self.width = config.width
        self.network = KINDS[config.kind](config)
        self.map_size = self.network.map_size
        """Positions and channels of what `places` gives."""

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `pattern.collate` made; intensities where nothing was measured count as nothing."""
        return self.both(inputs)[0]

    def places(self, inputs: Inputs) -> Float[Tensor, "values positions channels"]:
        """The last map, whose positions share the bins evenly; also where nothing was measured, from the neighbours."""
        return self.both(inputs)[1]

    def both(self, inputs: Inputs) -> tuple[Float[Tensor, "values width"], Float[Tensor, "values positions channels"]]:
        """What `forward` and `places` give, for the price of one."""
        intensity, measured = inputs["pattern"].unbind(dim=1)
        vectors, places = self.network(torch.stack([intensity * (measured > 0), measured], dim=1))
        return vectors, places
