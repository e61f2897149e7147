"""The built-in model behind ``VideoGenerator`` does what its own functions do."""

from pathlib import Path

import pytest
import torch

from physics_data.core.errors import CheckpointError, DataError
from worldsim.generator import Sampling, VideoGenerator
from worldsim.sampling import SamplingConfig, generate
from worldsim.sampling.likelihood import denoising_loss
from worldsim.weights import load_generator, model_folder


@pytest.fixture(scope="module")
def world() -> VideoGenerator:
    return VideoGenerator.from_pretrained("builtin:world")


def test_denoise_and_sample_are_those_of_the_model(world: VideoGenerator) -> None:

    model = load_generator(model_folder(Path("builtin:world")))
    first = torch.rand(1, 3, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    ours = world.sample(
        ["a red ball falls"],
        9,
        64,
        64,
        generator=torch.Generator().manual_seed(2),
        first_frames=first,
        sampling=Sampling(num_steps=2, guidance_scale=1.0),
    )
    theirs = generate(
        model.dit,
        model.vae,
        model.tokenizer,
        ["a red ball falls"],
        9,
        64,
        64,
        world.default_frame_rate,
        generator=torch.Generator().manual_seed(2),
        sampling=SamplingConfig(num_steps=2, guidance_scale=1.0),
        first_frames=first,
        domain=1,
    )
    assert torch.equal(ours, theirs)
    x0 = world.encode(ours)
    conditioning = world.conditioning([""], 9)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(3))
    t = torch.tensor([0.05])
    samples = world.training_target(x0, noise, t, conditioning)
    with torch.no_grad():
        error = (world.denoise(samples.x_t, t, conditioning) - samples.target).square().mean()
    assert float(error) == denoising_loss(model.dit, x0, conditioning, 3, levels=(0.05,))
    assert torch.allclose(world.predicted_clean(samples.x_t, samples.target, t, conditioning), x0, atol=1e-5)


def test_given_frames_stay_clean(world: VideoGenerator) -> None:
    video = torch.zeros(1, 3, 9, 64, 64)
    conditioning = world.conditioning([""], 9, first_frames=video[:, :, :5])
    x0 = world.encode(video)
    samples = world.training_target(x0, torch.randn(x0.shape), torch.tensor([0.9]), conditioning)
    assert samples.counts.tolist() == [[False, False, True]]
    assert torch.equal(samples.x_t[:, :, :2], x0[:, :, :2])


def test_what_does_not_fit_is_said(world: VideoGenerator) -> None:
    with pytest.raises(DataError, match="nearest that fits is 9 frames of 64x64"):
        world.latent_shape(10, 62, 64)
    with pytest.raises(CheckpointError, match=r"no folder org/model.*Nothing is fetched"):
        VideoGenerator.from_pretrained("org/model")


def test_a_call_makes_a_video_that_shows_and_saves_itself(tmp_path: Path) -> None:
    generator = VideoGenerator.from_pretrained("builtin:world")
    video = generator("a red ball falls", num_inference_steps=1, seed=3)
    again = generator("a red ball falls", num_inference_steps=1, seed=3)
    assert video.frames.shape == (17, 64, 64, 3) and video.frame_rate == 16.0
    assert (video.frames == again.frames).all()
    first = video.frames[:5]
    continued = generator("", num_inference_steps=1, first_frames=first)
    kept, made = (abs(part.astype(int) - first).mean() for part in (continued.frames[:5], continued.frames[5:10]))
    assert kept < made / 2
    assert video._repr_html_().startswith("<figure") and video.save(tmp_path / "a.mp4").stat().st_size > 0
    with pytest.raises(DataError, match="13 or 17"):
        generator("a red ball falls", num_frames=16)
    with pytest.raises(DataError, match="given|fit"):
        generator("a red ball falls", num_frames=0)
