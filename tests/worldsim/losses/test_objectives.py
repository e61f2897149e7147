import pytest
import torch

from physics_data.core.errors import ConfigError
from worldsim.losses import LOSSES
from worldsim.losses.vae_objective import LossTerm, VAEObjective, vae_objective
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
    settings = VAEObjective(charbonnier=1.0, gradient=0.5, kl=0.01, foreground_weight=3.0)
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


def test_a_loss_of_the_table_is_added_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One class, one line in the table: nothing else names the loss."""
    monkeypatch.setitem(LOSSES._table, "brightness", "tests.worldsim.losses.toy_losses:Brightness")
    torch.manual_seed(0)
    vae, video = VideoVAE(TINY_VAE), torch.rand(2, 3, 5, 8, 8) * 2 - 1
    labelled = torch.tensor([False, False])

    def parts(auxiliary: dict[str, LossTerm]) -> dict[str, torch.Tensor]:
        settings = VAEObjective(auxiliary=auxiliary)
        return vae_objective(vae, video, None, labelled, torch.Generator().manual_seed(5), settings)

    without, added = parts({}), parts({"brightness": LossTerm(weight=0.5)})
    assert added.keys() - without.keys() == {"brightness"}
    assert added["brightness"].item() > 0
    expected = without["loss"] + 0.5 * added["brightness"]
    torch.testing.assert_close(added["loss"], expected)
    with pytest.raises(ConfigError, match=r"needs v_pred.* knows video, target"):
        parts({"flow_matching": LossTerm()})
    with pytest.raises(ConfigError, match="has a key of its own"):
        parts({"kl": LossTerm()})
