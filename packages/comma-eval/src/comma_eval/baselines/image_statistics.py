"""What a micrograph tells without a network: its grey levels, its power spectrum, and what Bragg filtering leaves.

All but the grey levels are taken from the image at zero mean and unit spread.
"""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

RINGS = 24
"""Rings of the power spectrum, from zero to half a cycle per pixel."""
STRONGEST = 0.015
"""Share of the Fourier components that is taken for the lattice."""
SMOOTHED = 1.0
"""Pixels, standard deviation: noise is averaged within an atom column."""
AROUND = 4.0
"""Pixels, standard deviation: where in the image the residual is strong."""
TAILS = (0.1, 1.0, 99.0, 99.9)
"""Percentiles of the residual."""

Image = Float[np.ndarray, "height width"]


def brightness(pixels: np.ndarray) -> Float[np.ndarray, " 4"]:
    """Mean, standard deviation, least and greatest of the pixels as they are stored."""
    grey = np.asarray(pixels, dtype=np.float64)
    return np.array([grey.mean(), grey.std(), grey.min(), grey.max()])


def normalised(pixels: np.ndarray) -> Image:
    """The image at zero mean and unit spread; zeros where all pixels are equal."""
    grey = np.asarray(pixels, dtype=np.float64)
    centred = grey - grey.mean()
    spread = centred.std()
    return centred / spread if spread > 1e-12 * max(1.0, abs(float(grey.mean()))) else np.zeros_like(grey)


def power_spectrum(pixels: np.ndarray) -> Float[np.ndarray, " 48"]:
    """Logarithm of the mean power on each ring, and its spread along the ring over that mean.

    Powders and grains fill rings evenly, a single lattice concentrates its power in spots, a twin doubles them. The
    image is tapered by a Hann window.
    """
    image = normalised(pixels)
    power = np.abs(np.fft.fft2(image * np.outer(*(np.hanning(edge) for edge in image.shape)))) ** 2
    rings = _rings(image.shape)
    counts = np.maximum(np.bincount(rings, minlength=RINGS + 1)[:RINGS], 1)
    mean, square = (
        np.bincount(rings, weights=p.ravel(), minlength=RINGS + 1)[:RINGS] / counts for p in _moments(power)
    )
    spread = np.sqrt(np.maximum(square - mean**2, 0.0)) / np.maximum(mean, 1e-9)
    return np.concatenate([np.log(mean + 1e-6), spread])


def lattice_residual(pixels: np.ndarray) -> Float[np.ndarray, " 11"]:
    """How large, how skew and how local the image is without its strongest Fourier components.

    The lattice is periodic and sits in few components; what is left when they are taken away shows what breaks it
    (Bragg filtering: Möbus, Necker and Rühle, Ultramicroscopy 49, 46 (1993)).

    Returns:
        Spread, least and greatest of the residual, its third and fourth standardised moment, the greatest local power
        over the mean and the spread of local power over the mean, and the percentiles `TAILS` over the spread.
    """
    image = normalised(pixels)
    waves = np.fft.fft2(image)
    strength = np.abs(waves)
    lattice = np.fft.ifft2(waves * (strength >= np.quantile(strength, 1 - STRONGEST))).real
    rest = ndimage.gaussian_filter(image - lattice, SMOOTHED)
    scaled = rest / max(float(rest.std()), 1e-9)
    local = ndimage.gaussian_filter(rest**2, AROUND)
    mean = max(float(local.mean()), 1e-12)
    return np.array(
        [
            rest.std(),
            rest.min(),
            rest.max(),
            (scaled**3).mean(),
            (scaled**4).mean(),
            local.max() / mean,
            local.std() / mean,
            *np.percentile(scaled, TAILS),
        ]
    )


def _moments(power: Image) -> tuple[Image, Image]:
    return power, power**2


def _rings(shape: tuple[int, ...]) -> np.ndarray:
    """Ring of every Fourier component, flat; `RINGS` for those beyond half a cycle per pixel, in the corners."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(edge) for edge in shape), indexing="ij"))
    return np.minimum((2 * frequency * RINGS).astype(int), RINGS).ravel()
