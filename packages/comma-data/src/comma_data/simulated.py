"""Patterns and images that a build computes from its structures, where each shard is written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from comma_data.config import Simulate
from comma_data.defect_set import defect_samples
from comma_data.errors import StructureError
from comma_data.hosts import choose_hosts
from comma_data.manifest import sha256
from comma_data.sample import RawStructure, Sample
from comma_data.shard import Finished
from comma_data.simulate.conditions import conditions
from comma_data.simulate.stem import draw_zone, image
from comma_data.simulate.xrd import pattern

Value = tuple[Any, Mapping[str, str]]
"""A raw value and its provenance."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """Adds to a sample with a structure what is simulated from it; what cannot be is counted by its code."""

    settings: Simulate
    hosts: frozenset[str] = frozenset()
    """Ids of the samples that micrographs with defects are made of."""

    @property
    def key(self) -> str:
        """As `shard.Finish`."""
        return f"{self.settings.model_dump_json()} {' '.join(sorted(self.hosts))}"

    def __call__(self, sample: Sample) -> Finished:
        """As `shard.Finish`."""
        if not owns_structure(sample):
            return Finished(samples=(sample,))
        structure: RawStructure = sample.fields["structure"][0]
        made: dict[str, list[Value]] = defaultdict(list)
        outcomes: list[str] = []
        for modality, compute in self._values(sample, structure):
            try:
                made[modality].append(compute())
            except StructureError as error:
                outcomes.append(f"{modality}: {error.code}")
            else:
                outcomes.append(modality)
        defects: tuple[Sample, ...] = ()
        if sample.id in self.hosts:
            try:
                defects = tuple(defect_samples(sample, self.settings))
                outcomes += ["defect image"] * len(defects)
            except StructureError as error:
                outcomes.append(f"defect host: {error.code}")
        return Finished(samples=(_with(sample, made), *defects), outcomes=tuple(outcomes))

    def _values(self, sample: Sample, structure: RawStructure) -> Iterator[tuple[str, Callable[[], Value]]]:
        for _ in range(self.settings.patterns):
            yield "xrd", lambda: _pattern(structure)
        if len(structure["numbers"]) > self.settings.max_sites:
            return
        for i in range(self.settings.images):
            seed = _seed(sample.id, self.settings.seed, i)
            yield "image", lambda seed=seed: _image(structure, seed, self.settings.image_size)  # type: ignore[misc]


def owns_structure(sample: Sample) -> bool:
    """Whether the sample is that of its structure, not one that a structure was put beside."""
    return "structure" in sample.fields and not any("joined_by" in p for p in sample.provenance.get("structure", ()))


def simulator(settings: Simulate, samples: Iterable[Sample]) -> Simulator:
    """What simulates as a build says; the hosts of defects are chosen among its samples.

    Raises:
        DataError: Too few samples can be hosts.
    """
    if not settings.defects:
        return Simulator(settings=settings)
    hosts = choose_hosts(filter(owns_structure, samples), settings.hosts, max_sites=settings.host_sites)
    return Simulator(settings=settings, hosts=frozenset(host.id for host in hosts))


def _with(sample: Sample, made: Mapping[str, list[Value]]) -> Sample:
    """The sample with these values behind those that it has."""
    fields, provenance, annotations = dict(sample.fields), dict(sample.provenance), dict(sample.annotations)
    for modality, both in made.items():
        fields[modality] = (*sample.fields.get(modality, ()), *(value for value, _ in both))
        provenance[modality] = (*sample.provenance.get(modality, ()), *(known for _, known in both))
        if modality in annotations:
            annotations[modality] = (*annotations[modality], *(None for _ in both))
    return replace(sample, fields=fields, provenance=provenance, annotations=annotations)


def _pattern(structure: RawStructure) -> Value:
    return pattern(structure), {"origin": "simulated", "joined_by": "entry"}


def _image(structure: RawStructure, seed: int, size: int) -> Value:
    zone = " ".join(map(str, draw_zone(structure, seed)))
    known = {"origin": "simulated", "joined_by": "entry", "seed": str(seed), "zone": zone}
    return image(structure, seed=seed, size=size), {**known, **conditions(seed).provenance()}


def _seed(identifier: str, seed: int, number: int) -> int:
    """From names, so that a sample's images do not depend on what else is in the set."""
    return int(sha256(f"{seed}:{identifier}:{number}".encode())[:12], 16)
