"""Flow matching as pure mathematics: paths, times, solvers, guidance. Knows no network."""

from physics_data.core.registry import Registry
from worldsim.diffusion.flow_matching import (
    interpolate,
    over_latents,
    v_from_balanced,
    v_from_x0,
    v_target,
    x0_from_v,
)
from worldsim.diffusion.guidance import guide
from worldsim.diffusion.solvers import Euler, Heun, Solver
from worldsim.diffusion.timesteps import TimeSampling, sample_t, shift_t, timestep_grid

SOLVERS: Registry[Solver] = Registry(
    "solver",
    {
        "euler": "worldsim.diffusion.solvers:Euler",
        "heun": "worldsim.diffusion.solvers:Heun",
    },
)

__all__ = [
    "SOLVERS",
    "Euler",
    "Heun",
    "Solver",
    "TimeSampling",
    "guide",
    "interpolate",
    "over_latents",
    "sample_t",
    "shift_t",
    "timestep_grid",
    "v_from_balanced",
    "v_from_x0",
    "v_target",
    "x0_from_v",
]
