"""Solvers of d x / d t = v(x, t) from noise to data."""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from jaxtyping import Float

Samples = Float[torch.Tensor, "..."]
VelocityField = Callable[[Samples, float], Samples]
"""x and t to v; t is the same for all of x."""


class Solver(Protocol):
    """One way to follow a velocity field."""

    evaluations_per_interval: int
    """Calls of the field for each interval of the grid; the last interval of ``Heun`` needs one less."""

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        ...


class Euler:
    """First order: follow v in a straight line. Exact where v is constant along the path."""

    evaluations_per_interval = 1

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        for now, then in pairwise(times):
            x = x + (then - now) * field(x, now)
        return x


class Heun:
    """Second order: the mean of v at both ends; the last interval is an Euler one, because v is not defined at data.

    Source: Karras et al. (2022), Elucidating the design space of diffusion-based generative models, algorithm 1.
    """

    evaluations_per_interval = 2

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        for now, then in pairwise(times):
            v_here = field(x, now)
            ahead = x + (then - now) * v_here
            x = x + (then - now) * 0.5 * (v_here + field(ahead, then)) if then > 0 else ahead
        return x
