"""Solvers, grids and guidance on a field whose paths are known: data that is normal, N(0.7, 0.3²)."""

import math

import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError
from worldsim.diffusion import (
    SOLVERS,
    Bending,
    Guidance,
    GuidanceConfig,
    TimeSampling,
    loss_weight,
    measure_bending,
    optimised_grid,
    sample_t,
    timestep_grid,
    token_shift,
)

MEAN, SPREAD = 0.7, 0.3


def exact_v(x: torch.Tensor, t: float) -> torch.Tensor:
    variance = (1 - t) ** 2 * SPREAD**2 + t**2
    away = (x - (1 - t) * MEAN) / variance
    return t * away - (MEAN + (1 - t) * SPREAD**2 * away)


def exact_x(x: torch.Tensor, now: float, then: float) -> torch.Tensor:
    def spread(t: float) -> float:
        return math.sqrt((1 - t) ** 2 * SPREAD**2 + t**2)

    return (1 - then) * MEAN + (x - (1 - now) * MEAN) / spread(now) * spread(then)


def error(name: str, grid: torch.Tensor) -> float:
    x = torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    end = SOLVERS.get(name)()(exact_v, x, grid)
    return float((end - exact_x(x, float(grid[0]), float(grid[-1]))).abs().max())


@pytest.mark.parametrize("name", list(SOLVERS))
def test_twice_the_steps_divide_the_error_by_two_to_the_order(name: str) -> None:
    coarse, fine = (error(name, torch.linspace(0.95, 0.05, n + 1, dtype=torch.float64)) for n in (64, 128))
    assert math.log2(coarse / fine) == pytest.approx(SOLVERS.get(name).order, abs=0.25)


@pytest.mark.parametrize("name", list(SOLVERS))
def test_from_pure_noise_to_data_every_solver_arrives(name: str) -> None:
    assert error(name, timestep_grid(1).double()) < 2  # one step from t = 1 to t = 0: nothing divides by zero
    assert error(name, timestep_grid(256).double()) < 0.01


def test_one_call_an_interval() -> None:
    for name in ("euler", "dpm++", "unipc"):
        calls: list[float] = []

        def field(x: torch.Tensor, t: float, calls: list[float] = calls) -> torch.Tensor:
            calls.append(t)
            return exact_v(x, t)

        SOLVERS.get(name)()(field, torch.zeros(3, dtype=torch.float64), timestep_grid(9).double())
        assert len(calls) == 9


@pytest.mark.parametrize("name", ["euler", "heun"])
@pytest.mark.parametrize("num_steps", [6, 12])
def test_measured_grids_lose_less_than_even_ones(name: str, num_steps: int) -> None:
    noise = torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    bending = measure_bending(exact_v, noise, timestep_grid(200).double())
    grid = optimised_grid(bending, num_steps, order=SOLVERS.get(name).order).double()
    assert len(grid) == num_steps + 1 and (grid.diff() < 0).all() and (grid[0], grid[-1]) == (1, 0)
    assert error(name, grid) < 0.8 * error(name, timestep_grid(num_steps).double())


def test_bending_is_the_second_derivative() -> None:
    bending = measure_bending(lambda x, t: torch.full_like(x, 3 * t**2), torch.zeros(4), timestep_grid(100))
    middle = (bending.t[:-1] + bending.t[1:]) / 2
    torch.testing.assert_close(bending.amount[:-1], 6 * middle[:-1], atol=1e-3, rtol=1e-3)


def test_even_bending_gives_an_even_grid() -> None:
    grid = optimised_grid(Bending(torch.linspace(1, 0, 11), torch.ones(10)), 5)
    torch.testing.assert_close(grid, torch.linspace(1, 0, 6))


def test_impossible_measurements_are_refused() -> None:
    with pytest.raises(ConfigError, match="falling"):
        Bending(torch.linspace(0, 1, 11), torch.ones(10))
    with pytest.raises(ConfigError, match="no number"):
        Bending(torch.linspace(1, 0, 11), torch.full((10,), torch.nan))


