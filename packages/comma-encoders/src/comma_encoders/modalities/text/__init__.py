"""Synthesis protocols: a hierarchical transformer that reads formulas, numbers and units."""

from comma_encoders.modalities.text.config import Config
from comma_encoders.modality import Modality, lazy

MODALITY = Modality(
    name="text",
    group="formula",
    Config=Config,
    example=lazy(__name__, "coerce:example"),
    coerce=lazy(__name__, "coerce:coerce"),
    augment=lazy(__name__, "augment:augment"),
    ensure_read=lazy(__name__, "steps:ensure_read"),
    collate=lazy(__name__, "steps:collate"),
    Encoder=lazy(__name__, "encoder:Encoder"),
    files=lazy(__name__, "files:files"),
    own=lazy(__name__, "files:own"),
    bare=lazy(__name__, "files:bare"),
    Pretext=lazy(__name__, "pretext:Pretext"),
    parts=lazy(__name__, "parts:parts"),
)
