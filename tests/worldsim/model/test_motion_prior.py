"""Pictures carried along paths: against pictures drawn where the law says, at speeds that nothing was fitted to."""

import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError
from worldsim.cards import present_weight, with_present_names
from worldsim.diffusion import interpolate
from worldsim.losses.paths import path_error
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning
from worldsim.model.motion_prior import MotionPrior, MotionPriorConfig, taught_by_near_frames, v_beside

SIZE, FRAMES, GIVEN = 32, 10, 3
CONFIG = DiTConfig(
    latent_channels=2,
    temporal_factor=1,
    patch_size=8,
    depth=2,
    width=48,
    num_heads=2,
    text_buckets=16,
    motion_prior=MotionPriorConfig(),
)


def blobs(*paths: torch.Tensor) -> torch.Tensor:
    """Draw a soft blob in its own channel along each path, (across, down) in pixels, on a ground of 0."""
    centres = torch.arange(SIZE) + 0.5
    channels = []
    for path in paths:
        across, down = ((centres[None] - path[:, axis, None]) ** 2 for axis in (0, 1))
        channels.append(torch.exp(-(down[:, :, None] + across[:, None, :]) / (2 * 3.0**2)))
    while len(channels) < 2:
        channels.append(torch.zeros_like(channels[0]))
    return torch.stack(channels)[None]


def path(start: tuple[float, float], step: tuple[float, float], change: tuple[float, float] = (0, 0)) -> torch.Tensor:
    frame = torch.arange(FRAMES)[:, None]
    return torch.tensor(start) + frame * torch.tensor(step) + frame * (frame - 1) / 2 * torch.tensor(change)


def levels(given: int = GIVEN, t: float = 1.0) -> torch.Tensor:
    return torch.full((1, FRAMES), t).masked_fill(torch.arange(FRAMES) < given, 0.0)


def reader(bodies: int = 1) -> MotionPrior:
    """A motion prior that sees its channel, and whose things go on as they were."""
    motion_prior = MotionPrior(2, MotionPriorConfig(bodies=bodies, hidden=2))
    with torch.no_grad():
        motion_prior.content.weight.copy_(torch.eye(2) * 6)
        motion_prior.content.bias.fill_(0.0)
        motion_prior.weigh.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[:bodies] * 4)
        motion_prior.weigh.bias.fill_(-0.01)
        motion_prior.law.inertia.fill_(0.5)
    return motion_prior


def noised(video: torch.Tensor, given: int = GIVEN) -> torch.Tensor:
    noise = torch.randn(video.shape, generator=torch.Generator().manual_seed(0))
    return torch.where(torch.arange(FRAMES)[:, None, None] < given, video, noise)


@pytest.mark.parametrize("step", [(0.0, 0.0), (0.2, 0.0), (1.7, -0.4)])
def test_a_thing_goes_on_at_any_speed(step: tuple[float, float]) -> None:
    video = blobs(path((8.3, 15.6), step))
    guess = reader()(noised(video), levels())
    assert torch.equal(guess[:, :, :GIVEN], video[:, :, :GIVEN])
    assert (guess - video).abs().max() < 0.05
    assert video[:, :, -1].amax() > 0.9


def test_what_is_to_be_made_is_not_read() -> None:
    motion_prior, video = reader(), blobs(path((8.0, 16.0), (1.0, 0.0)))
    other = torch.where(torch.arange(FRAMES)[:, None, None] < GIVEN, video, torch.zeros(()))
    torch.testing.assert_close(motion_prior(noised(video), levels()), motion_prior(other, levels()))


def test_one_given_frame_stays_and_none_is_the_mean() -> None:
    motion_prior, video = reader(), blobs(path((8.0, 16.0), (1.0, 0.0)))
    stays = motion_prior(noised(video, 1), levels(1))
    torch.testing.assert_close(stays, video[:, :, :1].expand_as(stays))
    assert (motion_prior(noised(video, 0), levels(0)) == 0).all()
    two = motion_prior(noised(video, 2), levels(2))
    assert (two - video).abs().max() < 0.05


