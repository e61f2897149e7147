from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from physics_data.core.errors import CheckpointError, DataError, VideoError
from physics_data.core.video import read_video, write_frames, write_video
from worldsim.codec.files import Codec, Grid, VideoFacts, decode_file, encode_file, encode_frames, grid_of
from worldsim.codec.latent_file import LatentHeader, LatentWriter, iterate_latents, read_latents
from worldsim.codec.reconstruct import reconstruct_video
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig
from worldsim.weights import save_vae

LAYOUT = VideoVAEConfig(
    latent_channels=8,
    strides=(Stride(frames=1, size=4), Stride(frames=4, size=2)),
    widths=(16, 24),
    encoder_blocks=(1, 1),
    decoder_blocks=(1, 1),
)


def a_codec(folder: Path, layout: VideoVAEConfig = LAYOUT, seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    vae = VideoVAE(layout)
    vae.set_latent_statistics(torch.linspace(-1, 1, layout.latent_channels), torch.full((layout.latent_channels,), 2.0))
    save_vae(folder, vae, layout, {})
    return Codec.load(folder)


def a_video(path: Path, num_frames: int = 7, height: int = 22, width: int = 36) -> np.ndarray:
    ramp = np.linspace(0, 255, width)[None, None, :, None] * np.linspace(0.3, 1, num_frames)[:, None, None, None]
    rgb = np.broadcast_to(ramp, (num_frames, height, width, 3)).astype(np.uint8)
    write_video(path, rgb, 10.0)
    return read_video(path).rgb


@pytest.mark.parametrize(("frames", "padded"), [(1, 1), (2, 5), (5, 5), (6, 9)])
def test_the_grid_pads_and_says_so(frames: int, padded: int) -> None:
    grid = Grid(frames, 22, 40, 4, 8)
    assert grid.padded == (padded, 24, 40)
    assert "40x22 px to 40x24" in (grid.remark or "")
    assert ("the last one is repeated" in (grid.remark or "")) == (frames != padded)
    assert Grid(5, 24, 40, 4, 8).remark is None
    video = np.random.default_rng(0).integers(0, 255, (frames, 22, 40, 3), dtype=np.uint8)
    whole = np.concatenate(list(grid.pieces(video)))
    assert whole.shape == (padded, 24, 40, 3)
    assert np.array_equal(whole[:frames, :22], video)
    assert np.array_equal(whole[-1, 22:], np.repeat(video[-1, 21:], 2, axis=0))


def test_a_video_of_odd_size_comes_back_in_its_size(tmp_path: Path) -> None:
    codec = a_codec(tmp_path / "vae")
    original = a_video(tmp_path / "a.mp4")
    facts = VideoFacts.of(tmp_path / "a.mp4")
    assert (facts.num_frames, facts.height, facts.width) == (7, 22, 36)
    assert facts.frame_rate == pytest.approx(10.0, rel=1e-3)
    shape = encode_file(codec, tmp_path / "a.mp4", tmp_path / "a.safetensors", None, facts)
    assert shape == (3, 8, 3, 5)
    header = decode_file(codec, tmp_path / "a.safetensors", tmp_path / "again.mp4", None)
    again = read_video(tmp_path / "again.mp4")
    assert again.rgb.shape == original.shape
    assert header.frame_rate == pytest.approx(again.frame_rate, rel=1e-3)
    assert np.abs(again.rgb.astype(float) - original).mean() < 8  # an untrained VAE blurs a little
    found = reconstruct_video(codec, tmp_path / "a.mp4", tmp_path / "side.mp4", None, facts)
    assert read_video(tmp_path / "side.mp4").rgb.shape == (7, 22, 2 * 36 + 4, 3)
    for name in ("again.mp4", "side.mp4"):  # a person looks at them, in a browser
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert found.psnr > 25
    assert found.ssim > 0.9


def test_the_file_holds_the_normalised_latents_of_the_whole_video(tmp_path: Path) -> None:
    codec = a_codec(tmp_path / "vae")
    rgb = a_video(tmp_path / "a.mp4", 9, 16, 24)
    facts = VideoFacts.of(tmp_path / "a.mp4")
    encode_file(codec, tmp_path / "a.mp4", tmp_path / "a.safetensors", None, facts)
    stored = load_file(str(tmp_path / "a.safetensors"))["latents"]  # as any other program reads it
    with torch.no_grad():
        video = torch.from_numpy(rgb).movedim(-1, 0)[None].float() / 127.5 - 1
        expected = codec.vae.normalise(codec.vae.encode(video).mode())[0].movedim(1, 0)
    torch.testing.assert_close(stored, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(torch.cat(list(iterate_latents(tmp_path / "a.safetensors"))), stored)


def test_latents_of_another_vae_are_refused(tmp_path: Path) -> None:
    codec = a_codec(tmp_path / "vae")
    a_video(tmp_path / "a.mp4")
    file = tmp_path / "a.safetensors"
    encode_file(codec, tmp_path / "a.mp4", file, None, VideoFacts.of(tmp_path / "a.mp4"))
    with pytest.raises(CheckpointError, match="another|made by the VAE with weights"):
        decode_file(a_codec(tmp_path / "other", seed=1), file, tmp_path / "b.mp4", None)
    coarse = LAYOUT.model_copy(update={"strides": (Stride(frames=2, size=4), Stride(frames=4, size=2))})
    with pytest.raises(CheckpointError, match="layout 4x8x8, this one has 8x8x8"):
        decode_file(a_codec(tmp_path / "coarse", coarse), file, tmp_path / "b.mp4", None)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no latent file"):
        read_latents(tmp_path / "none.safetensors")
    save_file({"latents": torch.zeros(1, 8, 2, 2)}, str(tmp_path / "foreign.safetensors"))
    with pytest.raises(DataError, match="has format 'None'"):
        read_latents(tmp_path / "foreign.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(DataError, match="no whole latent file"):
        read_latents(tmp_path / "cut.safetensors")
    with pytest.raises(VideoError, match="there is no frame"):
        write_frames(tmp_path / "a.mp4", [], 10.0)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    codec = a_codec(tmp_path / "vae")
    file = tmp_path / "a.safetensors"
    with LatentWriter(file) as writer:
        writer.append(torch.zeros(1, 8, 2, 2))
        writer.append(torch.full((1, 8, 2, 2), float("nan")))
        writer.finish(LatentHeader(5, 16, 16, 10.0, codec.digest, codec.layout))
    with pytest.raises(DataError, match="latent frame 1 of .* NaN"):
        decode_file(codec, file, tmp_path / "a.mp4", None)
    assert not (tmp_path / "a.mp4").exists()
    with torch.no_grad():
        codec.vae.encoder.proj_out.bias.fill_(float("nan"))
    frames = iter(np.zeros((1, 16, 16, 3), np.uint8))
    grid = grid_of(codec, VideoFacts(1, 16, 16, 10.0))
    with pytest.raises(DataError, match="weights are broken"):
        next(encode_frames(codec, frames, grid, None))


def test_large_pictures_are_cut_into_tiles_within_the_bound(tmp_path: Path) -> None:
    codec = a_codec(tmp_path / "vae")
    assert codec.tile_for(64, 64) is None
    tile = codec.tile_for(4320, 7680)
    assert tile == 256
    assert codec.memory_for(4320, 7680, tile) < codec.memory_for(4320, 7680, None)
