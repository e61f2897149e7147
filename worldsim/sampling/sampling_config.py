"""How a video is sampled from noise: solver, timesteps, guidance."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator

from physics_data.core.config import StrictModel
from worldsim.diffusion import SOLVERS, timestep_grid


class SamplingConfig(StrictModel):
    """How a video is sampled from noise.

    num_steps:          intervals of the solver
    solver:             a name from ``diffusion.SOLVERS``
    shift:              moves the solver's timesteps towards noise, see ``diffusion.shift_t``
    guidance_scale:     how strongly the prompt pulls: 1 is no guidance, 0 ignores the prompt
    guidance_interval:  guidance acts at t between these; outside the prompt alone is followed, at half the cost
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"guidance": "guidance_scale and guidance_interval"}

    num_steps: Annotated[int, Field(ge=1)] = 20
    solver: str = "euler"
    shift: Annotated[float, Field(gt=0)] = 1.0
    guidance_scale: float = 1.5
    guidance_interval: tuple[float, float] = (0.0, 1.0)

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

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> "SamplingConfig":
        low, high = self.guidance_interval
        if not 0 <= low < high <= 1:
            given = list(self.guidance_interval)
            raise ValueError(f"guidance_interval {given} must be two values of t in order within 0 and 1")
        return self

    @property
    def timesteps(self) -> Float[torch.Tensor, "n"]:
        """The t at which the network is called, and 0 at the end."""
        return timestep_grid(self.num_steps, self.shift)

    def is_guided_at(self, t: float) -> bool:
        """Return whether the prediction without prompt is needed at t.

        Source: Kynkäänniemi et al. (2024), Applying guidance in a limited interval.
        """
        return self.guidance_scale != 1 and self.guidance_interval[0] <= t <= self.guidance_interval[1]


DEFAULT = SamplingConfig()
