"""Chemical compositions: what every other modality has to beat."""

from comma_encoders.modalities.composition.config import Config
from comma_encoders.modality import Modality, lazy

MODALITY = Modality(
    name="composition",
    group="formula",
    Config=Config,
    example=lazy(__name__, "coerce:example"),
    coerce=lazy(__name__, "coerce:coerce"),
    augment=lazy(__name__, "augment:augment"),
    collate=lazy(__name__, "elements:collate"),
    Encoder=lazy(__name__, "encoder:Encoder"),
    parts=lazy(__name__, "parts:parts"),
    # no Pretext: a formula is too short to hide a part of it and have that follow from the rest
)
