import pytest
import torch

from worldsim.losses.reconstruction import OrientedContrast
from worldsim.losses.vae_objective import PatchDiscriminator, VAEObjective, adversarial_terms, vae_objective
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig

TINY_VAE = VideoVAEConfig(
    latent_channels=4,
    strides=(Stride(frames=2, size=2),),
    widths=(8,),
    encoder_blocks=(1,),
    decoder_blocks=(1,),
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_texture_hides_errors_that_an_even_ground_shows() -> None:
    even = torch.zeros(1, 3, 1, 32, 32)
    texture = 0.5 * noise(1, 3, 1, 32, 32)
    error = 0.05 * noise(1, 3, 1, 32, 32, seed=1)
    loss = OrientedContrast()
    assert loss(even + error, even) > 3 * loss(texture + error, texture)


def test_texture_in_the_wrong_place_is_better_than_none() -> None:
    texture = 0.5 * noise(1, 3, 1, 32, 32)
    loss = OrientedContrast()
    moved = texture.roll(1, dims=-1)
    assert (moved - texture).abs().mean() > (0 * texture - texture).abs().mean()
    energy_alone = [_energy_part(loss, other, texture) for other in (moved, torch.zeros_like(texture))]
    assert energy_alone[0] < energy_alone[1]


def _energy_part(loss: OrientedContrast, video: torch.Tensor, target: torch.Tensor) -> float:
    from worldsim.losses import reconstruction

    energies = [
        reconstruction._energy(reconstruction._responses(reconstruction._opponent(x), loss.ORIENTATIONS))
        for x in (video, target)
    ]
    return float((energies[0] - energies[1]).abs().mean())


def test_pictures_smaller_than_a_filter_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 7 px"):
        OrientedContrast()(torch.zeros(1, 3, 1, 6, 8), torch.zeros(1, 3, 1, 6, 8))


def test_the_two_sides_of_the_discriminator_do_not_mix() -> None:
    torch.manual_seed(0)
    discriminator, weight = PatchDiscriminator(8), torch.ones((), requires_grad=True)
    real = noise(1, 3, 3, 16, 16)
    fooled, hinge = adversarial_terms(discriminator, real, weight * noise(1, 3, 3, 16, 16, seed=1))
    assert torch.autograd.grad(fooled, weight, retain_graph=True)[0] != 0
    assert torch.autograd.grad(hinge, weight, retain_graph=True, allow_unused=True)[0] is None
    parameters = list(discriminator.parameters())
    assert all(g is None for g in torch.autograd.grad(fooled, parameters, retain_graph=True, allow_unused=True))
    assert all(g is not None for g in torch.autograd.grad(hinge, parameters))


def test_the_discriminator_learns_to_tell_noise_from_grey() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(8)
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=3e-3)
    for step in range(30):
        real, made = noise(4, 3, 3, 16, 16, seed=step), torch.zeros(4, 3, 3, 16, 16)
        _, hinge = adversarial_terms(discriminator, real, made)
        optimizer.zero_grad()
        hinge.backward()
        optimizer.step()
    assert (
        discriminator(noise(4, 3, 3, 16, 16, seed=99)).mean() > discriminator(torch.zeros(4, 3, 3, 16, 16)).mean() + 1
    )


def test_the_discriminator_starts_late_and_all_terms_are_weighed() -> None:
    torch.manual_seed(0)
    vae, discriminator, video = VideoVAE(TINY_VAE), PatchDiscriminator(4), torch.rand(1, 3, 3, 16, 16) * 2 - 1
    settings = VAEObjective(perceptual=0.3, equivariance=0.2, adversarial=0.1, adversarial_start=5)

    def parts() -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return vae_objective(vae, video, None, torch.zeros(1, dtype=torch.bool), generator, settings, discriminator)

    before = parts()
    assert "discriminator" not in before
    discriminator.num_updates += 5
    after = parts()
    expected = before["loss"] + 0.1 * after["adversarial"] + after["discriminator"]
    torch.testing.assert_close(after["loss"], expected)
    weighed = sum(getattr(settings, name) * before[name] for name in before if name != "loss")
    torch.testing.assert_close(before["loss"], weighed)


def test_half_size_latents_of_even_pictures_cost_nothing() -> None:
    video = torch.full((1, 3, 3, 8, 8), 0.5)
    settings = VAEObjective(equivariance=1.0)
    vae = VideoVAE(TINY_VAE)
    parts = vae_objective(
        vae, video, None, torch.zeros(1, dtype=torch.bool), torch.Generator().manual_seed(0), settings
    )
    assert parts["equivariance"].item() == pytest.approx(0, abs=1e-5)
