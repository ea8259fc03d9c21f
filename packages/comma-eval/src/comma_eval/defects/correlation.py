"""Where a picture holds a patch, told by normalised cross-correlation.

J. P. Lewis, Fast normalized cross-correlation, Vision Interface (1995).
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import fftconvolve

SAME = 0.95
"""Correlation from which two are the same pixels: copies that were compressed again have 0.98, two places of one
noisy lattice at most 0.88."""

Patch = Float[np.ndarray, "h w"]
Picture = Float[np.ndarray, "height width"]
Places = Float[np.ndarray, "rows columns"]
"""One value for each place at which a patch lies within a picture."""


def find(patch: Patch, picture: Picture, covered: Bool[np.ndarray, "height width"]) -> tuple[int, int] | None:
    """Row and column at which the picture holds the patch.

    Args:
        patch: what is looked for.
        picture: where.
        covered: where the picture is known.

    Returns:
        None where it does not, or where not all of that place is known.
    """
    if any(p > q for p, q in zip(patch.shape, picture.shape, strict=True)):
        return None
    found = correlation(patch, picture)
    found[_sums(covered.astype(float), patch.shape) < patch.size - 0.5] = -1.0
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    return (int(y), int(x)) if found[y, x] >= SAME else None


def correlation(patch: Patch, picture: Picture) -> Places:
    """From -1 to 1 at every place where the patch lies within the picture; 0 where one of them is flat."""
    template = patch - patch.mean()
    centred = picture - picture.mean()
    overlap = fftconvolve(centred, template[::-1, ::-1], mode="valid")
    variance = _sums(centred**2, patch.shape) - _sums(centred, patch.shape) ** 2 / patch.size
    norm = np.sqrt(np.maximum(variance, 0.0)) * np.linalg.norm(template)
    flat = norm <= 1e-9 * max(1.0, float(norm.max()))
    return np.where(flat, 0.0, overlap / np.where(flat, 1.0, norm))


def _sums(values: Picture, shape: tuple[int, ...]) -> Places:
    """Sum of every window of that shape."""
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    height, width = shape
    upper, lower = total[:-height], total[height:]
    return lower[:, width:] - lower[:, :-width] - upper[:, width:] + upper[:, :-width]
