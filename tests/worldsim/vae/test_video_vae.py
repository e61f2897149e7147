import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, DataError
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig
from worldsim.vae.blocks import cosines, fold, low_frequencies, spectral_code, unfold

SMALL = VideoVAEConfig(
    latent_channels=8,
    strides=(Stride(frames=1, size=2), Stride(frames=4, size=2)),
    widths=(16, 24),
    encoder_blocks=(1, 1),
    decoder_blocks=(1, 1),
)


def stirred(config: VideoVAEConfig = SMALL) -> VideoVAE:
    """A VAE all of whose layers matter: at the start some are zero."""
    torch.manual_seed(0)
    vae = VideoVAE(config)
    with torch.no_grad():
        for weight in vae.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return vae.eval()


def video(num_frames: int = 9, height: int = 16, width: int = 24) -> torch.Tensor:
    return torch.rand(2, 3, num_frames, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_the_first_frame_alone_has_the_first_latent() -> None:
    vae, clip = stirred(), video()
    whole = vae.encode(clip)
    alone = vae.encode(clip[:, :, :1])
    torch.testing.assert_close(alone.mean[:, :, 0], whole.mean[:, :, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone.log_variance[:, :, 0], whole.log_variance[:, :, 0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("changed_frame", [1, 4, 5, 8])
def test_latents_and_frames_do_not_see_the_future(changed_frame: int) -> None:
    vae, clip = stirred(), video()
    later = clip.clone()
    later[:, :, changed_frame] = -later[:, :, changed_frame]
    before, after = vae.encode(clip).mean, vae.encode(later).mean
    first_changed = (changed_frame - 1) // vae.temporal_factor + 1
    torch.testing.assert_close(before[:, :, :first_changed], after[:, :, :first_changed], atol=1e-5, rtol=1e-5)
    assert (before[:, :, first_changed] - after[:, :, first_changed]).abs().max() > 1e-2

    untouched = (first_changed - 1) * vae.temporal_factor + 1
    torch.testing.assert_close(
        vae.decode(before)[:, :, :untouched], vae.decode(after)[:, :, :untouched], atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
@pytest.mark.parametrize("shape", [(1, 16, 16), (5, 16, 16), (9, 24, 8), (17, 4, 4)])
def test_sizes_come_back(shape: tuple[int, int, int]) -> None:
    vae, clip = stirred(), video(*shape)
    posterior = vae.encode(clip)
    assert tuple(posterior.mean.shape[1:]) == vae.latent_shape(*shape)
    assert vae.decode(posterior.mode()).shape == clip.shape


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((16, 16, 16), "4 k \\+ 1 frames; use 13 or 17"),
        ((0, 16, 16), "use 1"),
        ((17, 18, 16), "height 18 px .* use 16 or 20"),
        ((17, 16, 2), "width 2 px .* use 4"),
    ],
)
def test_other_sizes_are_refused_with_the_nearest(shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        VideoVAE(SMALL).latent_shape(*shape)


def test_encode_refuses_what_does_not_fit() -> None:
    with pytest.raises(DataError, match="8 frames"):
        VideoVAE(SMALL).encode(video(8))


@torch.no_grad()
def test_it_starts_as_the_projection_on_low_frequencies() -> None:
    vae, clip = VideoVAE(SMALL), video()
    block = Stride(frames=4, size=4)
    rows = low_frequencies(block, SMALL.latent_channels)
    values = fold(clip.permute(0, 2, 3, 4, 1), block)
    expected = unfold(values @ rows.T @ rows, block).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(vae(clip), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_an_image_of_one_colour_comes_back_at_the_start() -> None:
    colour = torch.tensor([0.5, -0.25, 0.75])[None, :, None, None, None].expand(1, 3, 1, 8, 8)
    torch.testing.assert_close(VideoVAE(SMALL)(colour), colour, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_without_spectral_start_it_runs_too() -> None:
    vae = VideoVAE(SMALL.model_copy(update={"dct_init": False}))
    assert vae(video(5)).shape == (2, 3, 5, 16, 24)


def test_normalise_uses_the_statistics_and_can_be_undone() -> None:
    vae = VideoVAE(SMALL)
    mean, std = torch.linspace(-1, 1, 8), torch.linspace(0.5, 2, 8)
    vae.set_latent_statistics(mean, std)
    latents = mean[None, :, None, None, None] + std[None, :, None, None, None] * torch.randn(2, 8, 3, 4, 4)
    normal = vae.normalise(latents)
    torch.testing.assert_close(normal[0, 3], (latents[0, 3] - mean[3]) / std[3])
    torch.testing.assert_close(vae.denormalise(normal), latents, atol=1e-5, rtol=1e-5)


def test_dead_channels_are_refused() -> None:
    with pytest.raises(DataError, match=r"channels \[2\] do not vary"):
        VideoVAE(SMALL).set_latent_statistics(torch.zeros(8), torch.ones(8).index_fill(0, torch.tensor(2), 0.0))


def test_statistics_travel_with_the_weights_and_loading_is_strict() -> None:
    vae = stirred()
    vae.set_latent_statistics(torch.full((8,), 0.25), torch.full((8,), 2.0))
    fresh = VideoVAE(SMALL)
    fresh.load_state_dict(vae.state_dict())
    assert fresh.latent_std.tolist() == [2.0] * 8
    weights = vae.state_dict()
    del weights["latent_mean"]
    with pytest.raises(RuntimeError, match="latent_mean"):
        fresh.load_state_dict(weights)


def test_posterior_samples_follow_the_generator_and_the_variance() -> None:
    posterior = stirred().encode(video(5))
    first, again = (posterior.sample(torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, posterior.sample(torch.Generator().manual_seed(4)))
    standard = (first - posterior.mean) / torch.exp(0.5 * posterior.log_variance)
    assert standard.mean().abs() < 0.1
    assert abs(standard.std() - 1) < 0.1


def test_configs_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ConfigError, match="strides 3, widths 2"):
        validate_config(VideoVAEConfig, {"widths": [8, 8]}, source="test")
    with pytest.raises(ConfigError, match="at most 3"):
        one = {"strides": [{"frames": 1, "size": 1}], "widths": [4], "encoder_blocks": [1], "decoder_blocks": [1]}
        validate_config(VideoVAEConfig, {**one, "latent_channels": 4}, source="test")


@pytest.mark.parametrize("stride", [Stride(frames=1, size=2), Stride(frames=4, size=1), Stride(frames=2, size=4)])
def test_unfold_undoes_fold(stride: Stride) -> None:
    x = torch.randn(2, 9, 8, 12, 3)
    folded = fold(x, stride)
    assert folded.shape == (
        2,
        8 // stride.frames + 1,
        8 // stride.size,
        12 // stride.size,
        3 * stride.frames * stride.size**2,
    )
    assert torch.equal(unfold(folded, stride), x)


def test_cosines_and_low_frequencies_are_orthonormal() -> None:
    torch.testing.assert_close(cosines(8) @ cosines(8).T, torch.eye(8), atol=1e-6, rtol=1e-6)
    rows = low_frequencies(Stride(frames=4, size=8), 24)
    torch.testing.assert_close(rows @ rows.T, torch.eye(24), atol=1e-5, rtol=1e-5)
    analysis, synthesis = spectral_code(Stride(frames=4, size=8), 24)
    torch.testing.assert_close(analysis @ synthesis, torch.eye(24), atol=1e-5, rtol=1e-5)
