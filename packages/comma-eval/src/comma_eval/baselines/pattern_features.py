"""A measured pattern as plain numbers, without learning."""

from typing import Any

import numpy as np
from jaxtyping import Float

EDGES = np.linspace(0.8, 5.6, 241)
"""Of the bins of the scattering vector, 1/Å: 0.02 wide, where laboratory powder patterns have their lines."""


def pattern_features(pattern: Any) -> Float[np.ndarray, " 240"]:
    """Mean square root of the intensity in bins of the scattering vector 4π sin θ / λ, of unit length.

    Args:
        pattern: a `comma_data.sample.RawPattern`.
    """
    vector = 4 * np.pi * np.sin(np.radians(np.asarray(pattern["two_theta"]) / 2)) / pattern["wavelength"]
    counts, _ = np.histogram(vector, EDGES)
    sums, _ = np.histogram(vector, EDGES, weights=np.sqrt(np.asarray(pattern["intensity"], dtype=float)))
    means = sums / np.maximum(counts, 1)
    return means / max(float(np.linalg.norm(means)), 1e-12)
