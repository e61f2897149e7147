"""Models to hand on: half the size, and the same to the reader."""

from pathlib import Path

import pytest
import torch

from physics_data.core.errors import CheckpointError, ConfigError
from worldsim.config import TokenizerConfig
from worldsim.model import DiT, DiTConfig
from worldsim.model.motion_prior import MotionPriorConfig
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig
from worldsim.weights import WEIGHTS_NAME, load_generator, load_vae, publish, save_generator, save_vae

LAYOUT = VideoVAEConfig(
    latent_channels=8,
    strides=(Stride(frames=1, size=4), Stride(frames=4, size=2)),
    widths=(16, 24),
    encoder_blocks=(1, 0),
    decoder_blocks=(1, 0),
)
SHAPE = DiTConfig(latent_channels=8, temporal_factor=4, depth=1, width=16, num_heads=1, text_buckets=32)


@pytest.fixture
def vae_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    vae = VideoVAE(LAYOUT)
    vae.set_latent_statistics(torch.zeros(8), torch.ones(8))
    save_vae(tmp_path / "vae", vae, LAYOUT, {"step": 7})
    return tmp_path / "vae"


def test_a_generator_takes_half_the_room_and_loads_rounded(tmp_path: Path, vae_folder: Path) -> None:
    dit = DiT(SHAPE)
    save_generator(tmp_path / "run" / "model", dit, SHAPE, TokenizerConfig(num_buckets=32), vae_folder, {"clip": {}})
    publish(tmp_path / "run", tmp_path / "out")
    loaded = load_generator(tmp_path / "out")
    for (name, kept), value in zip(dit.state_dict().items(), loaded.dit.state_dict().values(), strict=True):
        assert value.dtype == kept.dtype, name
        torch.testing.assert_close(value, kept, rtol=2**-11, atol=2**-24)
    sizes = [(folder / WEIGHTS_NAME).stat().st_size for folder in (tmp_path / "run" / "model", tmp_path / "out")]
    assert sizes[1] < 0.6 * sizes[0]
    assert load_vae(tmp_path / "out" / "vae").config == LAYOUT


def test_what_paths_are_computed_with_stays_whole(tmp_path: Path, vae_folder: Path) -> None:
    config = SHAPE.model_copy(update={"motion_prior": MotionPriorConfig()})
    dit = DiT(config)
    save_generator(tmp_path / "run" / "model", dit, config, TokenizerConfig(num_buckets=32), vae_folder, {"clip": {}})
    publish(tmp_path / "run", tmp_path / "out")
    loaded, trained = load_generator(tmp_path / "out").dit.state_dict(), dit.state_dict()
    carried = [name for name in trained if name.startswith("motion_prior.")]
    assert carried
    assert all(torch.equal(loaded[name], trained[name]) for name in carried)
    assert not torch.equal(loaded["proj_in.weight"], trained["proj_in.weight"])


def test_nothing_is_overwritten(tmp_path: Path, vae_folder: Path) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        publish(vae_folder, tmp_path)


def test_weights_beyond_half_precision_are_named(tmp_path: Path) -> None:
    vae = VideoVAE(LAYOUT)
    vae.set_latent_statistics(torch.zeros(8), torch.full((8,), 1e6))
    save_vae(tmp_path / "vae", vae, LAYOUT, {})
    with pytest.raises(CheckpointError, match="cannot hold"):
        publish(tmp_path / "vae", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model in"):
        publish(tmp_path, tmp_path / "out")
