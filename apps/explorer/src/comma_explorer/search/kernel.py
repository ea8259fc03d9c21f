"""The one loop that has to be compiled: an upper bound of every score from 8-bit codes."""

from typing import no_type_check

import numpy as np
from comma_encoders.modalities.structure.jit import jit

BLOCK = 512
"""Rows whose highest bound is kept together."""


@jit()
@no_type_check
def upper_bounds(  # noqa: PLR0913, PLR0917 - arrays, for the compiler
    codes: np.ndarray,
    bounds: np.ndarray,
    query: np.ndarray,
    weights: np.ndarray,
    allowed: np.ndarray,
    upper: np.ndarray,
    highest: np.ndarray,
) -> None:
    """Fill `upper` with a bound of each row's score, and `highest` with the greatest of each block.

    Args:
        codes: (n, prefix) int8.
        bounds: (n, 3) float32: scale of the codes, their error, length of the rest.
        query: (prefix,) int16.
        weights: (4,) float32: what multiplies sum and scale, error, and rest; and what is added.
        allowed: (n,) bool, or (0,) where every row is.
        upper: (n,) float32, minus infinity where a row is not allowed.
        highest: (blocks,) float32.
    """
    n, prefix = codes.shape
    scaled, wrong, rest, more = weights[0], weights[1], weights[2], weights[3]
    every = len(allowed) == 0
    for block in range(len(highest)):
        top = np.float32(-np.inf)
        for i in range(block * BLOCK, min(n, (block + 1) * BLOCK)):
            if not (every or allowed[i]):
                upper[i] = np.float32(-np.inf)
                continue
            total = np.int32(0)
            for j in range(prefix):
                # cast at every step: numba widens to 64 bits, which would double the work
                total = np.int32(total + np.int32(np.int16(codes[i, j])) * np.int32(query[j]))
            bound = np.float32(total) * (scaled * bounds[i, 0]) + wrong * bounds[i, 1] + rest * bounds[i, 2] + more
            upper[i] = bound
            top = max(top, bound)
        highest[block] = top