def latents(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_scaled_guidance_forgets_a_wrong_size() -> None:
    guidance = Guidance(GuidanceConfig(kind="cfg_zero", weight=4.0))
    v = latents(0)
    torch.testing.assert_close(guidance(v, 7.0 * v, 0.5), v)
    assert not guidance(v, latents(1), 0.99).any()


def test_projected_guidance_leaves_the_size_along_the_prediction() -> None:
    guidance = Guidance(GuidanceConfig(kind="apg", weight=6.0, momentum=0.0, longest=1e6))
    prompted, unprompted = latents(0), latents(1)
    added = guidance(prompted, unprompted, 0.5) - prompted
    torch.testing.assert_close((added * prompted).sum((1, 2, 3, 4)), torch.zeros(2), atol=1e-3, rtol=0)
    plain = Guidance(GuidanceConfig(kind="apg", weight=6.0, momentum=0.0, longest=1e6, parallel=1.0))
    torch.testing.assert_close(plain(prompted, unprompted, 0.5), 6 * prompted - 5 * unprompted, atol=1e-4, rtol=1e-4)


def test_projected_guidance_is_limited_and_repelled_by_its_last() -> None:
    short = Guidance(GuidanceConfig(kind="apg", weight=2.0, momentum=0.0, longest=0.1, parallel=1.0))
    added = short(latents(0), latents(1), 0.5) - latents(0)
    torch.testing.assert_close(added.square().mean((1, 2, 3, 4)).sqrt(), torch.full((2,), 0.1))
    both = Guidance(GuidanceConfig(kind="apg", weight=2.0, momentum=-0.5, longest=1e6, parallel=1.0))
    first, second = (both(latents(0), latents(1), t) - latents(0) for t in (0.9, 0.8))
    torch.testing.assert_close(second, 0.5 * first)


def test_guidance_acts_in_its_interval() -> None:
    config = GuidanceConfig(weight=2.0, interval=(0.2, 0.8))
    assert [config.acts_at(t) for t in (0.1, 0.2, 0.5, 0.9)] == [False, True, True, False]
    assert not GuidanceConfig(weight=1.0).acts_at(0.5)
    with pytest.raises(ConfigError, match="in order"):
        validate_config(GuidanceConfig, {"interval": [0.8, 0.2]}, source="test")


def test_mode_sampling_has_its_density() -> None:
    generator = torch.Generator().manual_seed(0)
    uniform = sample_t(4000, TimeSampling(distribution="mode", mode_scale=0.0), generator)
    torch.testing.assert_close(uniform.sort().values, torch.linspace(0, 1, 4000), atol=1e-3, rtol=0)
    dense = sample_t(40000, TimeSampling(distribution="mode", mode_scale=1.29), generator)
    # t = 1 - u - s (cos² (pi u / 2) - 1 + u) has, in the middle, a density of 1 / (1 - s (pi / 2 - 1)) = 3.8.
    share = ((dense > 0.49) & (dense < 0.51)).float().mean() / 0.02
    assert float(share) == pytest.approx(1 / (1 - 1.29 * (math.pi / 2 - 1)), rel=0.05)
    assert dense.min() >= 0 and dense.max() <= 1


def test_more_tokens_are_noised_more() -> None:
    assert token_shift(400, 100) == 2
    settings = TimeSampling(distribution="uniform", base_tokens=100)
    few, many = (sample_t(1000, settings, torch.Generator().manual_seed(0), num_tokens=n) for n in (100, 1600))
    torch.testing.assert_close(many, 4 * few / (1 + 3 * few))


def test_weights_of_noise_levels() -> None:
    t = torch.linspace(0.01, 0.99, 99)
    assert torch.equal(loss_weight(t, "uniform"), torch.ones(99))
    # min-SNR: an error of v is t times an error of x0, whose weight is the SNR but at most gamma.
    ratio = ((1 - t) / t).square()
    torch.testing.assert_close(loss_weight(t, "min_snr", snr_gamma=5.0), ratio.clamp_max(5.0) * t.square())
    assert float(torch.trapezoid(loss_weight(t, "cosmap"), t)) == pytest.approx(1.0, abs=0.02)
