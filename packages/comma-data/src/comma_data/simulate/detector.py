"""From a noise-free signal to the counts of a detector."""

import numpy as np

from comma_data.simulate.conditions import Conditions

TOP = 62_000
"""Grey level of the brightest pixel: most of 16 bits, nothing saturated."""

READOUT = 0.5
"""Root mean square noise of the amplifier, electrons."""


def detect(signal: np.ndarray, under: Conditions, rng: np.random.Generator) -> np.ndarray:
    """Counts of a detector for a noise-free signal, uint16, the brightest pixel at 62,000 of 65,535."""
    level = signal / max(float(signal.mean()), 1e-12)
    level = level + under.background + under.contamination * _clouds(len(signal), rng)
    electrons = np.maximum(level, 0.0)
    if np.isfinite(under.dose):
        electrons = rng.poisson(electrons * under.dose / electrons.mean()) + rng.normal(0.0, READOUT, signal.shape)
    electrons = np.maximum(electrons, 0.0)
    return np.round(electrons * (TOP / electrons.max())).astype(np.uint16)


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field, (size, size), root mean square about 1: four waves longer than the field is wide."""
    along = np.arange(size) / size
    waves = rng.uniform(-0.5, 0.5, (4, 2))
    phases = rng.uniform(0.0, 2 * np.pi, 4)
    by_x = np.exp(2j * np.pi * (np.outer(waves[:, 0], along) + phases[:, None] / (2 * np.pi)))
    by_y = np.exp(2j * np.pi * np.outer(waves[:, 1], along))
    return (by_y.T @ by_x).real / np.sqrt(2)
