"""Micrographs: a vision transformer or a convolutional network."""

from comma_encoders.modalities.image.config import Config
from comma_encoders.modality import Modality, lazy

MODALITY = Modality(
    name="image",
    group="material",
    Config=Config,
    example=lazy(__name__, "coerce:example"),
    coerce=lazy(__name__, "coerce:coerce"),
    augment=lazy(__name__, "augment:augment"),
    collate=lazy(__name__, "pixels:collate"),
    Encoder=lazy(__name__, "encoder:Encoder"),
    bare=lazy(__name__, "weights:without_weights"),
    Pretext=lazy(__name__, "pretext:Pretext"),
    parts=lazy(__name__, "parts:parts"),
)
