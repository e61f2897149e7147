"""Solvers, grids and guidance on a field whose paths are known: data that is normal, N(0.7, 0.3²)."""

import math

import pytest
import torch

from physics_data.core.config import StrictModel, validate_config
from physics_data.core.errors import CheckpointError, ConfigError
from worldsim.cards import with_present_names
from worldsim.diffusion import (
    SOLVERS,
    TimeSampling,
    loss_weight,
    sample_t,
    timestep_grid,
    token_shift,
)
from worldsim.sampling import SamplingConfig

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
    for name in ("euler", "dpm++"):
        calls: list[float] = []

        def field(x: torch.Tensor, t: float, calls: list[float] = calls) -> torch.Tensor:
            calls.append(t)
            return exact_v(x, t)

        SOLVERS.get(name)()(field, torch.zeros(3, dtype=torch.float64), timestep_grid(9).double())
        assert len(calls) == 9


@pytest.mark.parametrize(
    ("schema", "raw", "message"),
    [
        (SamplingConfig, {"solver": "unipc"}, "unipc was removed.*write solver: dpm"),
        (SamplingConfig, {"grid": [1.0, 0.5, 0.0]}, "measured timesteps were removed; write num_steps and shift"),
        (SamplingConfig, {"guidance": {"weight": 2.0}}, "guidance_scale and guidance_interval"),
    ],
)
def test_removed_settings_are_answered(schema: type[StrictModel], raw: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate_config(schema, raw, source="test")


def test_records_of_plain_guidance_are_still_read() -> None:
    guidance = {"kind": "cfg", "weight": 2.0, "zero_share": 0.04, "parallel": 0.0, "momentum": -0.5, "longest": 2.5}
    drawing = {"grid": None, "guidance": guidance}
    record = {"sampling": {"num_steps": 9}, "samples": {"drawing": drawing, "num_given": 5}}
    read = with_present_names(record, source="test")
    assert read["samples"] == {"sampling": {"guidance_scale": 2.0}, "num_conditioning_frames": 5}
    assert read["sampling"] == {"num_steps": 9}
    guidance["kind"] = "apg"
    with pytest.raises(CheckpointError, match="guidance 'apg', which was removed"):
        with_present_names(record, source="test")


def test_guidance_acts_in_its_interval() -> None:
    config = SamplingConfig(guidance_scale=2.0, guidance_interval=(0.2, 0.8))
    assert [config.is_guided_at(t) for t in (0.1, 0.2, 0.5, 0.9)] == [False, True, True, False]
    assert not SamplingConfig(guidance_scale=1.0).is_guided_at(0.5)
    with pytest.raises(ConfigError, match="in order"):
        validate_config(SamplingConfig, {"guidance_interval": [0.8, 0.2]}, source="test")


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
