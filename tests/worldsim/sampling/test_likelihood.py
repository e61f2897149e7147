"""The denoising loss of networks whose opinion is known."""

import pytest
import torch

from worldsim.model.conditioning import Conditioning
from worldsim.sampling.likelihood import LEVELS, denoising_loss

NOTHING = Conditioning.of({}, torch.full((1,), 16.0))


class Expects:
    """Knows one clip by heart: predicts the v that leads to it."""

    def __init__(self, clip: torch.Tensor) -> None:
        self.clip = clip

    def __call__(self, x: torch.Tensor, t: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        return (x - self.clip) / t[:, None, :, None, None]


def test_what_is_expected_costs_nothing_and_what_is_not_its_distance() -> None:
    clip = torch.randn(1, 4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    model = Expects(clip)
    assert denoising_loss(model, clip, NOTHING, 0) == pytest.approx(0.0, abs=1e-9)
    # x_t of another clip is (1 - t) d away, so v is off by (1 - t) d / t - (-d) = d / t.
    other = denoising_loss(model, clip + 0.5, NOTHING, 0)
    assert other == pytest.approx(sum((0.5 / t) ** 2 for t in LEVELS) / len(LEVELS), rel=1e-4)


def test_the_seed_decides_the_noise() -> None:
    clip = torch.zeros(1, 4, 3, 2, 2)

    def silent(x: torch.Tensor, t: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        return torch.zeros_like(x)

    first, again, other = (denoising_loss(silent, clip, NOTHING, seed) for seed in (1, 1, 2))
    assert first == again != other
