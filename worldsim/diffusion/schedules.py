"""The grid of t on which N steps of a solver lose least, from the measured error of single steps."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float

from physics_data.core.errors import ConfigError
from worldsim.diffusion.solvers import Samples, VelocityField


@dataclass(frozen=True)
class Bending:
    """How much paths bend on their way from noise to data.

    t:       borders of n intervals, from 1 down to 0
    amount:  root mean square of the second derivative of x by t in each interval (the first of v along the path)
    """

    t: Float[torch.Tensor, "n_and_1"]
    amount: Float[torch.Tensor, "n"]

    def __post_init__(self) -> None:
        """Refuse borders that do not fall, or an amount that is no number."""
        if len(self.t) != len(self.amount) + 1 or not (self.t.diff() < 0).all():
            raise ConfigError(f"{len(self.amount)} intervals need {len(self.amount) + 1} falling values of t.")
        if not (self.amount.isfinite().all() and (self.amount >= 0).all()):
            raise ConfigError("the bending of some interval is negative or no number; measure it again.")


def measure_bending(field: VelocityField, noise: Samples, t: Float[torch.Tensor, "n_and_1"]) -> Bending:
    """Follow the field on a fine grid and record how fast v changes along the way.

    ``noise`` is x at t[0]; one call of the field for each border of the grid but the last, whose v is that before.
    """
    times = t.tolist()
    x, v = noise, field(noise, times[0])
    amounts = []
    for now, then in pairwise(times):
        x = x + (then - now) * v
        v_then = field(x, then) if then > 0 else v
        amounts.append(((v_then - v) / (then - now)).square().mean().sqrt())
        v = v_then
    amounts[-1] = amounts[-2] if len(amounts) > 1 and times[-1] == 0 else amounts[-1]
    return Bending(t.double().cpu(), torch.stack(amounts).double().cpu())


def optimised_grid(
    bending: Bending, num_steps: int, *, order: int = 1, floor: float = 0.05
) -> Float[torch.Tensor, "k"]:
    """Return the ``num_steps`` + 1 values of t with the smallest sum of local errors.

    A step of length d at t adds an error of about c(t) d^(order + 1). Among all grids of N steps the sum of these is
    least where the density of steps is proportional to c(t)^(1 / (order + 1)) (calculus of variations). ``floor`` is
    the least c, as a share of its mean, so no stretch is crossed in one leap because it happened to measure 0.

    Source: de Boor (1973), Good approximation by splines with variable knots (equidistribution of the error).
    """
    if num_steps < 1:
        raise ConfigError(f"num_steps is {num_steps}; sampling needs at least 1.")
    amount = bending.amount.clamp_min(max(floor * float(bending.amount.mean()), 1e-12))
    mass = amount.pow(1 / (order + 1)) * -bending.t.diff()
    reached = torch.cat([mass.new_zeros(1), mass.cumsum(0)])
    wanted = torch.linspace(0, 1, num_steps + 1, dtype=mass.dtype) * reached[-1]
    upper = torch.searchsorted(reached, wanted).clamp(1, len(mass))
    share = (wanted - reached[upper - 1]) / mass[upper - 1]
    grid = torch.lerp(bending.t[upper - 1], bending.t[upper], share.clamp(0, 1))
    grid[0], grid[-1] = bending.t[0], bending.t[-1]
    return grid.float()
