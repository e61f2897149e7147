"""Laws learned from places: impacts of closed form are found from a wrong start, by what is in view alone."""

import pytest
import torch

from worldsim.losses.loss import RankShard
from worldsim.losses.paths import path_error, smooth, wholly_in_view, with_paths
from worldsim.model.motion_prior import Impacts, MotionPriorConfig, Reading, TwoBodyCollision, make_motion_prior

SIZE, FRAMES = 24, 12


class Given(TwoBodyCollision):
    """A motion prior with given readings: the first two channels of two pixels are the places, the third the areas."""

    def read(self, frames: torch.Tensor) -> Reading:
        areas = frames[:, :, 2, 0]
        return Reading(frames[:, :, :2, 0].movedim(2, -1), areas, areas)


def given() -> Given:
    return Given(3, MotionPriorConfig(bodies=2, collision=True))


def read(places: torch.Tensor, radii: torch.Tensor) -> torch.Tensor:
    """Return clips whose readings are places (b, t, 2, 2) and areas of discs, shares of a picture 2 high and wide."""
    areas = (torch.pi * radii.square() / 4)[:, None].expand(places.shape[:3])
    return torch.cat([places, areas[..., None]], dim=-1).permute(0, 3, 1, 2)[:, :, :, None]


def head_on(count: int, seed: int, mass: float = 2.0, restitution: float = 1.0) -> torch.Tensor:
    """Return readings of discs of all sizes that meet head-on, mass = radius to a power; closed form."""
    generator = torch.Generator().manual_seed(seed)
    radii = 0.1 + 0.2 * torch.rand(count, 2, generator=generator)
    speeds = (0.04 + 0.1 * torch.rand(count, 2, generator=generator)) * torch.tensor([1.0, -1.0])
    impact = 3 + 5 * torch.rand(count, generator=generator)
    first = -0.2 - impact * speeds[:, 0]
    start = torch.stack([first, -0.2 + radii.sum(1) - impact * speeds[:, 1]], dim=1)
    masses = radii**mass
    common = (masses * speeds).sum(1, keepdim=True) / masses.sum(1, keepdim=True)
    change = (1 + restitution) * (common - speeds)
    time = torch.arange(FRAMES)[None, :, None].float()
    across = start[:, None] + time * speeds[:, None] + (time - impact[:, None, None]).clamp_min(0) * change[:, None]
    return read(torch.stack([across, torch.zeros_like(across)], dim=-1), radii)


def exact(law: Impacts) -> None:
    with torch.no_grad():
        law.inertia.fill_(0.5)
        for constant in (law.restitution, law.reach, law.heaviness):
            constant.fill_(1.0)


