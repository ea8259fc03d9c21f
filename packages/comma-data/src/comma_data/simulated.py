"""Patterns and images that a build computes from its structures."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from comma_data.config import Simulate
from comma_data.errors import DataError
from comma_data.manifest import sha256
from comma_data.sample import RawStructure, Sample
from comma_data.simulate.conditions import conditions
from comma_data.simulate.stem import draw_zone, image
from comma_data.simulate.xrd import pattern

Value = tuple[Any, Mapping[str, str]]
"""A raw value and its provenance."""


def with_simulated(sample: Sample, settings: Simulate) -> Sample:
    """The sample with what is simulated from its structure; one without a structure as it is.

    Raises:
        DataError: The structure cannot be simulated; the message names the sample.
    """
    if "structure" not in sample.fields:
        return sample
    structure: RawStructure = sample.fields["structure"][0]
    try:
        made = {
            "xrd": [_pattern(structure)] * settings.patterns,
            "image": [_image(structure, _seed(sample.id, settings.seed, i)) for i in range(settings.images)],
        }
    except DataError as error:
        raise DataError(f"sample {sample.id} cannot be simulated: {error}") from error
    values = {modality: tuple(v for v, _ in both) for modality, both in made.items() if both}
    known = {modality: tuple(p for _, p in both) for modality, both in made.items() if both}
    return replace(sample, fields={**sample.fields, **values}, provenance={**sample.provenance, **known})


def simulator(settings: Simulate) -> partial[Sample]:
    """`with_simulated` under these settings, in a form that worker processes take."""
    return partial(with_simulated, settings=settings)


def _pattern(structure: RawStructure) -> Value:
    return pattern(structure), {"origin": "simulated", "joined_by": "entry"}


def _image(structure: RawStructure, seed: int) -> Value:
    zone = " ".join(map(str, draw_zone(structure, seed)))
    known = {"origin": "simulated", "joined_by": "entry", "seed": str(seed), "zone": zone}
    return image(structure, seed=seed), {**known, **conditions(seed).provenance()}


def _seed(identifier: str, seed: int, number: int) -> int:
    """From names, so that a sample's images do not depend on what else is in the set."""
    return int(sha256(f"{seed}:{identifier}:{number}".encode())[:12], 16)
