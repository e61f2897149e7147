"""How a video is drawn from noise: solver, stops, guidance."""

from itertools import pairwise
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, field_validator

from physics_data.core.config import StrictModel
from worldsim.diffusion import SOLVERS, GuidanceConfig, timestep_grid


class Drawing(StrictModel):
    """How a video is drawn from noise.

    num_steps:  intervals of the solver
    solver:     a name from ``diffusion.SOLVERS``
    shift:      moves the solver's stops towards noise, see ``diffusion.shift_t``
    grid:       the stops themselves, from 1 down to 0, in place of ``num_steps`` and ``shift``
    guidance:   how strongly the prompt pulls
    """

    num_steps: Annotated[int, Field(ge=1)] = 20
    solver: str = "euler"
    shift: Annotated[float, Field(gt=0)] = 1.0
    grid: tuple[float, ...] | None = None
    guidance: GuidanceConfig = GuidanceConfig()

    @field_validator("solver")
    @classmethod
    def _known_solver(cls, name: str) -> str:
        return SOLVERS.check(name)

    @field_validator("grid")
    @classmethod
    def _falls_from_one_to_zero(cls, grid: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if grid is None:
            return None
        falls = all(after < before for before, after in pairwise(grid))
        if len(grid) < 2 or (grid[0], grid[-1]) != (1.0, 0.0) or not falls:
            raise ValueError(f"grid {list(grid)} must fall from 1 to 0, e.g. [1, 0.5, 0]")
        return grid

    @property
    def stops(self) -> Float[torch.Tensor, "n"]:
        """The t at which the network is called, and 0 at the end."""
        return timestep_grid(self.num_steps, self.shift) if self.grid is None else torch.tensor(self.grid)


DEFAULT = Drawing()