def blobs(num_clips: int = 3) -> torch.Tensor:
    """Return a disc in each of two channels, noise around them."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num_clips, 2, FRAMES, SIZE, SIZE, generator=generator)


@pytest.mark.parametrize(("mass", "restitution"), [(2.0, 1.0), (1.0, 0.4)])
def test_an_impact_is_found_from_a_wrong_start(mass: float, restitution: float) -> None:
    motion_prior = given()
    optimizer = torch.optim.Adam(motion_prior.law.parameters(), lr=4e-2)
    for update in range(150):
        optimizer.param_groups[0]["lr"] = 4e-2 * (1 - update / 150)
        optimizer.zero_grad()
        path_error(motion_prior, head_on(8, update, mass, restitution)).mean().backward()
        optimizer.step()
    law = motion_prior.law
    assert isinstance(law, Impacts)
    assert law.inertia.detach().sum(0).tolist() == pytest.approx([1, 1], abs=0.003)
    assert float(law.reach.detach()) == pytest.approx(1, abs=0.01)
    assert float(law.restitution.detach()) == pytest.approx(restitution, abs=0.01)
    assert float(law.heaviness.detach()) == pytest.approx(mass / 2, abs=0.02)


def test_three_frames_have_no_later_ones() -> None:
    assert path_error(given(), head_on(4, 0)[:, :, :3]).tolist() == [0] * 4


def test_what_is_not_wholly_in_view_does_not_count() -> None:
    motion_prior = given()
    clip = head_on(1, 3)
    hidden = clip.clone()
    hidden[:, 2, 8:, :, 0] *= 0.9
    lost = hidden.clone()
    lost[:, :2, 8:, :, 0] = 0.0
    torch.testing.assert_close(path_error(motion_prior, lost), path_error(motion_prior, hidden), rtol=0, atol=0)
    assert path_error(motion_prior, hidden) != path_error(motion_prior, clip)
    areas = torch.tensor([[[0.5], [1.0], [0.98], [0.9], [0.0]]])
    assert wholly_in_view(areas)[0, :, 0].tolist() == [False, True, True, False, False]


def test_three_frames_that_show_an_impact_do_not_count_and_gravity_is_none() -> None:
    time = torch.arange(FRAMES).float()
    fall = torch.stack([0.05 * time, 0.02 * time**2], dim=-1)
    pushed = fall + (time - 5.5).clamp_min(0)[:, None] * torch.tensor([0.1, 0.0])
    starts = smooth(torch.stack([fall, pushed], dim=1)[None])[0]
    assert starts.tolist() == [first not in (4, 5) for first in range(FRAMES - 2)]
    assert smooth(fall[None, :, None]).all()
    motion_prior = given()
    exact(motion_prior.law)
    assert path_error(motion_prior, head_on(16, 1)).max() < 2e-4


def test_one_velocity_that_is_wrong_by_a_tenth_costs_a_tenth_of_it() -> None:
    motion_prior = given()
    clip = torch.zeros(1, 3, FRAMES, 1, 2)
    clip[:, 0] = 0.05 * torch.arange(FRAMES)[:, None, None]
    clip[:, 2] = 1.0
    with torch.no_grad():
        motion_prior.law.inertia.copy_(torch.tensor([[0.9, 0.9], [0.0, 0.0]]))
    wrong = 0.0
    count = 0
    for start in range(2, FRAMES - 1):
        for steps in range(1, FRAMES - start):
            moved = 0.05 * sum(0.9**step for step in range(1, steps + 1))
            wrong += ((0.05 - moved / steps) ** 2 + 1e-6) ** 0.5 - 1e-3
            count += 1
    error = path_error(motion_prior, clip)
    assert float(error.detach()) == pytest.approx(wrong / count, rel=1e-4)


def test_paths_teach_the_law_and_pictures_the_reading() -> None:
    torch.manual_seed(0)
    motion_prior = make_motion_prior(2, MotionPriorConfig(bodies=2, hidden=4, collision=True))
    video = blobs()
    path_error(motion_prior, video).sum().backward()
    assert all((weight.grad is not None) == name.startswith("law.") for name, weight in motion_prior.named_parameters())
    motion_prior.zero_grad(set_to_none=True)
    levels = torch.ones(len(video), FRAMES).masked_fill(torch.arange(FRAMES) < 3, 0.0)
    motion_prior(video, levels).square().sum().backward()
    assert all((weight.grad is None) == name.startswith("law.") for name, weight in motion_prior.named_parameters())


def test_parts_of_a_batch_add_up() -> None:
    motion_prior, video = given(), head_on(5, 0)
    denoising = {"loss": torch.tensor(2.0), "denoising": torch.tensor(1.5)}
    whole = with_paths(denoising, motion_prior, video)
    assert float(whole["loss"].detach()) == pytest.approx(2 + float(whole["paths"].detach()))
    assert whole["denoising"] == 1.5
    assert float(whole["paths"].detach()) == pytest.approx(float(path_error(motion_prior, video).mean().detach()))
    parts = [with_paths(denoising, motion_prior, video, RankShard(rank, 2))["paths"] for rank in range(2)]
    torch.testing.assert_close(sum(parts) / 2, whole["paths"])
    packed = [with_paths(denoising, motion_prior, list(video), RankShard(rank, 2))["paths"] for rank in range(2)]
    torch.testing.assert_close(packed, parts)
