"""A task that needs long distances: the electrostatic energy of random charges on a lattice."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure
from torch import nn

from benchmarks.results_form import row

SIDE = 6
"""Atoms along an edge of the cube."""
SPACING = 2.82
"""Å."""
TRAIN, TEST = 240, 80
EPOCHS = 40
FLAT = Config(width=64, layers=2, moments=(48, 16, 8))
KINDS = {"flat": FLAT, "regions of 6 Å": replace(FLAT, region=6.0, far=15.0)}


def _sample(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], float]:
    """A neutral cell whose charges follow a slow wave, and its energy per atom in eV."""
    grid = np.array(list(np.ndindex(SIDE, SIDE, SIDE)))
    positions = SPACING * grid + rng.normal(0, 0.1, grid.shape)
    wave = sum(rng.normal() * np.cos(2 * np.pi * (grid[:, axis] / SIDE + rng.random())) for axis in range(3))
    charges = wave + 0.3 * rng.standard_normal(len(grid))
    charges -= charges.mean()
    cell = SPACING * SIDE * np.eye(3)
    species = [f"{'Na' if charge > 0 else 'Cl'}" for charge in charges]
    crystal = Structure(Lattice(cell), species, positions, coords_are_cartesian=True)
    crystal.add_oxidation_state_by_site(charges.tolist())
    energy = EwaldSummation(crystal, compute_forces=False).total_energy / len(grid)
    value = {
        "numbers": np.where(charges > 0, 11, 17),
        "positions": positions,
        "cell": cell,
        "periodic": np.ones(3, dtype=bool),
        "charges": charges,
    }
    return value, energy


def errors() -> Iterator[dict[str, Any]]:
    """Root mean squared error on unseen cells, of each kind and of the mean."""
    rng = np.random.default_rng(0)
    samples = [_sample(rng) for _ in range(TRAIN + TEST)]
    energies = torch.tensor([energy for _, energy in samples], dtype=torch.float32)
    mean, spread = energies[:TRAIN].mean(), energies[:TRAIN].std()
    scaled = (energies - mean) / spread
    base = float((energies[TRAIN:] - mean).square().mean().sqrt())
    yield row("electrostatic energy, RMSE, eV per atom", base, n=TEST, kind="mean of the training cells")
    for kind, config in KINDS.items():
        found = _trained(config, [value for value, _ in samples], scaled)
        error = float((found - scaled[TRAIN:]).square().mean().sqrt() * spread)
        print(f"{kind}: {error:.4f} eV per atom, the mean {base:.4f}", file=sys.stderr)
        yield row("electrostatic energy, RMSE, eV per atom", error, n=TEST, kind=kind)


def _trained(config: Config, values: list[dict[str, np.ndarray]], scaled: torch.Tensor) -> torch.Tensor:
    """Predictions for the test cells, by the plainest of loops."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    encoder = Encoder(config)
    model = nn.Sequential(encoder, nn.Linear(config.width, config.width), nn.SiLU(), nn.Linear(config.width, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    graphs = [collate(values[i : i + 8], config) for i in range(0, len(values), 8)]
    steps = EPOCHS * TRAIN // 8
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for i in rng.permutation(TRAIN // 8):
            loss = (model(graphs[i])[:, 0] - scaled[8 * i : 8 * i + 8]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        return torch.cat([model(graph)[:, 0] for graph in graphs[TRAIN // 8 :]])
