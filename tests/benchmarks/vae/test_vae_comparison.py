import math

import numpy as np
import pytest
import torch

from benchmarks.vae.equal_time import ComparisonRules, crops, optimizer_for, train_in_turns
from benchmarks.vae.reconstruction import flicker, make_clips, only_moving, what_is_kept
from worldsim.vae import Posterior, Stride, VideoVAE, VideoVAEConfig

TINY = VideoVAEConfig(
    latent_channels=4, strides=(Stride(frames=4, size=8),), widths=(8,), encoder_blocks=(0,), decoder_blocks=(0,)
)


class Perfect:
    """A codec whose latents are the pixels."""

    def encode(self, video: torch.Tensor) -> Posterior:
        return Posterior(video, torch.zeros_like(video))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents


class Flickering(Perfect):
    """Every second frame comes back 10 grey levels brighter."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        brighter = torch.zeros(latents.shape[2]).index_fill(0, torch.arange(1, latents.shape[2], 2), 10 / 127.5)
        return latents + brighter[None, None, :, None, None]


def test_flicker_is_in_grey_levels_a_frame() -> None:
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert flicker(Perfect(), grey) == 0
    assert flicker(Flickering(), grey) == pytest.approx(10, abs=1e-3)


def test_a_perfect_codec_keeps_everything() -> None:
    clips = make_clips(0, 2, 0, 32, None)
    kept = what_is_kept(Perfect(), clips.physics)
    assert kept.psnr == [math.inf] * 2
    assert kept.ssim == pytest.approx([1.0] * 2)
    assert kept.lost == 0
    assert all(value == pytest.approx(0, abs=1e-9) for value in kept.displacement)


def test_only_objects_that_travel_count() -> None:
    ids = np.zeros((3, 16, 16), np.uint8)
    ids[:, 2:5, 2:5] = 1
    for number in range(3):
        ids[number, 10:12, 2 * number : 2 * number + 2] = 2
    assert set(np.unique(only_moving(ids))) == {0, 2}


def test_all_race_for_the_same_time_on_the_same_crops() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 255, (9, 40, 40, 3), dtype=np.uint8) for _ in range(3)]
    rules = ComparisonRules(seconds=0.3, batch_size=2)
    assert torch.equal(crops(clips, rules, 5), crops(clips, rules, 5))
    assert crops(clips, rules, 5).shape == (2, 3, 9, 32, 32)
    torch.manual_seed(0)
    models = {"ours": VideoVAE(TINY), "other": VideoVAE(TINY)}
    runners = train_in_turns(models, {name: optimizer_for(name, "ours") for name in models}, clips, rules)
    for runner in runners.values():
        assert runner.spent >= 0.3
        assert runner.num_steps == len(runner.losses) > 2
    assert runners["ours"].losses[0] == pytest.approx(runners["other"].losses[0], rel=1e-6)
