"""Flow matching as pure mathematics: paths, times, solvers, guidance. Knows no network."""

from physics_data.core.errors import Registry
from worldsim.diffusion.flow_matching import (
    interpolate,
    over_latents,
    v_from_balanced,
    v_from_x0,
    v_target,
    x0_from_v,
)
from worldsim.diffusion.guidance import GuidanceConfig, guide
from worldsim.diffusion.solvers import DPMSolverPlusPlus, Euler, Heun, Solver
from worldsim.diffusion.timesteps import TimeSampling, sample_t, shift_t, timestep_grid, token_shift
from worldsim.diffusion.weightings import Weighting, loss_weight

SOLVERS: Registry[Solver] = Registry(
    "solver",
    {
        "euler": "worldsim.diffusion.solvers:Euler",
        "heun": "worldsim.diffusion.solvers:Heun",
        "dpm++": "worldsim.diffusion.solvers:DPMSolverPlusPlus",
    },
)

__all__ = [
    "SOLVERS",
    "DPMSolverPlusPlus",
    "Euler",
    "GuidanceConfig",
    "Heun",
    "Solver",
    "TimeSampling",
    "Weighting",
    "guide",
    "interpolate",
    "loss_weight",
    "over_latents",
    "sample_t",
    "shift_t",
    "timestep_grid",
    "token_shift",
    "v_from_balanced",
    "v_from_x0",
    "v_target",
    "x0_from_v",
]
