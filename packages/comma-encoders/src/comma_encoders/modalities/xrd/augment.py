"""Variants of a pattern that mean the same material: what specimen, instrument and counting do to it."""

from typing import Any

import numpy as np

SHIFT = 0.1
"""Standard deviation of the zero point at strength 1, degrees."""
WIDTH = 1.5
"""Largest broadening at strength 1, degrees: full width at half maximum of the Gaussian; crystallites of about 6 nm."""
NOISE = 0.2
"""Largest standard deviation at the strongest peak at strength 1, as a part of it: 25 counts."""
BACKGROUND = 0.3
"""Largest height of the background at strength 1, of the strongest peak."""
MISSING = 0.3
"""Largest part of the range that is cut off at each end at strength 1."""
FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian of standard deviation 1."""


def augment(value: Any, rng: np.random.Generator, strength: float = 1.0, *, missing: bool = True) -> Any:
    """The pattern as another measurement would have it, in proportion to `strength`; 0 changes nothing.

    A shifted zero point, broader peaks, a decaying background, noise, and a range that is cut off at one end.

    Args:
        value: raw pattern.
        rng: decides what is done.
        strength: 1 is the usual one.
        missing: whether a range may be cut off.
    """
    if strength == 0:
        return value
    angle = np.asarray(value["two_theta"], dtype=np.float64)
    intensity = np.asarray(value["intensity"], dtype=np.float64)
    shift, width = strength * SHIFT * rng.standard_normal(), strength * WIDTH * rng.random() ** 3
    intensity = broadened(angle, intensity, width)
    intensity = intensity / max(intensity.max(), 1e-300)
    intensity = counted(intensity + background(angle, rng, strength), strength * NOISE * rng.random() ** 2, rng)
    kept = part(len(angle), rng, strength) if missing else slice(None)
    out = {"two_theta": shifted(angle, shift)[kept], "intensity": intensity[kept]}
    return {**value, **out} if out["intensity"].any() else value


def shifted(angle: np.ndarray, shift: float) -> np.ndarray:
    """The angles with another zero point; unchanged where one of them would leave 0° to 180°."""
    return angle + shift if angle[0] + shift > 0 and angle[-1] + shift < 180 else angle


def broadened(angle: np.ndarray, intensity: np.ndarray, fwhm: float) -> np.ndarray:
    """Convolved with a Gaussian of that full width at half maximum, degrees; the ends are continued outwards.

    Angles that are not evenly spaced are brought to an even grid and back.
    """
    step = (angle[-1] - angle[0]) / (len(angle) - 1)
    reach = min(int(np.ceil(3 * fwhm / FWHM / step)), len(angle))
    if reach == 0:
        return intensity
    even = np.linspace(angle[0], angle[-1], len(angle))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step * FWHM / fwhm) ** 2)
    padded = np.pad(np.interp(even, angle, intensity), reach, mode="edge")
    return np.interp(angle, even, np.convolve(padded, taps / taps.sum(), mode="valid"))


def background(angle: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A constant, and a part that decays from low angles on, of the strongest peak: (p,)."""
    flat, falling = strength * BACKGROUND * rng.random() ** 2 * rng.dirichlet([1.0, 1.0])
    decay = rng.uniform(10.0, 40.0)
    return np.asarray(flat + falling * np.exp(-(angle - angle[0]) / decay))


def counted(intensity: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """The intensities counted for so long that 1 has that standard deviation (Poisson's law); unchanged below 1e-6."""
    counts = 1 / noise**2 if noise > 1e-6 else np.inf
    return np.asarray(rng.poisson(counts * intensity) / counts) if np.isfinite(counts) else intensity


def part(points: int, rng: np.random.Generator, strength: float) -> slice:
    """What is left of a pattern of which, every other time, one end is cut off."""
    most = int(strength * MISSING * points)
    off = int(rng.integers(most + 1)) if rng.random() < 0.5 else 0
    kept = slice(off, None) if rng.random() < 0.5 else slice(0, points - off)
    return kept if points - off >= 2 else slice(None)
