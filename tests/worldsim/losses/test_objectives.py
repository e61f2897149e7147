import pytest
import torch

from worldsim.losses.objectives import VAEObjective, vae_objective
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig

TINY_VAE = VideoVAEConfig(
    latent_channels=4,
    strides=(Stride(frames=2, size=2),),
    widths=(8,),
    encoder_blocks=(1,),
    decoder_blocks=(1,),
)


def test_vae_objective_adds_its_parts_and_follows_the_generator() -> None:
    torch.manual_seed(0)
    vae, video = VideoVAE(TINY_VAE), torch.rand(2, 3, 5, 8, 8) * 2 - 1
    settings = VAEObjective(charbonnier=1.0, gradient=0.5, kl=0.01, instance_gain=3.0)
    labelled = torch.tensor([False, False])
    first, again = (
        vae_objective(vae, video, None, labelled, torch.Generator().manual_seed(5), settings) for _ in range(2)
    )
    assert first == again
    assert first["loss"].item() == pytest.approx(
        (first["charbonnier"] + 0.5 * first["gradient"] + 0.01 * first["kl"]).item(), rel=1e-5
    )


def test_a_vae_learns_a_moving_square() -> None:
    torch.manual_seed(0)
    vae = VideoVAE(TINY_VAE)
    video = torch.zeros(1, 3, 5, 16, 16)
    for frame in range(5):
        video[0, 0, frame, 4:8, frame + 2 : frame + 6] = 1.0
    optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-2)
    generator, settings = torch.Generator().manual_seed(0), VAEObjective(kl=1e-6)
    losses = []
    for _ in range(60):
        loss = vae_objective(vae, video, None, torch.tensor([False]), generator, settings)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.35 * losses[0]
