"""What the coordinates of simulated defects themselves say about Burgers vector, misorientation and twin."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from comma_data.hosts import host_view
from comma_data.sample import Sample
from comma_data.simulate.defects.defect import Defect, Specimen
from comma_data.simulate.defects.kinds import KINDS
from comma_data.simulate.defects.lattice import burgers_vector, net, translations
from comma_data.simulate.projection import View

from benchmarks.results_form import row

RADIUS_NM = 2.5
"""Half the edge of a Burgers circuit."""


def rows(hosts: Sequence[Sample]) -> list[dict[str, Any]]:
    """The largest deviation of each law over the hosts, and how many hosts keep it."""
    views = [host_view(host.fields["structure"][0]) for host in hosts]
    circuits = [_circuit_error(seen, number) for number, seen in enumerate(views)]
    angles = [_misorientation_error(seen, number) for number, seen in enumerate(views)]
    mirrors = [_mirror_error(seen, number) for number, seen in enumerate(views)]
    n = len(views)
    return [
        row("hosts whose Burgers circuit closes to b within 1 %", sum(c < 0.01 for c in circuits), n=n, part="laws"),
        row(
            "hosts whose misorientation is as stated within 0.5 degrees", sum(a < 0.5 for a in angles), n=n, part="laws"
        ),
        row("largest deviation of a misorientation, degrees", max(angles), n=n, part="laws"),
        row("hosts whose twin is the mirror image within 0.001 nm", sum(m < 1e-3 for m in mirrors), n=n, part="laws"),
    ]


def _made(seen: View, kind: str, seed: int, edge: float, thickness: float) -> Defect:
    box = (edge, edge, thickness)
    specimen = Specimen(seen=seen, box_nm=box, offset=(0.1, 0.2, 0.3), centre=np.zeros(2))
    return KINDS[kind](specimen, np.random.default_rng(seed))


def _circuit_error(seen: View, seed: int) -> float:
    """How far a circuit around an edge dislocation, mapped onto the lattice, fails to close by b, in units of b."""
    moves, burgers = translations(seen), burgers_vector(seen)
    other = _across(moves, burgers)
    climb = 2 * abs(other[2]) * round(RADIUS_NM / float(np.linalg.norm(other[:2])))
    defect = _made(seen, "edge-dislocation", seed, 4 * RADIUS_NM + 4, climb + 2.0)
    burgers = _vector(defect, "burgers")
    atoms = defect.cloud.positions[defect.cloud.numbers == _rarest(seen)]
    corner = np.array([*defect.outline.at, 0.0]) - _rounded(burgers) - _rounded(other)
    at = first = atoms[np.linalg.norm(atoms - corner, axis=1).argmin()]
    for step in (burgers, other, -burgers, -other):
        for _ in range(2 * round(RADIUS_NM / np.linalg.norm(step[:2]))):
            at = atoms[np.linalg.norm(atoms - at - step, axis=1).argmin()]
    lattice = moves[np.linalg.norm(moves - (at - first), axis=1).argmin()]
    sense = np.sign(burgers[0] * other[1] - burgers[1] * other[0])
    return float(np.linalg.norm(lattice - sense * burgers) / np.linalg.norm(burgers))


def _across(moves: np.ndarray, burgers: np.ndarray) -> np.ndarray:
    """The short lattice translation across the Burgers vector that leaves the image plane least."""
    wide = np.abs(moves[:, 0] * burgers[1] - moves[:, 1] * burgers[0]) > 0.5 * np.linalg.norm(burgers) * np.linalg.norm(
        moves, axis=1
    )
    short = moves[wide][:20]
    return short[np.abs(short[:, 2]).round(6).argmin()]


def _rarest(seen: View) -> int:
    """The element with the fewest sites: the farther apart they are, the surer a step finds its end."""
    numbers, counts = np.unique(seen.numbers, return_counts=True)
    return int(numbers[counts.argmin()])


def _rounded(step: np.ndarray) -> np.ndarray:
    """A whole number of steps, about the radius of the circuit."""
    return step * round(RADIUS_NM / np.linalg.norm(step[:2]))


def _vector(defect: Defect, name: str) -> np.ndarray:
    return np.array(defect.geometry[name], dtype=float)


def _halves(defect: Defect, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Atoms of one element well inside the two sides of a planar defect."""
    along = defect.outline.along
    assert along is not None
    depth = (defect.cloud.positions[:, :2] - defect.outline.at) @ np.array([-along[1], along[0]])
    near = np.linalg.norm(defect.cloud.positions[:, :2] - defect.outline.at, axis=1) < 2.0
    near &= defect.cloud.numbers == number
    return defect.cloud.positions[near & (depth < -0.2)], defect.cloud.positions[near & (depth > 0.2)]


def _misorientation_error(seen: View, seed: int) -> float:
    """Degrees between the stated misorientation and the one at which lattice steps meet atoms."""
    defect = _made(seen, "grain-boundary", seed, 5.0, 0.9)
    sides = _halves(defect, _rarest(seen))
    turns = [_turn(np.unique(side[:, :2].round(4), axis=0), net(seen)) for side in sides]
    return abs(abs(turns[0] - turns[1]) - float(str(defect.geometry["misorientation_deg"])))


def _turn(flat: np.ndarray, basis: np.ndarray) -> float:
    """The angle, degrees, by which the net has to turn so that most of its steps lead from column to column."""
    steps = np.concatenate([basis, 2 * basis])
    angles = np.arange(-17.0, 17.0, 0.1)
    scores = []
    for angle in np.radians(angles):
        c, s = np.cos(angle), np.sin(angle)
        ends = flat[:, None, :] + steps @ np.array([[c, s], [-s, c]])
        miss = np.linalg.norm(ends[:, :, None, :] - flat[None, None, :, :], axis=-1).min(axis=2)
        scores.append(np.exp(-((miss / 0.01) ** 2)).sum())
    return float(angles[int(np.argmax(scores))])


def _mirror_error(seen: View, seed: int) -> float:
    """How far the reflected upper half of a twin is from the lattice of the lower half, nm, at most."""
    defect = _made(seen, "twin", seed, 5.0, 0.9)
    lower, upper = _halves(defect, _rarest(seen))
    axis, shift = _vector(defect, "axis"), _vector(defect, "shift")
    point = np.array([*defect.outline.at, 0.0])
    back = upper - shift
    reflected = back - 2 * np.outer((back - point) @ axis, axis)
    apart = (reflected[:, None, :] - lower[None, :, :]) @ np.linalg.inv(seen.vectors)
    return float(np.linalg.norm((apart - np.round(apart)) @ seen.vectors, axis=-1).min(axis=1).max())
