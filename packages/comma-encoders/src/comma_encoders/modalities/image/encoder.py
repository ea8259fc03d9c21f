"""Micrographs -> vectors: a backbone of timm with the physical scale as a feature."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.errors import UsageError
from comma_encoders.modalities.image import backbone
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.pixels import SCALES
from comma_encoders.types import Inputs


class Encoder(nn.Module):
    """Squares and scales -> (values, width).

    The backbone is a vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) or a convolutional network. One
    with batch normalisation sees the neighbours of a value while it is trained, and only then.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.backbone = backbone.create(config)
        backbone.check_pooling(config.pooling, self.backbone, config.backbone)
        self.pooling = config.pooling
        self.width = backbone.width(self.backbone, config.pooling)
        self.scale = nn.Sequential(nn.Linear(SCALES, self.width), nn.GELU(), nn.Linear(self.width, self.width))

    def forward(self, inputs: Inputs) -> Float[Tensor, "values width"]:
        """Encode what `pixels.collate` made."""
        vectors = backbone.pooled(self.backbone, self._features(inputs), self.pooling)
        return torch.add(vectors, self.scale(inputs["scale"]))

    def patches(self, inputs: Inputs) -> Float[Tensor, "values rows columns channels"]:
        """The backbone's last map, without the scale, for attribution to places in the picture.

        A transformer has a place for each patch, a convolutional network for each step of its stride.

        Raises:
            UsageError: the encoder is in training mode and drops patches, outside of `backbone.undropped`.
        """
        if backbone.drops(self.backbone):
            raise UsageError(
                "image: some patches are dropped in training, so there is no map; call encoder.eval() first"
            )
        return backbone.patch_map(self.backbone, self._features(inputs))

    def _features(self, inputs: Inputs) -> Tensor:
        features: Tensor = self.backbone.forward_features(inputs["pixels"])  # type: ignore[operator]  # timm's function
        return features
