"""Flow matching as pure mathematics: paths, times, solvers, guidance. Knows no network."""

from physics_data.core.errors import Registry
from worldsim.diffusion.solvers import DPMSolverPlusPlus, Euler, Heun, Solver, guide
from worldsim.diffusion.timesteps import (
    TimeSampling,
    Weighting,
    interpolate,
    loss_weight,
    over_latents,
    sample_t,
    shift_t,
    timestep_grid,
    token_shift,
    v_from_balanced,
    v_from_x0,
    v_target,
    x0_from_v,
)

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
