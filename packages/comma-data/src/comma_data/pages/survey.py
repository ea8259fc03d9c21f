"""What the samples of a data set hold, counted in one pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.protocol import Protocol
from comma_data.sample import Sample

_SYMBOLS = {number: symbol for symbol, number in ATOMIC_NUMBERS.items()}


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Counts over samples; `add` fills them."""

    elements: Counter[str] = field(default_factory=Counter)
    """Symbol -> samples whose composition has it."""
    together: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Modalities that a sample has, sorted -> samples."""
    origins: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Modality -> origin of a value -> values."""
    joined: Counter[str] = field(default_factory=Counter)
    """How a text came to its sample -> texts."""
    classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Target -> class -> samples."""
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Quantity -> its values: `sites`, `steps`, `hottest`, `pixels`, `nm_per_pixel`, `texts`, ... and `target NAME`."""
    precursors: Counter[str] = field(default_factory=Counter)
    """Precursor as it is written -> protocols."""
    guests: set[str] = field(default_factory=set)
    """Ids of samples beside whose image or pattern the structure of another sample was put."""

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        if "structure" in sample.fields and sample.groups.get("material", sample.id) != sample.id:
            self.guests.add(sample.id)
        self.together[tuple(sorted(m for m, values in sample.fields.items() if values))] += 1
        self.elements.update(_elements(sample))
        for modality, known in sample.provenance.items():
            self.origins[modality].update(value.get("origin", "not said") for value in known)
        self.joined.update(value.get("joined_by", "not said") for value in sample.provenance.get("text", ()))
        for name, value in sample.targets.items():
            self._target(name, value)
        for name, values in _quantities(sample).items():
            self.numbers[name].extend(values)
        for protocol in _protocols(sample):
            self.precursors.update(set(protocol.precursors))

    def _target(self, name: str, value: float | str) -> None:
        if isinstance(value, str):
            self.classes[name][value] += 1
        else:
            self.numbers[f"target {name}"].append(float(value))


def survey(samples: Iterable[Sample]) -> Survey:
    """What these samples hold."""
    found = Survey()
    for sample in samples:
        found.add(sample)
    return found


def _elements(sample: Sample) -> set[str]:
    compositions: tuple[Mapping[str, float], ...] = sample.fields.get("composition", ())
    if compositions:
        return {symbol for composition in compositions for symbol in composition}
    return {_SYMBOLS[int(z)] for structure in sample.fields.get("structure", ()) for z in structure["numbers"]}


def _quantities(sample: Sample) -> dict[str, list[float]]:
    values: Mapping[str, tuple[Any, ...]] = sample.fields
    hottest = [
        max(t, default=None) for p in _protocols(sample) for t in [[t for o in p.operations for t in o.temperatures]]
    ]
    hours = [sum(max(o.hours) for o in p.operations if o.hours) for p in _protocols(sample)]
    images = values.get("image", ())
    elements = _elements(sample)
    return {
        "sites": [len(structure["numbers"]) for structure in values.get("structure", ())],
        "elements": [len(elements)] if elements else [],
        "texts": [len(values["text"])] if values.get("text") else [],
        "steps": [len(text) for text in values.get("text", ())],
        "hottest": [t for t in hottest if t is not None],
        "hours": [h for h in hours if h],
        "pixels": [max(image["pixels"].shape) for image in images],
        "nm_per_pixel": [image["nm_per_pixel"] for image in images if image["nm_per_pixel"]],
        "wavelength": [pattern["wavelength"] for pattern in values.get("xrd", ())],
    }


def _protocols(sample: Sample) -> list[Protocol]:
    return [a for a in sample.annotations.get("text", ()) if isinstance(a, Protocol)]
