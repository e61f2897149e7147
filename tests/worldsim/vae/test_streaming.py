import pytest
import torch

from physics_data.core.errors import DataError
from worldsim.vae import DecoderStream, EncoderStream, Stride, VideoVAE, VideoVAEConfig
from worldsim.vae.streaming import cut, decoder_memory, encoder_memory, margin_of

LAYOUTS = {
    "4x8x8": VideoVAEConfig(
        latent_channels=16,
        strides=(Stride(frames=1, size=4), Stride(frames=4, size=2)),
        widths=(64, 96),
        encoder_blocks=(1, 1),
        decoder_blocks=(2, 2),
    ),
    "8x8x8 in three stages": VideoVAEConfig(
        latent_channels=24,
        strides=(Stride(frames=2, size=2), Stride(frames=2, size=2), Stride(frames=2, size=2)),
        widths=(24, 32, 64),
        encoder_blocks=(1, 0, 2),
        decoder_blocks=(1, 2, 1),
    ),
    "8x16x16": VideoVAEConfig(
        latent_channels=32,
        strides=(Stride(frames=1, size=4), Stride(frames=4, size=2), Stride(frames=2, size=2)),
        widths=(16, 32, 48),
        encoder_blocks=(1, 1, 1),
        decoder_blocks=(1, 1, 1),
        dct_init=False,
    ),
}


def stirred(config: VideoVAEConfig) -> VideoVAE:
    """A VAE all of whose layers matter: at the start some are zero."""
    torch.manual_seed(0)
    vae = VideoVAE(config)
    with torch.no_grad():
        for weight in vae.parameters():
            weight += 0.05 * torch.randn_like(weight)
    return vae.eval()


def clip(num_frames: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, num_frames, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("pieces", [(0, 1, 1), (1, 2), (0, 3), (2, 1)])
def test_pieces_give_the_whole(name: str, pieces: tuple[int, ...]) -> None:
    vae = stirred(LAYOUTS[name])
    factor, side = vae.temporal_factor, 2 * vae.spatial_factor
    ends = [sum(pieces[: i + 1]) * factor + 1 for i in range(len(pieces))]
    video = clip(ends[-1], side, side + vae.spatial_factor)
    latents = vae.encode(video).mode()
    encoder = EncoderStream(vae, *video.shape[3:])
    streamed = [encoder.push(video[:, :, a:b]) for a, b in zip([0, *ends], ends, strict=False)]
    # Matrix products of some processors round differently for other numbers of rows.
    torch.testing.assert_close(torch.cat(streamed, dim=2), latents, atol=1e-4, rtol=1e-4)

    decoder = DecoderStream(vae, *video.shape[3:])
    frames = [decoder.push(part) for part in latents.split([1] * latents.shape[2], dim=2)]
    torch.testing.assert_close(torch.cat(frames, dim=2), vae.decode(latents), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_what_a_stream_holds_does_not_grow_and_is_what_the_bound_says() -> None:
    vae = stirred(LAYOUTS["4x8x8"])
    encoder, decoder = EncoderStream(vae, 48, 32, tile=16), DecoderStream(vae, 48, 32, tile=16)
    held = []
    for frames in (1, 4, 4, 4):
        decoder.push(encoder.push(clip(frames, 48, 32)))
        held.append((encoder.num_bytes, decoder.num_bytes))
    bound = encoder_memory(vae, 48, 32, tile=16).held, decoder_memory(vae, 48, 32, tile=16).held
    assert held == [bound] * 4


@torch.no_grad()
@pytest.mark.parametrize("name", LAYOUTS)
def test_tiles_have_no_seams(name: str) -> None:
    vae = stirred(LAYOUTS[name])
    side = 9 * vae.spatial_factor
    video = clip(1 + vae.temporal_factor, side, side)
    latents = vae.encode(video).mode()
    tiled = EncoderStream(vae, side, side, tile=2 * vae.spatial_factor).push(video)
    torch.testing.assert_close(tiled, latents, atol=1e-4, rtol=1e-4)
    whole = vae.decode(latents)
    again = DecoderStream(vae, side, side, tile=2 * vae.spatial_factor).push(latents)
    torch.testing.assert_close(again, whole, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_latent_reaches_as_far_as_the_config_says_and_no_farther(name: str) -> None:
    vae = stirred(LAYOUTS[name])
    factor, reach = vae.spatial_factor, vae.config.decoder_reach
    margin = margin_of(reach, factor)
    latents = torch.randn(
        1, vae.config.latent_channels, 1, 1, 2 * margin + 3, generator=torch.Generator().manual_seed(0)
    )
    other = latents.clone()
    other[..., margin + 1] += 1.0
    changed = (vae.decode(other) != vae.decode(latents)).any(dim=3).flatten(0, 2).any(dim=0)
    left, right = int(changed.int().argmax()), len(changed) - int(changed.flip(0).int().argmax())
    assert (left, right) == ((margin + 1) * factor - reach, (margin + 2) * factor + reach)


def test_tiles_keep_every_position_once() -> None:
    seen = torch.zeros(13, 7, dtype=torch.int)
    for tile in cut(13, 7, 4, margin=2):
        seen[tile.rows.kept_slice(), tile.columns.kept_slice()] += 1
        inner = tile.rows.inner_slice()
        assert tile.rows.outer[0] + inner.start == tile.rows.kept[0]
        assert tile.rows.outer[1] - tile.rows.outer[0] <= 4 + 2 * 2
    assert bool((seen == 1).all())


def test_wrong_pieces_are_refused() -> None:
    vae = stirred(LAYOUTS["4x8x8"])
    encoder = EncoderStream(vae, 16, 16)
    encoder.push(clip(1, 16, 16))
    with pytest.raises(DataError, match="later piece of a video has 3 frames"):
        encoder.push(clip(3, 16, 16))
    with pytest.raises(DataError, match="started for pictures of"):
        encoder.push(clip(4, 24, 16))
    with pytest.raises(DataError, match="tile of 20 px"):
        EncoderStream(vae, 16, 16, tile=20)
    with pytest.raises(DataError, match="1 channels, needed are 3"):
        vae.encode(clip(1, 16, 16)[:, :1])
    with pytest.raises(DataError, match="15 channels, this VAE has 16"):
        vae.decode(torch.zeros(1, 15, 1, 2, 2))
