"""The upsampler: means are kept, pieces equal the whole, and it learns what bicubic interpolation cannot know."""

import pytest
import torch
from torch.nn import functional as F

from physics_data.core.errors import DataError
from worldsim.model.upsampler import Upsampler, UpsamplerConfig, doublings, enlarge, interpolated, with_means


def stirred() -> Upsampler:
    torch.manual_seed(0)
    model = Upsampler(UpsamplerConfig(width=8, depth=1))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


def video(frames: int = 11) -> torch.Tensor:
    return torch.rand(1, 3, frames, 6, 10, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_means_of_two_by_two_pixels_are_the_small_picture() -> None:
    made = stirred()(video())
    assert made.shape == (1, 3, 11, 12, 20)
    means = F.avg_pool3d(made, (1, 2, 2))
    torch.testing.assert_close(means, video(), atol=1e-6, rtol=0)
    plain = Upsampler(UpsamplerConfig(width=8, depth=1))(video())[0].transpose(0, 1)
    small = video()[0].transpose(0, 1)
    torch.testing.assert_close(plain, with_means(interpolated(small), small))


@torch.no_grad()
@pytest.mark.parametrize("sizes", [(11,), (1, 1, 9), (4, 7), (5, 5, 1)])
@pytest.mark.parametrize("chunk", [1, 4])
def test_pieces_equal_the_whole(sizes: tuple[int, ...], chunk: int) -> None:
    model, whole = stirred(), video()[0]
    pieces = torch.cat(list(model.stream(iter(whole.split(sizes, dim=1)), chunk)), dim=1)
    torch.testing.assert_close(pieces, model(whole[None])[0], atol=1e-5, rtol=0)
    twice = torch.cat(list(enlarge(model, iter([whole]), 2, chunk)), dim=1)
    assert twice.shape == (3, 11, 24, 40) and twice.abs().max() <= 1


def test_sizes_are_doublings_of_the_models_own() -> None:
    assert [doublings((64 * 2**n, 36 * 2**n), (64, 36)) for n in range(4)] == [0, 1, 2, 3]
    with pytest.raises(DataError, match="64x64, 128x128, 256x256"):
        doublings((100, 100), (64, 64))


def test_it_learns_edges_that_bicubic_interpolation_blurs() -> None:
    torch.manual_seed(0)
    model = Upsampler(UpsamplerConfig(width=16, depth=1))
    generator = torch.Generator().manual_seed(0)

    def pairs() -> tuple[torch.Tensor, torch.Tensor]:
        """Half planes at any angle and place, averaged over 4 x 4 samples a pixel."""
        place = (torch.arange(128) + 0.5) / 64 - 1
        angle, offset = torch.rand(2, 16, 1, 1, generator=generator)
        side = place[:, None] * (6.3 * angle).sin() + place[None] * (6.3 * angle).cos() > offset - 0.5
        fine = side.float()[:, None, None].expand(-1, 3, 1, -1, -1) * 2 - 1
        return F.avg_pool3d(fine, (1, 8, 8)), F.avg_pool3d(fine, (1, 4, 4))

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(280):
        small, large = pairs()
        optimizer.zero_grad()
        (model(small) - large).square().mean().backward()
        optimizer.step()
    small, large = pairs()
    bicubic = interpolated(small[:, :, 0])[:, :, None]
    assert (model(small) - large).square().mean() < 0.5 * (bicubic - large).square().mean()
