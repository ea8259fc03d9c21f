"""A set of simulated micrographs of crystals with and without defects, every class equally often in every host."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from comma_data.config import Simulate
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.hosts import host_view
from comma_data.sample import RawImage, RawStructure, Sample
from comma_data.simulate.conditions import Conditions, during, session
from comma_data.simulate.defects.defect import Defect, Fact, Specimen, mask
from comma_data.simulate.defects.kinds import KINDS, PRISTINE
from comma_data.simulate.histogram import with_levels_of
from comma_data.simulate.projection import Cloud, View
from comma_data.simulate.stem import micrograph

_SYMBOLS = {number: symbol for symbol, number in ATOMIC_NUMBERS.items()}

CENTRED = 0.2
"""A defect lies at most this share of the field from the middle, along x and y."""

WIDE = 1.5
"""Edge of the specimen in fields: the scan may turn, and drift."""


def defect_samples(host: Sample, settings: Simulate) -> Iterator[Sample]:
    """Micrographs of a host: `settings.defects` of the pristine crystal, and as many with each kind of defect.

    Each sample has the image, with a mask beside it, the structure and the composition of the pristine host, the class
    as the target `defect`, and the host's groups with `conditions` added. The image's grey levels are those of another
    micrograph of the pristine host under the same conditions, so that brightness alone says nothing about the class.

    Args:
        host: a sample with a structure.
        settings: how many images of each class, over how many sessions, in pixels, and the seed.

    Raises:
        StructureError: `not-periodic`, or `no-zone` where no direction allows every kind of defect.
    """
    structure: RawStructure = host.fields["structure"][0]
    seen = host_view(structure)
    for kind in (PRISTINE, *KINDS):
        for number in range(settings.defects):
            yield _sample(host, structure, seen, kind, number, settings)


def _sample(  # noqa: PLR0913, PLR0917 - what decides one image
    host: Sample, structure: RawStructure, seen: View, kind: str, number: int, settings: Simulate
) -> Sample:
    seed = _seed(settings.seed, host.id, kind, number)
    chosen = seed % settings.sessions
    under = during(session(settings.seed, chosen), np.random.default_rng([seed, 0]))
    image, painted, geometry = _image(seen, kind, under, settings, seed)
    known = {
        "origin": "simulated",
        "joined_by": "entry",
        "seed": str(seed),
        "zone": " ".join(map(str, seen.zone)),
        "defect": kind,
        **{f"defect_{name}": _text(fact) for name, fact in geometry.items()},
        **under.provenance(),
    }
    return Sample(
        id=f"{_short(host.id)}-{kind}-{number}",
        fields={"structure": (structure,), "image": (image,), "composition": (_composition(host, structure),)},
        groups={"material": host.id, **host.groups, "conditions": f"session-{chosen}"},
        targets={"defect": kind},
        annotations={"image": ({"mask": painted},)},
        provenance={"image": (known,), **_known_of(host)},
    )


def _short(identifier: str) -> str:
    """At most 40 characters of an id; a longer one is told apart by its hash."""
    return (
        identifier
        if len(identifier) <= 40
        else f"{identifier[:31]}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"
    )


def _image(
    seen: View, kind: str, under: Conditions, settings: Simulate, seed: int
) -> tuple[RawImage, np.ndarray, Mapping[str, Fact]]:
    """The micrograph, its mask (size, size), and the geometry of the defect."""
    rng = np.random.default_rng([seed, 1])
    edge = WIDE * under.field_nm
    specimen = Specimen(
        seen=seen,
        box_nm=(edge, edge, under.thickness_nm),
        offset=under.offset,
        centre=rng.uniform(-CENTRED, CENTRED, 2) * under.field_nm,
    )
    pristine = specimen.crystal()
    made = None if kind == PRISTINE else KINDS[kind](specimen, rng)
    size = settings.image_size
    image = micrograph(made.cloud if made else pristine, under=under, rng=np.random.default_rng([seed, 2]), size=size)
    if settings.match_levels:
        image = _levelled(image, pristine, under, np.random.default_rng([seed, 3]))
    return image, _mask(made, under, size), made.geometry if made else {}


def _levelled(image: RawImage, pristine: Cloud, under: Conditions, rng: np.random.Generator) -> RawImage:
    other = micrograph(pristine, under=under, rng=rng, size=len(image["pixels"]))
    return RawImage(pixels=with_levels_of(image["pixels"], other["pixels"]), nm_per_pixel=image["nm_per_pixel"])


def _mask(made: Defect | None, under: Conditions, size: int) -> np.ndarray:
    return np.zeros((size, size), dtype=np.uint8) if made is None else mask(made.outline, under, size)


def _composition(host: Sample, structure: RawStructure) -> Any:
    if host.fields.get("composition"):
        return host.fields["composition"][0]
    numbers, amounts = np.unique(structure["numbers"], return_counts=True)
    return {_SYMBOLS[int(n)]: float(a) for n, a in zip(numbers, amounts, strict=True)}


def _known_of(host: Sample) -> Mapping[str, tuple[Mapping[str, str], ...]]:
    return {"structure": host.provenance["structure"][:1]} if "structure" in host.provenance else {}


def _seed(seed: int, identifier: str, kind: str, number: int) -> int:
    """From names, so that an image does not depend on what else is in the set."""
    return int(hashlib.sha256(f"{seed}:{identifier}:{kind}:{number}".encode()).hexdigest()[:12], 16)


def _text(fact: Fact) -> str:
    if isinstance(fact, str):
        return fact
    return " ".join(f"{v:.6g}" for v in (fact if isinstance(fact, tuple) else (fact,)))
