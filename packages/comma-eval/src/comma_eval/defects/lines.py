"""The lines of the table: what each reads of the items, as one vector an item."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from comma_data.sample import Sample
from jaxtyping import Float

from comma_eval.baselines.features import composition_features
from comma_eval.baselines.image_statistics import brightness, lattice_residual, normalised, power_spectrum
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import NotEmbeddedError, UsageError
from comma_eval.task import Embedder

IMAGE, STRUCTURE = "image", "structure"
BOTH = f"{IMAGE} + {STRUCTURE}"

MAJORITY = "majority"
BRIGHTNESS = "brightness"
SPECTRUM = "power spectrum"
RESIDUAL = "power spectrum + residual"
COMPOSITION = "composition"
RESIDUAL_COMPOSITION = f"{RESIDUAL} + {COMPOSITION}"
BASELINES = (MAJORITY, BRIGHTNESS, SPECTRUM, RESIDUAL, COMPOSITION, RESIDUAL_COMPOSITION)

Vectors = Float[np.ndarray, "items features"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one line of the table knows of every item."""

    name: str
    reads: str
    """`image`, `structure`, `image + structure`, or nothing."""
    vectors: Vectors
    model: str | None = None
    """The embedder whose vectors these are; None for a baseline."""


def baselines(samples: Sequence[Sample], *, structures: bool) -> tuple[Line, ...]:
    """Lines that need no model; those that read a structure only where the set has them.

    Args:
        samples: with an image each.
        structures: whether the set has structures beside its images.
    """
    images = [sample.fields[IMAGE][0]["pixels"] for sample in samples]
    grey, spectrum, residual = (_each(f, images) for f in (brightness, power_spectrum, lattice_residual))
    rest = np.hstack([spectrum, residual])
    of_images = (
        Line(name=MAJORITY, reads="", vectors=np.zeros((len(samples), 0))),
        Line(name=BRIGHTNESS, reads=IMAGE, vectors=grey),
        Line(name=SPECTRUM, reads=IMAGE, vectors=spectrum),
        Line(name=RESIDUAL, reads=IMAGE, vectors=rest),
    )
    if not structures:
        return of_images
    made_of = np.stack([composition_features(_bare(STRUCTURE, s.fields[STRUCTURE][0], 0)) for s in samples])
    return (
        *of_images,
        Line(name=COMPOSITION, reads=STRUCTURE, vectors=made_of),
        Line(name=RESIDUAL_COMPOSITION, reads=BOTH, vectors=np.hstack([rest, made_of])),
    )


def of_models(models: Mapping[str, Embedder], samples: Sequence[Sample], *, structures: bool) -> Iterator[Line]:
    """The lines of each model: image, and where the set has structures those of structure and of both together.

    An embedder is given images at zero mean and unit spread in one type of number, so that neither brightness nor the
    file's mode tells it the class; and never a class, a group, an id or an annotation.

    Raises:
        NotEmbeddedError: a model does not embed images.
        UsageError: a model is called as a baseline is, or does not give one vector for each value.
    """
    for name, model in models.items():
        if name in BASELINES:
            raise UsageError(f"a model cannot be called {name!r}: that is a baseline's name; rename its folder")
        images = _of_images(model, name, samples)
        yield Line(name=f"{name}: {IMAGE}", reads=IMAGE, vectors=images, model=name)
        if structures and (crystals := _of_structures(model, samples)) is not None:
            yield Line(name=f"{name}: {STRUCTURE}", reads=STRUCTURE, vectors=crystals, model=name)
            yield Line(name=f"{name}: {BOTH}", reads=BOTH, vectors=np.hstack([images, crystals]), model=name)


def seen(image: Mapping[str, Any]) -> dict[str, Any]:
    """The raw image as an encoder gets to see it: zero mean, unit spread, float32, its scale."""
    return {"pixels": normalised(image["pixels"]).astype(np.float32), "nm_per_pixel": image["nm_per_pixel"]}


def content(structure: Mapping[str, Any]) -> bytes:
    """What tells one structure from another: atoms, places, cell."""
    return b"|".join(np.ascontiguousarray(structure[key]).tobytes() for key in ("numbers", "positions", "cell"))


def _of_images(model: Embedder, name: str, samples: Sequence[Sample]) -> Vectors:
    try:
        return _vectors(model, IMAGE, [seen(sample.fields[IMAGE][0]) for sample in samples])
    except NotEmbeddedError as error:
        raise NotEmbeddedError(
            f"{name} does not embed `{IMAGE}`, so it cannot tell defects. Remedy: train a model that does, e.g. "
            'comma align run demo --set \'modalities=["structure", "image"]\' --data DATA'
        ) from error


def _of_structures(model: Embedder, samples: Sequence[Sample]) -> Vectors | None:
    """Vectors of the structures, each distinct one embedded once; None where the model reads no structures."""
    values = [sample.fields[STRUCTURE][0] for sample in samples]
    first: dict[bytes, int] = {}
    for number, value in enumerate(values):
        first.setdefault(content(value), number)
    try:
        distinct = _vectors(model, STRUCTURE, [values[number] for number in first.values()])
    except NotEmbeddedError:
        return None
    row = {key: row for row, key in enumerate(first)}
    return distinct[[row[content(value)] for value in values]]


def _vectors(model: Embedder, modality: str, values: Sequence[Any]) -> Vectors:
    """One frozen vector a value, in order."""
    bare = [_bare(modality, value, number) for number, value in enumerate(values)]
    return EmbeddingScorer(embedder=model).vectors(bare).double().numpy()


def _bare(modality: str, value: Any, number: int) -> Sample:
    return Sample(id=f"{modality}-{number}", fields={modality: (value,)}, groups={})


def _each(feature: Callable[[np.ndarray], np.ndarray], images: Sequence[np.ndarray]) -> Vectors:
    return np.stack([feature(pixels) for pixels in images])
