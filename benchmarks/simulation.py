"""Simulated patterns, micrographs and defects: are they right, do they leak, and what do they cost?

Reference values come from independent implementations: pymatgen for diffraction, abTEM (where installed) for
micrographs, the cell itself for spacings, and the coordinates themselves for defects.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.config import Simulate
from comma_data.defect_set import defect_samples
from comma_data.hosts import choose_hosts
from comma_data.sample import RawStructure, Record, Sample
from comma_data.simulate.conditions import Conditions, conditions
from comma_data.simulate.projection import common_zones, fill, view
from comma_data.simulate.reflections import CU_K_ALPHA, lines
from comma_data.simulate.scan import EXPONENT, signal, still
from comma_data.simulate.stem import image
from comma_data.simulate.xrd import pattern
from comma_data.sources import structures
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice, Structure

from benchmarks import simulation_laws, simulation_leaks, simulation_multislice
from benchmarks.results_form import row, write_result

COMMAND = "OMP_NUM_THREADS=1 COMMA_DATA=DIR python -m benchmarks.simulation"
RANGE = (8.0, 92.0)
"""Degrees: what a pattern from 10 to 90 needs."""
CRYSTALS = 200
HOSTS = 60
SMALL = 12
"""Sites: of larger cells any spacing would be close to one of the many expected."""
MEASURED = 30
"""Hosts in which the coordinates of defects are measured."""
IMAGES = 6
"""Of each class and host."""

Rows = list[dict[str, Any]]


def main() -> int:
    """Measure, write `benchmarks/results/simulation.json`, and print it."""
    if "COMMA_DATA" not in os.environ:
        print("error: COMMA_DATA is not set; name the folder with the data sets", file=sys.stderr)
        return 2
    start = time.perf_counter()
    samples = _samples(Path(os.environ["COMMA_DATA"]) / "materials-project" / "structures-00.tar.gz")
    some = [s.fields["structure"][0] for s in samples[:: len(samples) // CRYSTALS]][:CRYSTALS]
    hosts = choose_hosts(samples, HOSTS)
    parts: Sequence[Callable[[], Rows]] = (
        partial(_diffraction, some),
        partial(_pictures, some),
        partial(_spacings, some),
        _contrast,
        partial(_defects, hosts),
        partial(simulation_laws.rows, hosts[:MEASURED]),
        simulation_multislice.rows,
    )
    rows = []
    for part in parts:
        for one in part():
            rows.append(one)
            print(f"{one['part']:14}{one['metric']:64}{one['value']:12.5g}   n = {one['n']}", flush=True)
    what = f"Simulated diffraction and micrographs of {CRYSTALS} structures, defects in {HOSTS} hosts."
    write_result("simulation", what, COMMAND, rows, time.perf_counter() - start)
    return 0


def _samples(path: Path) -> list[Sample]:
    """Every structure of one archive of the Materials Project set, in the archive's order."""
    return [
        Sample(id=r.key.lower(), fields={"structure": (r.value,)}, groups={"formula": r.formula or r.key})
        for r in structures.read(path)
        if isinstance(r, Record)
    ]


def _diffraction(some: Sequence[RawStructure]) -> Rows:
    ours, theirs, whole, worst, missing = [], [], [], [], 0
    for structure in some:
        seconds, found = _timed(partial(lines, structure, two_theta=RANGE))
        ours.append(seconds)
        seconds, reference = _timed(partial(_pymatgen, structure))
        theirs.append(seconds)
        whole.append(_timed(partial(pattern, structure))[0])
        position, intensity = np.asarray(reference.x), np.asarray(reference.y)
        if len(position) == len(found.two_theta) and np.abs(position - found.two_theta).max() < 2e-5:
            worst.append(np.abs(intensity - 100 * found.intensity / found.intensity.max()).max())
        else:
            missing += 1
    n = len(some)
    return [
        row("processor ms per structure, reflections, median", 1e3 * float(np.median(ours)), n=n, part="diffraction"),
        row("processor ms per structure, reflections, mean", 1e3 * float(np.mean(ours)), n=n, part="diffraction"),
        row("processor ms per structure, pymatgen, median", 1e3 * float(np.median(theirs)), n=n, part="diffraction"),
        row("times as fast as pymatgen, median", float(np.median(np.divide(theirs, ours))), n=n, part="diffraction"),
        row(
            "processor ms per structure, whole pattern, median", 1e3 * float(np.median(whole)), n=n, part="diffraction"
        ),
        row("processor ms per structure, whole pattern, mean", 1e3 * float(np.mean(whole)), n=n, part="diffraction"),
        row("structures with other lines than pymatgen", missing, n=n, part="diffraction"),
        row("largest difference of an intensity, strongest = 100", float(max(worst)), n=len(worst), part="diffraction"),
    ]


def _pymatgen(structure: RawStructure) -> Any:
    crystal = Structure(
        Lattice(structure["cell"]), list(structure["numbers"]), structure["positions"], coords_are_cartesian=True
    )
    return XRDCalculator(CU_K_ALPHA, symprec=0).get_pattern(crystal, two_theta_range=RANGE)


