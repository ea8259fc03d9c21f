"""Decoded files -> records, with all that names, the table and the options say of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from comma_data.errors import ConfigError
from comma_data.micrographs.decode import Decoded
from comma_data.micrographs.frame import Frame, ImageError, ScaleFrom
from comma_data.micrographs.framing import GROUP, Framing
from comma_data.micrographs.labels import Rows
from comma_data.micrographs.naming import Known, from_name, reduced_formula
from comma_data.sample import RawImage, Record, Refusal


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes records; the fields are the options of the same names."""

    source: str
    origin: str
    formula: str | None
    pattern: re.Pattern[str] | None
    rename: Mapping[str, str]
    folders: bool
    target: str
    framing: Framing
    nm_per_pixel: float | None
    rows: Rows
    taken: set[str] = field(default_factory=set)
    """Keys that were given out, as an id writes them."""

    def __post_init__(self) -> None:
        """Refuse a formula that would refuse every image."""
        try:
            reduced_formula(self.formula)
        except ImageError as error:
            raise ConfigError(f"micrographs.formula: {error}") from error

    def records(self, decoded: Decoded | Refusal) -> Iterator[Record | Refusal]:
        """The records of one file; a refusal passes."""
        if isinstance(decoded, Refusal):
            yield decoded
            return
        try:
            known = self._known(decoded.name)
            formula = reduced_formula(self.rename.get(known.formula or "", known.formula or self.formula))
            group = self._frame(decoded.name, known)
        except ImageError as error:
            yield self.refusal(decoded.name, error)
            return
        for frame in decoded.frames:
            yield self._record(decoded, frame, known, formula, group)

    def refusal(self, name: str, error: ImageError) -> Refusal:
        """The refusal of an image."""
        return Refusal(source=self.source, key=name, code=error.code, message=f"{name}: {error}")

    def _known(self, name: str) -> Known:
        return self.rows.merged(name, from_name(name, self.pattern, folders=self.folders))

    def _frame(self, name: str, known: Known) -> str:
        return self.framing.of(name, stated=known.frame, index=known.index)

    def _record(self, decoded: Decoded, frame: Frame, known: Known, formula: str | None, group: str) -> Record:
        scale, scale_from = self._scale(frame, known)
        targets = dict(known.targets)
        if known.label is not None:
            targets[self.target] = self.rename.get(known.label, known.label)
        pixels = frame.pixels
        provenance = {
            "origin": self.origin,
            "file": decoded.name,
            "format": PurePosixPath(decoded.name).suffix.lower().removeprefix("."),
            "bits": "1" if pixels.dtype == bool else str(8 * pixels.dtype.itemsize),
            "nm_per_pixel_from": scale_from,
            **({"image": frame.name} if frame.name else {}),
            **({"entry": known.entry} if known.entry else {}),
        }
        return Record(
            source=self.source,
            key=self._key(decoded.name, frame.name),
            modality="image",
            value=RawImage(pixels=pixels, nm_per_pixel=scale),
            formula=formula,
            targets=targets,
            groups={GROUP: group},
            annotation=decoded.annotation,
            provenance=provenance,
        )

    def _scale(self, frame: Frame, known: Known) -> tuple[float | None, ScaleFrom]:
        """What a person wrote into the table goes before the file's tags, and these before the option for all."""
        if known.nm_per_pixel is not None:
            return known.nm_per_pixel, "table"
        if frame.nm_per_pixel is not None:
            return frame.nm_per_pixel, "tag"
        return self.nm_per_pixel, "none" if self.nm_per_pixel is None else "option"

    def _key(self, name: str, image: str) -> str:
        """The path without its ending; a second file whose id would be the same gets a number."""
        stem = str(PurePosixPath(name).with_suffix(""))
        plain = f"{stem}-{image}" if image else stem
        key, number = plain, 1
        while (slug := re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")) in self.taken:
            number += 1
            key = f"{plain}-{number}"
        self.taken.add(slug)
        return key
