"""Patterns -> intensities over 1/d, so that the wavelength of the instrument does not matter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comma_encoders.errors import InputError
from comma_encoders.modalities.xrd.config import Config

GAP = 5.0
"""Points this many usual steps apart have a range between them that was not measured."""
LEAST = 1e-3
"""A bin of which less was measured counts as not measured."""


def checked(value: Any) -> tuple[np.ndarray, np.ndarray]:
    """1/d in 1/Å, rising (p,), and intensity (p,), by Bragg's law 1/d = 2 sin(θ) / λ.

    A point at exactly 0° is left out: it is the direct beam, which no planes diffract.

    Raises:
        InputError: arrays of different or too short length, angles that do not rise or are outside [0, 180), a value
            that is not finite, nothing but zeros, an impossible wavelength.
    """
    try:
        angle = np.asarray(value["two_theta"], dtype=np.float64)
        intensity = np.asarray(value["intensity"], dtype=np.float64)
        wavelength = float(value["wavelength"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a pattern needs two_theta (p,), intensity (p,) and wavelength: {error!r}") from error
    if angle.ndim != 1 or angle.shape != intensity.shape or len(angle) < 2:
        raise InputError(f"two_theta {angle.shape} and intensity {intensity.shape} have to be (p,) with p >= 2")
    if not (np.isfinite(angle).all() and np.isfinite(intensity).all()):
        raise InputError("a pattern has a NaN or infinite value; cut these points out")
    if angle.min() < 0 or angle.max() >= 180 or (np.diff(angle) <= 0).any():
        raise InputError("two_theta has to rise and lie between 0 and 180 degrees")
    angle, intensity = angle[angle > 0], intensity[angle > 0]
    if len(angle) < 2:
        raise InputError("a pattern with fewer than two points above 0 degrees")
    if not 0.01 < wavelength < 10:
        raise InputError(f"a wavelength of {wavelength} Å; it has to lie between 0.01 and 10 Å")
    if intensity.max() <= 0:
        raise InputError("a pattern without any positive intensity")
    return 2 * np.sin(np.radians(angle / 2)) / wavelength, np.clip(intensity, 0, None)


def gaps(s: np.ndarray, bin_width: float) -> np.ndarray:
    """Which of the p - 1 intervals between neighbouring points were left out of the measurement, (p - 1,), bool.

    These are intervals wider than a bin, and than `GAP` times the usual one.
    """
    steps = np.diff(s)
    return np.asarray(steps > max(GAP * float(np.median(steps)), bin_width))


def binned(value: Any, config: Config) -> np.ndarray:
    """Mean intensity of each bin, as square roots with maximum 1, and the part of it that was measured: (2, bins).

    The mean over a bin comes from the integral, so that a peak narrower than a bin is not lost between two points.
    Square roots bring weak lines up, and make counting noise equal everywhere (Bartlett 1936, doi:10.2307/2983678).
    """
    s, intensity = checked(value)
    edges = np.linspace(config.low, config.high, config.bins + 1)
    there = ~gaps(s, edges[1] - edges[0])
    steps = np.where(there, np.diff(s), 0.0)
    integral, covered = (
        np.diff(np.interp(edges, s, np.concatenate([[0.0], np.cumsum(steps * height)])))
        for height in ((intensity[1:] + intensity[:-1]) / 2, 1.0)
    )
    measured = np.clip(covered / np.diff(edges), 0, 1)
    if not (measured > LEAST).any():
        raise InputError(
            f"nothing was measured between 1/d = {config.low} and {config.high} 1/Å; the pattern goes "
            f"from {s[0]:.3g} to {s[-1]:.3g}"
        )
    mean = np.divide(integral, covered, out=np.zeros(config.bins), where=measured > LEAST)
    root = np.sqrt(mean)
    return np.stack([root / max(root.max(), 1e-12), np.where(measured > LEAST, measured, 0.0)])


def collate(values: Sequence[Any], config: Config) -> dict[str, Tensor]:
    """`pattern` (values, 2, bins), float32: intensities, and the part of each bin that was measured.

    Raises:
        InputError: a pattern that cannot be used; the message gives its place in the list.
    """
    rows = []
    for i, value in enumerate(values):
        try:
            rows.append(binned(value, config))
        except InputError as error:
            raise InputError(f"pattern {i} of {len(values)}: {error}") from error
    return {"pattern": torch.from_numpy(np.array(rows, dtype=np.float32))}