def test_two_things_go_their_own_ways() -> None:
    video = blobs(path((7.0, 9.0), (1.4, 0.0)), path((24.0, 22.0), (-0.7, -0.3)))
    guess = reader(bodies=2)(noised(video), levels())
    assert (guess - video).abs().max() < 0.2  # where the faint rims of both are mixed
    assert (guess - video).abs().mean() < 0.005


def test_training_finds_inertia_and_gravity() -> None:
    torch.manual_seed(0)
    motion_prior, generator = MotionPrior(2, MotionPriorConfig()), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(motion_prior.parameters(), lr=2e-2)
    change, updates = (0.0, 0.15), 100
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = 2e-2 * (1 - update / updates)
        speeds, starts = 0.3 + torch.rand(4, generator=generator), 6 + 8 * torch.rand(4, generator=generator)
        pairs = zip(speeds.tolist(), starts.tolist(), strict=True)
        video = torch.cat([blobs(path((start, start), (speed, 0.0), change)) for speed, start in pairs])
        loss = (motion_prior(noised(video), levels().expand(4, -1)) - video).square().mean() + path_error(
            motion_prior, video
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    faster = path((6.0, 8.0), (1.9, 0.0), change)
    guess = motion_prior(noised(blobs(faster)), levels())
    found = motion_prior.read(guess.movedim(1, 2)).places[0, -1, 0] * SIZE / 2 + SIZE / 2
    assert float(motion_prior.law.inertia.detach().sum()) == pytest.approx(1.0, abs=0.02)
    assert (found - faster[-1]).abs().max() < 0.5  # it has gone 17 pixels


def test_a_frame_teaches_by_its_distance_and_is_as_it_was() -> None:
    moved = torch.randn(2, 6, 1, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    taught = taught_by_near_frames(moved)
    torch.testing.assert_close(taught, moved)
    taught.sum().backward()
    assert moved.grad is not None
    torch.testing.assert_close(moved.grad[0, :, 0, 0, 0], torch.tensor([1, 1, 1 / 4, 1 / 9, 1 / 16, 1 / 25]))


def test_without_an_output_the_guess_is_improved_by_what_x_t_shows() -> None:
    generator = torch.Generator().manual_seed(0)
    guess, lacking, noise = torch.randn(3, 1, 1, 4, 60, 60, generator=generator).unbind()
    spread, t = 0.2, torch.tensor([[0.05, 0.3, 0.8, 1.0]])
    x0 = guess + spread * lacking
    x_t, share = interpolate(x0, noise, t), t[:, None, :, None, None]
    found = x_t - share * v_beside(guess, x_t, torch.zeros_like(x_t), t, spread)
    error = (found - x0).square().mean((0, 1, 3, 4))
    best = (spread * t[0]) ** 2 / ((1 - t[0]) ** 2 * spread**2 + t[0] ** 2)
    torch.testing.assert_close(error, best, rtol=0.05, atol=0)


def test_packed_samples_are_carried_alike() -> None:
    torch.manual_seed(0)
    dit = DiT(CONFIG).double()
    with torch.no_grad():
        for weight in dit.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    video = noised(blobs(path((8.0, 16.0), (1.0, 0.0)))).double()
    ids, mask = torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.bool)
    known = Conditioning.of_words(ids, mask, torch.tensor([2]), torch.tensor([10.0], dtype=torch.float64))
    t = levels(t=0.7).double()
    alone = dit(video, t, known)
    packed = dit.forward_packed([video[0]], [t[0]], known)
    torch.testing.assert_close(packed[0], alone[0])


def test_a_causal_transformer_cannot_carry() -> None:
    with pytest.raises(ValueError, match="causal: false"):
        DiTConfig(motion_prior=MotionPriorConfig(), causal=True)


def test_stored_names_of_before_are_read():
    card = {"carry": {"carriers": 2, "meet": True}, "optimizer": {"adamw_for": ["carry", "enter"]}}
    found = with_present_names(card, source="card")
    assert found["motion_prior"] == {"bodies": 2, "collision": True}
    assert found["optimizer"]["adamw_for"][0] == "motion_prior"
    assert present_weight("carry.law.inertia") == "motion_prior.law.inertia"
    assert present_weight("blocks.0.carry") == "blocks.0.carry"
    with pytest.raises(ConfigError, match="write motion_prior instead of carry"):
        validate_config(DiTConfig, {"carry": None}, source="test")
