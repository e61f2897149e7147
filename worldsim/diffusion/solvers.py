"""Solvers of d x / d t = v(x, t) from noise to data, and classifier-free guidance."""

import math
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
    order: int
    """A grid of twice as many intervals has an error 2^order times smaller."""

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        ...


class Euler:
    """First order: follow v in a straight line. Exact where v is constant along the path."""

    evaluations_per_interval = 1
    order = 1

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
    order = 2

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        for now, then in pairwise(times):
            v_here = field(x, now)
            ahead = x + (then - now) * v_here
            x = x + (then - now) * 0.5 * (v_here + field(ahead, then)) if then > 0 else ahead
        return x


class DPMSolverPlusPlus:
    """Second order with one call an interval: the data prediction is extrapolated from the interval before.

    With a = 1 - t, s = t and l = log(a / s), the exact solution over an interval h of l is
    x' = (s' / s) x + a' (1 - e^-h) D for a constant data prediction D; D is that at the middle, extrapolated in l. The
    first interval (l begins at minus infinity) and the last (it ends at infinity) are of first order.

    Source: Lu et al. (2022), DPM-Solver++, algorithm 2 (2M), with the schedule of the straight path.
    """

    evaluations_per_interval = 1
    order = 2

    def __call__(self, field: VelocityField, x: Samples, grid: Float[torch.Tensor, "n"]) -> Samples:
        """Return x at grid[-1], given x at grid[0]."""
        times = grid.tolist()
        before: tuple[Samples, float] | None = None  # the last data prediction, and the length of its interval in l
        for now, then in pairwise(times):
            data = x - now * field(x, now)
            h = _log_ratio(then) - _log_ratio(now)
            middle = data
            if before is not None and math.isfinite(before[1]) and math.isfinite(h):
                middle = data + h / (2 * before[1]) * (data - before[0])
            x = _follow(x, middle, now, then)
            before = (data, h)
        return x


def _log_ratio(t: float) -> float:
    """Return l = log((1 - t) / t); infinite at the ends."""
    if t <= 0:
        return math.inf
    return -math.inf if t >= 1 else math.log((1 - t) / t)


def _follow(x: Samples, data: Samples, now: float, then: float) -> Samples:
    """Return x at ``then`` if ``data`` holds all the way; e^-h = (1 - now) then / (now (1 - then)), also at t = 1."""
    return then / now * x + (1 - then - then / now * (1 - now)) * data


Latents = Float[torch.Tensor, "b c t h w"]


def guide(v_prompted: Latents, v_unprompted: Latents, guidance_scale: float) -> Latents:
    """Return v_unprompted + guidance_scale (v_prompted - v_unprompted): 1 is no guidance, 0 ignores the prompt.

    Source: Ho and Salimans (2022), Classifier-free diffusion guidance, equation 6, with guidance_scale = 1 + their w.
    """
    return torch.lerp(v_unprompted, v_prompted, guidance_scale) if guidance_scale != 1 else v_prompted
