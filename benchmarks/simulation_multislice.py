"""Our Z-contrast images beside multislice calculations of abTEM, on a few oxides and semiconductors.

abTEM is under GPL-3 and no dependency of the project; this part runs where it is installed.
"""

import importlib.util
from typing import Any

import numpy as np
from comma_data.sample import RawStructure
from comma_data.simulate.conditions import Conditions
from comma_data.simulate.defects.lattice import columns, net, wrapped
from comma_data.simulate.projection import fill, view
from comma_data.simulate.scan import signal, still

from benchmarks.results_form import row

THICKNESS_NM = 4.0
PIXELS = 16
"""Probe positions along each edge of the cell."""
TILES_NM = 1.1
"""Least width of the supercell: the probe and its tails have to fit."""
SOURCE_NM = 0.08
"""Full width at half maximum of the source's image, by which the multislice image is blurred."""
PROBE_NM = 0.052
"""Full width at half maximum of an aberration-free probe of 25 mrad at 200 kV."""

CELLS: dict[str, tuple[list[int], list[list[float]], list[float]]] = {
    "SrTiO3": (
        [38, 22, 8, 8, 8],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
        [3.905, 3.905, 3.905],
    ),
    "TiO2": (
        [22, 22, 8, 8, 8, 8],
        [[0, 0, 0], [0.5] * 3, [0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]],
        [4.594, 4.594, 2.959],
    ),
    "GaAs": (
        [31] * 4 + [33] * 4,
        [
            [0, 0, 0],
            [0, 0.5, 0.5],
            [0.5, 0, 0.5],
            [0.5, 0.5, 0],
            [0.25, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.75, 0.25, 0.75],
            [0.75, 0.75, 0.25],
        ],
        [5.653, 5.653, 5.653],
    ),
    "CsCl": ([55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], [4.123, 4.123, 4.123]),
}
"""Atomic numbers, fractions and edges, Å, of orthogonal cells, seen along c (lattice constants of handbooks)."""


def rows() -> list[dict[str, Any]]:
    """Agreement of the images of each cell, and of all columns together; empty without abTEM."""
    if importlib.util.find_spec("abtem") is None:
        return []
    found, theirs, ours = [], [], []
    for name, (numbers, fractions, edges) in CELLS.items():
        cell = np.diag(edges)
        structure = RawStructure(
            numbers=np.array(numbers),
            positions=np.array(fractions) @ cell,
            cell=cell,
            periodic=np.ones(3, dtype=bool),
        )
        reference, own = _multislice(structure), _own(structure)
        match = float(np.corrcoef(reference.ravel(), own.ravel())[0, 1])
        found.append(row("normalised cross-correlation of the images", match, n=PIXELS**2, part="abTEM", crystal=name))
        theirs.append(_column_values(structure, reference))
        ours.append(_column_values(structure, own))
    together = float(np.corrcoef(np.concatenate(theirs), np.concatenate(ours))[0, 1])
    n = sum(map(len, ours))
    found.append(row("correlation of column intensities over all cells", together, n=n, part="abTEM", crystal="all"))
    return found


def _own(structure: RawStructure) -> np.ndarray:
    """One cell, (pixels, pixels), without noise; rows are y."""
    edge = float(structure["cell"][0, 0]) / 10
    under = Conditions(
        field_nm=edge,
        thickness_nm=THICKNESS_NM,
        probe_fwhm_nm=float(np.hypot(PROBE_NM, SOURCE_NM)),
        dose=float("inf"),
        jitter_nm=0.0,
        drift_nm=(0.0, 0.0),
        background=0.0,
        contamination=0.0,
        tilt_mrad=(0.0, 0.0),
        rotation=0.0,
        offset=(0.0, 0.0, 0.0),
    )
    layers = max(1, round(10 * THICKNESS_NM / structure["cell"][2, 2]))
    thickness = layers * structure["cell"][2, 2] / 10
    corner = -0.5 + 0.5 / (4 * PIXELS)  # pixel 0 looks at the corner of the cell
    cloud = fill(view(structure, (0, 0, 1)), (edge + 1, edge + 1, thickness - 1e-6), (corner, corner, 0.01))
    return signal(cloud, under, still(4 * PIXELS))[::4, ::4] / edge**2


def _multislice(structure: RawStructure) -> np.ndarray:
    """One cell, (pixels, pixels), HAADF of 70 to 130 mrad with thermal vibration; rows are y."""
    import abtem
    import ase

    abtem.config.set({"local_diagnostics.progress_bar": False})
    edges = np.diag(structure["cell"])
    atoms = ase.Atoms(structure["numbers"], structure["positions"], cell=structure["cell"], pbc=True)
    tiles = [*np.ceil(10 * TILES_NM / edges[:2]).astype(int), max(1, round(10 * THICKNESS_NM / edges[2]))]
    phonons = abtem.FrozenPhonons(atoms * tiles, num_configs=2, sigmas=0.08, seed=1)
    potential = abtem.Potential(phonons, sampling=0.06, slice_thickness=2.0)
    probe = abtem.Probe(energy=200e3, semiangle_cutoff=25)
    scan = abtem.GridScan(start=(0, 0), end=tuple(edges[:2]), gpts=PIXELS, endpoint=False)
    measured = probe.scan(potential, scan=scan, detectors=abtem.AnnularDetector(inner=70, outer=130))
    image = measured.compute()
    if image.array.ndim == 3:
        image = image.reduce_ensemble()
    return _blurred(np.asarray(image.array), float(edges[0]) / 10).T


def _blurred(picture: np.ndarray, edge_nm: float) -> np.ndarray:
    """Convolve a periodic picture with the source."""
    sigma = SOURCE_NM / np.sqrt(8 * np.log(2)) / (edge_nm / len(picture))
    along = np.exp(-2 * np.pi**2 * sigma**2 * np.fft.fftfreq(len(picture)) ** 2)
    return np.fft.ifft2(np.fft.fft2(picture) * np.outer(along, along)).real


def _column_values(structure: RawStructure, picture: np.ndarray) -> np.ndarray:
    """Mean of the pixels within 0.05 nm of each column."""
    seen = view(structure, (0, 0, 1))
    along = np.arange(PIXELS) / PIXELS * seen.vectors[0, 0]
    points = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    at, _ = columns(seen)
    near = wrapped(points[:, None, :] - at[None, :, :], net(seen)) < 0.05
    return np.array([picture.ravel()[near[:, i]].mean() for i in range(len(at))])
