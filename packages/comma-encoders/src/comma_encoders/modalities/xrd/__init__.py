"""Powder diffraction patterns: a residual network or a Transformer in one dimension."""

from comma_encoders.modalities.xrd.config import Config
from comma_encoders.modality import Modality, lazy

MODALITY = Modality(
    name="xrd",
    group="material",
    Config=Config,
    example=lazy(__name__, "coerce:example"),
    coerce=lazy(__name__, "coerce:coerce"),
    augment=lazy(__name__, "augment:augment"),
    collate=lazy(__name__, "pattern:collate"),
    Encoder=lazy(__name__, "encoder:Encoder"),
    Pretext=lazy(__name__, "pretext:Pretext"),
    parts=lazy(__name__, "parts:parts"),
)
