"""How a video is drawn from noise: solver, stops, guidance."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator

from physics_data.core.config import StrictModel
from worldsim.diffusion import SOLVERS, GuidanceConfig, timestep_grid


class Drawing(StrictModel):
    """How a video is drawn from noise.

    num_steps:  intervals of the solver
    solver:     a name from ``diffusion.SOLVERS``
    shift:      moves the solver's stops towards noise, see ``diffusion.shift_t``
    guidance:   how strongly the prompt pulls
    """

    num_steps: Annotated[int, Field(ge=1)] = 20
    solver: str = "euler"
    shift: Annotated[float, Field(gt=0)] = 1.0
    guidance: GuidanceConfig = GuidanceConfig()

    @model_validator(mode="before")
    @classmethod
    def _without_removed_keys(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and "grid" in raw:
            if raw["grid"] is not None:
                raise ValueError("grid: measured timesteps were removed; write num_steps and shift instead")
            return {key: value for key, value in raw.items() if key != "grid"}
        return raw

    @field_validator("solver")
    @classmethod
    def _known_solver(cls, name: str) -> str:
        if name == "unipc":
            raise ValueError("the solver unipc was removed: it was no better than dpm++; write solver: dpm++")
        return SOLVERS.check(name)

    @property
    def stops(self) -> Float[torch.Tensor, "n"]:
        """The t at which the network is called, and 0 at the end."""
        return timestep_grid(self.num_steps, self.shift)


DEFAULT = Drawing()
