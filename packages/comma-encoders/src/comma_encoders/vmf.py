"""The von Mises-Fisher distribution on unit vectors, for vectors with an uncertainty.

Its density at u is C(κ) exp(κ μ·u), with mean direction μ and concentration κ (Mardia and Jupp, Directional Statistics,
2000, eq. 9.3.4): the counterpart of an isotropic Gaussian on the sphere. Everything here is a pure function.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def log_bessel(order: float, x: Float[Tensor, " *n"]) -> Float[Tensor, " *n"]:
    """Logarithm of I_order(x), order >= 2, x > 0, by the uniform expansion for large orders; relative error below 1e-3.

    Abramowitz and Stegun 1964, eq. 9.7.7 with the terms u1 to u3 of eq. 9.3.9.
    """
    z = x / order
    root = (1 + z**2).sqrt()
    t = 1 / root
    eta = root + (z / (1 + root)).log()
    u1 = (3 * t - 5 * t**3) / 24
    u2 = (81 * t**2 - 462 * t**4 + 385 * t**6) / 1152
    u3 = (30375 * t**3 - 369603 * t**5 + 765765 * t**7 - 425425 * t**9) / 414720
    series = u1 / order + u2 / order**2 + u3 / order**3
    return order * eta - 0.5 * math.log(2 * math.pi * order) + 0.5 * t.log() + series.log1p()


def log_normaliser(concentration: Float[Tensor, " *n"], dim: int) -> Float[Tensor, " *n"]:
    """Logarithm of C(κ), with respect to the area of the sphere in `dim` dimensions (Mardia and Jupp, eq. 9.3.4)."""
    order = dim / 2 - 1
    return order * concentration.log() - dim / 2 * math.log(2 * math.pi) - log_bessel(order, concentration)


def negative_log_likelihood(
    direction: Float[Tensor, "n dim"], concentration: Float[Tensor, " n"], target: Float[Tensor, "n dim"]
) -> Float[Tensor, " n"]:
    """-log of the density at the target: the loss with which a direction and its concentration are learnt together."""
    cosine = (direction * target).sum(dim=-1)
    return -log_normaliser(concentration, direction.shape[-1]) - concentration * cosine


def mean_cosine(concentration: Float[Tensor, " *n"], dim: int) -> Float[Tensor, " *n"]:
    """Expected cosine to the mean direction, I_{d/2}(κ) / I_{d/2-1}(κ) (Mardia and Jupp 2000, eq. 9.3.9)."""
    return (log_bessel(dim / 2, concentration) - log_bessel(dim / 2 - 1, concentration)).exp()


def concentration_of(cosine: Float[Tensor, " *n"], dim: int) -> Float[Tensor, " *n"]:
    """The concentration whose expected cosine is about this.

    Banerjee et al. 2005, J. Mach. Learn. Res. 6:1345, eq. 4.4.
    """
    r = cosine.clamp(1e-3, 1 - 1e-6)
    return r * (dim - r**2) / (1 - r**2)


def cap_angle(concentration: Float[Tensor, " n"], dim: int, level: float) -> Float[Tensor, " n"]:
    """Radians around the mean direction within which a share `level` of the distribution lies.

    The density of the angle θ is proportional to exp(κ cos θ) sin(θ)^(dim-2). It is summed on a grid of θ for 256
    concentrations, between which the angle is interpolated.
    """
    if not len(concentration):
        return concentration
    kappa = concentration.cpu().double().log()
    knots = torch.linspace(float(kappa.min()) - 1e-6, float(kappa.max()) + 1e-6, 256, dtype=torch.float64)
    theta = torch.linspace(0, math.pi, 4001, dtype=torch.float64)[1:-1]
    log_density = knots.exp()[:, None] * (theta.cos() - 1) + (dim - 2) * theta.sin().log()
    mass = (log_density - log_density.amax(dim=1, keepdim=True)).exp().cumsum(dim=1)
    angles = theta[(mass < level * mass[:, -1:]).sum(dim=1).clamp(max=len(theta) - 1)]
    return torch.from_numpy(np.interp(kappa.numpy(), knots.numpy(), angles.numpy())).to(concentration)
