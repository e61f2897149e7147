import math

import numpy as np
import pytest
import torch

from physics_data.core.errors import ConfigError, UnknownNameError
from worldsim.diffusion import (
    SOLVERS,
    Euler,
    Heun,
    TimeSampling,
    guide,
    interpolate,
    sample_t,
    shift_t,
    timestep_grid,
    v_from_balanced,
    v_from_x0,
    v_target,
    x0_from_v,
)


def pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 3, 5, 6, generator=generator), torch.randn(2, 4, 3, 5, 6, generator=generator)


def test_the_path_ends_at_data_and_noise() -> None:
    x0, noise = pair()
    assert torch.equal(interpolate(x0, noise, torch.zeros(2, 3)), x0)
    assert torch.equal(interpolate(x0, noise, torch.ones(2, 3)), noise)


def test_every_latent_frame_has_its_own_t() -> None:
    x0, noise = pair()
    t = torch.tensor([[0.0, 0.25, 1.0], [1.0, 0.5, 0.0]])
    x_t = interpolate(x0, noise, t)
    torch.testing.assert_close(x_t[0, :, 1], 0.75 * x0[0, :, 1] + 0.25 * noise[0, :, 1])
    assert torch.equal(x_t[1, :, 2], x0[1, :, 2])


def test_v_is_the_derivative_of_the_path() -> None:
    x0, noise = pair()
    t = torch.full((2, 3), 0.4)
    slope = (interpolate(x0, noise, t + 0.1) - interpolate(x0, noise, t - 0.1)) / 0.2
    torch.testing.assert_close(slope, v_target(x0, noise), atol=1e-5, rtol=1e-4)


def test_v_and_x0_are_the_same_prediction() -> None:
    x0, noise = pair()
    t = torch.rand(2, 3) * 0.9 + 0.1
    x_t, v = interpolate(x0, noise, t), v_target(x0, noise)
    torch.testing.assert_close(x0_from_v(x_t, v, t), x0, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(v_from_x0(x_t, x0, t, min_t=0.01), v, atol=1e-4, rtol=1e-3)


def test_balanced_output_leads_to_x0_and_has_variance_one_at_every_t() -> None:
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 1, 4, 4, 100, 100, generator=generator).unbind()
    t = torch.tensor([[0.05, 0.3, 0.6, 1.0]])
    x_t, share = interpolate(x0, noise, t), t[:, None, :, None, None]
    spread = ((1 - share) ** 2 + share**2).sqrt()
    output = (x0 - x_t * (1 - share) / spread**2) * spread / share
    torch.testing.assert_close(output.std(dim=(0, 1, 3, 4)), torch.ones(4), atol=0.02, rtol=0)
    torch.testing.assert_close(v_from_balanced(x_t, output, t), v_target(x0, noise), atol=1e-3, rtol=1e-3)


def test_v_stays_finite_at_data() -> None:
    x0, noise = pair()
    assert v_from_x0(x0, noise, torch.zeros(2, 3), min_t=0.02).isfinite().all()
    torch.testing.assert_close(v_from_balanced(x0, -noise, torch.zeros(2, 3)), noise - x0)


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("num_steps", [1, 3, 7])
def test_solvers_are_exact_on_straight_paths(solver: str, num_steps: int) -> None:
    x0, noise = pair()
    v = v_target(x0, noise)
    ends = SOLVERS.get(solver)()(lambda x, t: v, noise, timestep_grid(num_steps, shift=2.0))
    torch.testing.assert_close(ends, x0, atol=1e-5, rtol=1e-5)


def test_orders_of_the_solvers_on_a_linear_field() -> None:
    """dx/dt = x from t = 1 to t = 0.5 has the solution x exp(-0.5)."""
    x = torch.ones(1, dtype=torch.float64)

    def error(solver: Euler | Heun, num_steps: int) -> float:
        grid = torch.linspace(1, 0.5, num_steps + 1, dtype=torch.float64)
        return abs(solver(lambda x, t: x, x, grid).item() - math.exp(-0.5))

    assert error(Euler(), 20) / error(Euler(), 40) == pytest.approx(2, rel=0.05)
    assert error(Heun(), 20) / error(Heun(), 40) == pytest.approx(4, rel=0.05)


def test_one_euler_interval_by_hand() -> None:
    x = Euler()(lambda x, t: 2 * x + t, torch.tensor([3.0]), torch.tensor([1.0, 0.75]))
    assert x.item() == pytest.approx(3.0 - 0.25 * (2 * 3.0 + 1.0))


def test_an_unknown_solver_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'euler'"):
        SOLVERS.get("eulr")


def test_grid_runs_from_noise_to_data() -> None:
    assert timestep_grid(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = timestep_grid(4, shift=3.0).tolist()
    assert shifted[0] == 1 and shifted[-1] == 0
    assert shifted[2] == pytest.approx(3 * 0.5 / (1 + 2 * 0.5))


def test_impossible_grids_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        timestep_grid(0)
    with pytest.raises(ConfigError, match="above 0"):
        shift_t(torch.tensor(0.5), 0.0)


def test_logit_normal_t_has_the_quantiles_it_should() -> None:
    settings = TimeSampling(mean=0.5, std=1.5)
    t = sample_t(4096, settings, torch.Generator().manual_seed(0)).sort().values.numpy()
    z = np.array([-1.0, 0.0, 1.0])
    quantile = np.array([0.158655, 0.5, 0.841345])
    expected = 1 / (1 + np.exp(-(0.5 + 1.5 * z)))
    assert np.abs(np.quantile(t, quantile) - expected).max() < 2e-3


def test_uniform_t_is_spread_over_a_batch() -> None:
    t = sample_t(8, TimeSampling(distribution="uniform"), torch.Generator().manual_seed(0))
    assert (t * 8).floor().sort().values.tolist() == list(range(8))
    assert t.tolist() != t.sort().values.tolist()


def test_t_follows_the_generator() -> None:
    draws = [sample_t(8, TimeSampling(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_guidance_weights() -> None:
    prompted, unprompted = pair()
    assert torch.equal(guide(prompted, unprompted, 1.0), prompted)
    torch.testing.assert_close(guide(prompted, unprompted, 0.0), unprompted)
    torch.testing.assert_close(guide(prompted, unprompted, 3.0), 3 * prompted - 2 * unprompted, atol=1e-5, rtol=1e-5)