def _pictures(some: Sequence[RawStructure]) -> Rows:
    ours = [_timed(partial(image, s, seed=i))[0] for i, s in enumerate(some)]
    naive, match = [], []
    for number, structure in enumerate(some[:: len(some) // 20]):
        under = conditions(number)
        zone = common_zones(structure)[0]
        edge = under.field_nm + 10 * under.probe_fwhm_nm
        cloud = fill(view(structure, zone), (edge, edge, under.thickness_nm), under.offset)
        seconds, slow = _timed(partial(_gaussians, cloud.positions, cloud.numbers, under))
        naive.append(seconds)
        own = signal(cloud, _upright(under), still(96))
        match.append(float(np.corrcoef(own.ravel(), slow.ravel())[0, 1]))
    return [
        row("processor ms per image, median", 1e3 * float(np.median(ours)), n=len(ours), part="micrographs"),
        row(
            "processor ms, a Gaussian for each atom, median",
            1e3 * float(np.median(naive)),
            n=20,
            part="micrographs",
        ),
        row("least correlation with a Gaussian for each atom", min(match), n=len(match), part="micrographs"),
    ]


def _upright(under: Conditions) -> Conditions:
    """The conditions without drift, tilt and turn."""
    return replace(under, drift_nm=(0.0, 0.0), tilt_mrad=(0.0, 0.0), rotation=0.0)


def _gaussians(positions: np.ndarray, numbers: np.ndarray, under: Conditions) -> np.ndarray:
    """What a first attempt does: a Gaussian for each atom over the whole picture, (96, 96)."""
    along = ((np.arange(96) + 0.5) / 96 - 0.5) * under.field_nm
    sigma = under.probe_fwhm_nm / np.sqrt(8 * np.log(2))
    total = np.zeros((96, 96))
    for (x, y, _), number in zip(positions, numbers, strict=True):
        total += number**EXPONENT * np.exp(-((along[:, None] - y) ** 2 + (along - x) ** 2) / (2 * sigma**2))
    return total


def _spacings(some: Sequence[RawStructure]) -> Rows:
    """The strongest spatial frequency of noisy images against the reciprocal lattice normal to the zone."""
    errors = []
    small = [s for s in some if len(s["numbers"]) <= SMALL][:20]
    for number, structure in enumerate(small):
        zone = common_zones(structure)[0]
        made = image(structure, seed=number, zone=zone, size=128)
        found = _strongest(made["pixels"].astype(float), float(made["nm_per_pixel"] or 0))
        reciprocal = 10 * np.linalg.inv(structure["cell"]).T
        indices = np.array(list(itertools.product(range(-8, 9), repeat=3)))
        expected = np.linalg.norm(indices[indices @ np.array(zone) == 0] @ reciprocal, axis=1)
        errors.append(float(np.abs(expected / found - 1).min()))
    within = sum(e < 0.01 for e in errors)
    return [
        row("crystals whose strongest spacing is within 1 %", within, n=len(errors), part="spacings"),
        row("median relative error of the spacing", float(np.median(errors)), n=len(errors), part="spacings"),
    ]


def _strongest(picture: np.ndarray, scale: float) -> float:
    """Length of the strongest frequency, 1/nm, that is faster than 1 nm, refined to a hundredth of a grid step."""
    size = len(picture)
    axis = (np.arange(size) + 0.5) * scale
    windowed = (picture - picture.mean()) * np.outer(np.hanning(size), np.hanning(size))
    steps = np.fft.fftfreq(size, scale)
    spectrum = np.abs(np.fft.fft2(windowed))
    spectrum[np.hypot(steps[:, None], steps[None, :]) < 1.0] = 0
    line, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    best, width = np.array([steps[column], steps[line]]), 0.5 / (size * scale)

    def height(at: np.ndarray) -> float:
        return float(abs(np.exp(-2j * np.pi * at[1] * axis) @ windowed @ np.exp(-2j * np.pi * at[0] * axis)))

    while width > 0.005 / (size * scale):
        best = max((best + width * np.array(d) for d in itertools.product((-1, 0, 1), repeat=2)), key=height)
        width *= 0.7
    return float(np.linalg.norm(best))


def _contrast() -> Rows:
    """The power of Z by which the brightest pixel of a column rises, between neighbouring elements of a list."""
    numbers = (6, 14, 22, 32, 47, 62, 79, 92)
    under = _upright(conditions(0))
    tops = []
    for number in numbers:
        lattice = RawStructure(
            numbers=np.array([number]),
            positions=np.zeros((1, 3)),
            cell=6.0 * np.eye(3),
            periodic=np.ones(3, dtype=bool),
        )
        edge = under.field_nm + 1
        cloud = fill(view(lattice, (0, 0, 1)), (edge, edge, under.thickness_nm), under.offset)
        tops.append(float(signal(cloud, under, still(96)).max()))
    powers = np.diff(np.log(tops)) / np.diff(np.log(numbers))
    return [
        row("least power of Z", float(powers.min()), n=len(powers), part="contrast"),
        row("largest power of Z", float(powers.max()), n=len(powers), part="contrast"),
    ]


def _defects(hosts: Iterable[Sample]) -> Rows:
    found: Rows = []
    for match in (False, True):
        settings = Simulate(defects=IMAGES, match_levels=match)
        seconds, made = _timed(partial(_all_defects, hosts, settings))
        levels = "levels matched" if match else "levels as detected"
        found.append(
            row(f"processor ms per image, mean, {levels}", 1e3 * seconds / len(made), n=len(made), part="defects")
        )
        found += simulation_leaks.rows(made, levels)
    return found


def _all_defects(hosts: Iterable[Sample], settings: Simulate) -> list[Sample]:
    return [sample for host in hosts for sample in defect_samples(host, settings)]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, which other processes do not lengthen, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


if __name__ == "__main__":
    sys.exit(main())
