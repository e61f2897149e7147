"""Two things that meet: impacts against the closed form of elastic discs, at masses and speeds of all kinds."""

import math

import pytest
import torch

from worldsim.losses.paths import path_error
from worldsim.model import DiT, DiTConfig
from worldsim.model.motion_prior import Impacts, MotionPriorConfig, TwoBodyCollision, make_motion_prior

SIZE, FRAMES = 32, 14
GROUND = torch.tensor([0.3, 0.2])


def elastic(heaviness: float = 1.0) -> TwoBodyCollision:
    """A motion prior that tells two channels apart and has found the elastic impact of discs."""
    motion_prior = make_motion_prior(2, MotionPriorConfig(bodies=2, hidden=2, collision=True))
    assert isinstance(motion_prior, TwoBodyCollision)
    with torch.no_grad():
        motion_prior.content.weight.copy_(torch.eye(2) * 10)
        motion_prior.content.bias.fill_(0.0)
        motion_prior.weigh.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) * 4)
        motion_prior.weigh.bias.fill_(0.0)
        motion_prior.law.inertia.fill_(0.5)
        motion_prior.law.reach.fill_(1.0)
        motion_prior.law.restitution.fill_(1.0)
        motion_prior.law.heaviness.fill_(heaviness)
    return motion_prior


def discs(places: torch.Tensor, radii: tuple[float, float]) -> torch.Tensor:
    """Draw two discs, each in its own channel, 64 samples a pixel; places (t, 2, 2) and radii in pixels."""
    fine = (torch.arange(SIZE * 8) + 0.5) / 8
    frames = GROUND[None, :, None, None].repeat(len(places), 1, SIZE, SIZE)
    for thing, radius in enumerate(radii):
        across, down = ((fine[None] - places[:, thing, axis, None]) ** 2 for axis in (0, 1))
        cover = (down[:, :, None] + across[:, None, :] < radius**2).float()
        cover = torch.nn.functional.avg_pool2d(cover[:, None], 8)[:, 0, None]
        colour = torch.eye(2)[thing][None, :, None, None]
        frames = frames * (1 - cover) + colour * cover
    return frames.movedim(0, 1)[None]


def head_on(speeds: tuple[float, float], radii: tuple[float, float]) -> torch.Tensor:
    """Return the places of two discs that meet head-on, masses as the squares of the radii."""
    start, velocity = torch.tensor([7.0, 23.0]), torch.tensor(speeds)
    masses = torch.tensor(radii).square()
    impact = (16.0 - sum(radii)) / (speeds[0] - speeds[1])
    change = 2 * ((masses * velocity).sum() / masses.sum() - velocity)
    time = torch.arange(FRAMES)[:, None].float()
    across = start + time * velocity + (time - impact).clamp_min(0) * change
    return torch.stack([across, torch.full_like(across, 16.0)], dim=-1)


def levels(given: int = 3) -> torch.Tensor:
    return torch.ones(1, FRAMES).masked_fill(torch.arange(FRAMES) < given, 0.0)


@pytest.mark.parametrize("speeds", [(1.0, -1.0), (1.6, 0.0), (1.5, -0.4)])
@pytest.mark.parametrize("radii", [(3.0, 3.0), (2.5, 4.0)])
def test_discs_bounce_as_the_closed_form_says(speeds: tuple[float, float], radii: tuple[float, float]) -> None:
    places = head_on(speeds, radii)
    guess = elastic()(discs(places, radii), levels())
    found = elastic().read(guess.movedim(1, 2)).places[0] * SIZE / 2 + SIZE / 2
    edge = torch.tensor(radii) + 0.5
    seen = (places[..., 0] > edge) & (places[..., 0] < SIZE - edge)
    assert seen[9:].any(0).all()  # impacts are in frames 4 to 7
    assert (found - places)[seen].abs().max() < 0.8  # speeds are read to 0.05 pixels a frame; equal masses are 4 off


def test_an_impact_keeps_momentum_and_energy_and_scales_with_speed() -> None:
    law, radii = elastic().law, torch.tensor([[0.2, 0.3]])
    assert isinstance(law, Impacts)
    sizes = math.pi * radii.square() / 4
    places, steps = torch.tensor([[[-0.2, 0.1], [0.35, -0.05]]]), torch.tensor([[[0.1, 0.02], [-0.06, 0.0]]])
    change, rest = law.impact(places, steps, sizes)
    mass = sizes[..., None]
    torch.testing.assert_close((mass * change).sum(1), torch.zeros(1, 2), atol=1e-7, rtol=0)
    energies = [(mass * velocity.square()).sum() for velocity in (steps, steps + change)]
    torch.testing.assert_close(*energies)
    touching = places + (1 - rest) * steps
    assert float((touching[0, 1] - touching[0, 0]).norm().detach()) == pytest.approx(0.5, abs=1e-5)
    later, more = law.impact(touching - 1e-4 * steps, 3 * steps, sizes)
    torch.testing.assert_close(later, 3 * change, atol=1e-3, rtol=0)
    assert more > 0.99
    apart, none = law.impact(places, -steps, sizes)
    assert none == 0 and (apart == 0).all()


def test_as_first_made_a_transformer_with_meeting_things_is_differentiable() -> None:
    config = DiTConfig(
        latent_channels=2,
        temporal_factor=1,
        patch_size=8,
        depth=1,
        width=32,
        num_heads=1,
        text_buckets=16,
        motion_prior=MotionPriorConfig(bodies=2, collision=True),
    )
    dit = DiT(config)
    assert isinstance(dit.motion_prior, TwoBodyCollision)
    video = discs(head_on((1.0, -1.0), (3.0, 3.0)), (3.0, 3.0))
    guess = dit.motion_prior(video, levels())
    (guess.square().mean() + path_error(dit.motion_prior, video).mean()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in dit.motion_prior.parameters())


def test_three_things_cannot_meet() -> None:
    with pytest.raises(ValueError, match="bodies: 2"):
        MotionPriorConfig(bodies=3, collision=True)
