"""The layouts of the shipped configs: shapes without memory, sizes, and one update of the largest on tiny input."""

from pathlib import Path

import pytest
import torch

from physics_data.core.config import load_config
from worldsim.config import VAETrainConfig
from worldsim.losses.vae_objective import PatchDiscriminator, vae_objective
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig

CONFIGS = Path(__file__).parents[3] / "configs"

COARSE = {
    "4x8x8": (4, 8, ()),
    "8x8x8": (8, 8, (Stride(frames=2, size=2), Stride(frames=2, size=2), Stride(frames=2, size=2))),
    "8x16x16": (8, 16, (Stride(frames=2, size=4), Stride(frames=2, size=2), Stride(frames=2, size=2))),
}


def config_of(name: str) -> VAETrainConfig:
    return load_config(VAETrainConfig, CONFIGS / f"vae_{name}.yaml")


@pytest.mark.parametrize(
    ("name", "millions"), [("tiny", 1.0), ("demo", 4.0), ("cpu", 4.0), ("small", 15.0), ("base", 120.0)]
)
def test_configs_have_the_size_they_say(name: str, millions: float) -> None:
    config = config_of(name)
    with torch.device("meta"):
        vae = VideoVAE(config.model.model_copy(update={"dct_init": False}))
    count = sum(weight.numel() for weight in vae.parameters()) / 1e6
    assert 0.1 * millions < count <= millions
    data = config.data
    vae.latent_shape(data.num_frames, data.height, data.width)


@pytest.mark.parametrize("layout", COARSE)
def test_every_layout_has_the_latents_its_name_says(layout: str) -> None:
    frames, size, strides = COARSE[layout]
    given = {"strides": strides} if strides else {}
    base = config_of("base").model.model_dump() | given | {"dct_init": False}
    with torch.device("meta"):
        vae = VideoVAE(VideoVAEConfig.model_validate(base))
        video = torch.zeros(1, 3, 2 * frames + 1, 128, 192)
        latents = vae.encode(video).mode()
        assert latents.shape == (1, base["latent_channels"], 3, 128 // size, 192 // size)
        assert vae.decode(latents).shape == video.shape


@pytest.mark.slow
def test_the_paper_size_makes_one_update_with_its_discriminator() -> None:
    config = config_of("base")
    torch.manual_seed(0)
    vae, discriminator = VideoVAE(config.model), PatchDiscriminator(config.loss.discriminator_width)
    discriminator.num_updates += config.loss.adversarial_start
    weights = [*vae.parameters(), *discriminator.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    video = torch.rand(1, 3, 5, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ids = torch.ones(1, 5, 32, 32, dtype=torch.uint8)
    labelled = torch.ones(1, dtype=torch.bool)
    losses = vae_objective(vae, video, ids, labelled, torch.Generator().manual_seed(0), config.loss, discriminator)
    losses["loss"].backward()
    assert all(weight.grad is not None for weight in discriminator.parameters())
    assert all(weight.grad is not None and bool(weight.grad.isfinite().all()) for weight in vae.parameters())
    before = vae.encoder.proj_out.weight.detach().clone()
    optimizer.step()
    assert not torch.equal(before, vae.encoder.proj_out.weight)
