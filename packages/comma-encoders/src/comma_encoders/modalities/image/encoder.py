"""A vision transformer of timm (Dosovitskiy et al. 2021, arXiv:2010.11929) with the physical scale as a feature."""

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.errors import UsageError
from comma_encoders.modalities.image.config import Config
from comma_encoders.types import Inputs


def backbone(config: Config) -> nn.Module:
    """The transformer, from (values, 1, side, side) to (values, width), with random weights.

    Raises:
        UsageError: timm does not know the name, or the sizes do not fit together.
    """
    if config.pixels % config.patch or config.width % config.heads:
        raise UsageError(
            f"image: pixels ({config.pixels}) has to be a multiple of patch ({config.patch}), and width "
            f"({config.width}) of heads ({config.heads})"
        )
    if config.backbone not in timm.list_models("vit_*"):
        raise UsageError(f"image: timm has no vision transformer {config.backbone!r}; see timm.list_models('vit_*')")
    model: nn.Module = timm.create_model(
        config.backbone,
        pretrained=False,
        in_chans=1,
        num_classes=0,
        img_size=config.pixels,
        patch_size=config.patch,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
    )
    return model


class Encoder(nn.Module):
    """Squares and scales -> (values, width)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width = config.width
        self.backbone = backbone(config)
        self.scale = nn.Sequential(nn.Linear(2, config.width), nn.GELU(), nn.Linear(config.width, config.width))

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `pixels.collate` made."""
        vectors: Tensor = torch.add(self.backbone(inputs["pixels"]), self.scale(inputs["scale"]))
        return vectors
