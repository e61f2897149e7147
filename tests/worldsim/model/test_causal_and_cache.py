"""Causal transformers, and the past that they keep."""

from collections.abc import Mapping

import pytest
import torch

from physics_data.core.errors import ConfigError, DataError
from worldsim.model import DiT, DiTConfig
from worldsim.model.cache import FrameCache
from worldsim.model.conditioning import NO_SCALARS, Conditioning, Scalars

CONFIG = DiTConfig(
    latent_channels=4, patch_size=2, depth=3, width=48, num_heads=2, text_buckets=32, causal=True, num_registers=2
)


@pytest.fixture(scope="module")
def dit() -> DiT:
    return stirred(CONFIG)


def stirred(config: DiTConfig) -> DiT:
    torch.manual_seed(0)
    model = DiT(config).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def conditioning(batch: int = 2, scalars: Mapping[str, Scalars] = NO_SCALARS) -> Conditioning:
    ids = torch.arange(batch * 3).view(batch, 3) % 31 + 1
    rate = torch.tensor([16.0, 8.0], dtype=torch.float64)[:batch]
    mask, domain = torch.ones(batch, 3, dtype=torch.bool), torch.tensor([1, 2])[:batch]
    return Conditioning.of_words(ids, mask, domain, rate, scalars)


def video(frames: int = 5) -> torch.Tensor:
    return torch.randn(2, 4, frames, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_a_frame_does_not_see_the_future(dit: DiT) -> None:
    latents, t = video(), torch.full((2, 5), 0.4, dtype=torch.float64)
    changed = latents.clone()
    changed[:, :, 3:] += 1
    before, after = dit(latents, t, conditioning()), dit(changed, t, conditioning())
    torch.testing.assert_close(before[:, :, :3], after[:, :, :3], atol=1e-12, rtol=0)
    assert (before[:, :, 3:] - after[:, :, 3:]).abs().max() > 1e-3
    full = stirred(CONFIG.model_copy(update={"causal": False}))
    assert (full(latents, t, conditioning()) - full(changed, t, conditioning()))[:, :, :3].abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("chunks", [(1, 1, 1, 1, 1), (2, 3), (1, 4)])
def test_frames_made_one_after_the_other_are_those_made_at_once(dit: DiT, chunks: tuple[int, ...]) -> None:
    latents, cache = video(), FrameCache(CONFIG.depth)
    t = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.7]], dtype=torch.float64).expand(2, -1)
    whole = dit(latents, t, conditioning())
    start = 0
    for size in chunks:
        part = slice(start, start + size)
        cache.keep(False)
        noisy = dit(latents[:, :, part] + 1, t[:, part], conditioning(), cache=cache)  # leaves no trace
        assert noisy.shape[2] == size
        cache.keep(True)
        made = dit(latents[:, :, part], t[:, part], conditioning(), cache=cache)
        torch.testing.assert_close(made, whole[:, :, part], atol=1e-10, rtol=0)
        start += size
    assert cache.num_frames == 5


@torch.no_grad()
def test_a_window_bounds_what_is_kept(dit: DiT) -> None:
    cache = FrameCache(CONFIG.depth, window=2, sinks=1)
    cache.keep(True)
    latents, t = video(6), torch.zeros(2, 1, dtype=torch.float64)
    for frame in range(6):
        dit(latents[:, :, frame : frame + 1], t, conditioning(), cache=cache)
        key, _ = cache.layers[0].extend(*torch.zeros(2, 2, 2, 0, 24, dtype=torch.float64).unbind())
        assert key.shape[2] == 6 * min(frame + 1, 3)
    assert cache.num_frames == 6


@torch.no_grad()
def test_without_absolute_time_a_later_start_changes_nothing() -> None:
    relative = stirred(CONFIG.model_copy(update={"absolute_time": False}))
    outputs = []
    for first in (0, 40):
        cache = FrameCache(CONFIG.depth)
        cache.num_frames = first
        outputs.append(relative(video(3), torch.full((2, 3), 0.3, dtype=torch.float64), conditioning(), cache=cache))
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-9, rtol=0)


def test_only_causal_transformers_go_on_from_a_cache() -> None:
    full = DiT(CONFIG.model_copy(update={"causal": False})).double()
    with pytest.raises(DataError, match=r"model\.causal"):
        full(video(1), torch.zeros(2, 1, dtype=torch.float64), conditioning(), cache=FrameCache(CONFIG.depth))
    with pytest.raises(ConfigError, match="remembers nothing"):
        FrameCache(2, window=0)
