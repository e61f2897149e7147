import pytest
import torch

from physics_data.core.errors import DataError
from worldsim.model import DiT, DiTConfig
from worldsim.prompt import PromptError, WordTokenizer
from worldsim.sampling import SamplingConfig, generate
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig

TOKENIZER = WordTokenizer(6, 64)
PROMPTS = ["a red ball falls", "a blue ball"]


@pytest.fixture(scope="module")
def parts() -> tuple[DiT, VideoVAE]:
    torch.manual_seed(0)
    vae = VideoVAE(
        VideoVAEConfig(
            latent_channels=4,
            strides=(Stride(frames=1, size=2), Stride(frames=2, size=2)),
            widths=(8, 16),
            encoder_blocks=(1, 1),
            decoder_blocks=(1, 1),
        )
    )
    dit = DiT(DiTConfig(latent_channels=4, temporal_factor=2, depth=1, width=32, num_heads=2, text_buckets=64))
    with torch.no_grad():
        for weight in (*vae.parameters(), *dit.parameters()):
            weight += 0.05 * torch.randn_like(weight)
    vae.set_latent_statistics(torch.full((4,), 0.1), torch.full((4,), 1.5))
    return dit.eval(), vae.eval()


def draw(parts: tuple[DiT, VideoVAE], seed: int = 0, guidance_weight: float = 1.5, **changed: object) -> torch.Tensor:
    settings: dict[str, object] = {
        "prompts": PROMPTS,
        "num_frames": 7,
        "height": 16,
        "width": 24,
        "frame_rate": 16.0,
        "generator": torch.Generator().manual_seed(seed),
        "sampling": SamplingConfig(num_steps=3, guidance_scale=guidance_weight),
        **changed,
    }
    return generate(*parts, TOKENIZER, **settings)  # type: ignore[arg-type]


def first_frames(num_frames: int = 3) -> torch.Tensor:
    return torch.rand(2, 3, num_frames, 16, 24, generator=torch.Generator().manual_seed(9)) * 2 - 1


def test_the_generator_decides(parts: tuple[DiT, VideoVAE]) -> None:
    video = draw(parts)
    assert video.shape == (2, 3, 7, 16, 24)
    assert video.abs().max() <= 1
    assert torch.equal(video, draw(parts))
    assert not torch.equal(video, draw(parts, seed=1))


def test_with_its_own_generator_a_video_does_not_depend_on_the_others(parts: tuple[DiT, VideoVAE]) -> None:
    together = draw(parts, generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)])
    alone = draw(parts, prompts=PROMPTS[1:], generator=[torch.Generator().manual_seed(4)])
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=1e-4)


def test_prompt_and_guidance_matter(parts: tuple[DiT, VideoVAE]) -> None:
    base = draw(parts, guidance_weight=1.0)
    assert not torch.allclose(base, draw(parts, guidance_weight=4.0), atol=1e-4)
    assert not torch.allclose(base, draw(parts, guidance_weight=1.0, prompts=["two screens", "a cube"]), atol=1e-4)


def test_guidance_does_nothing_where_there_is_no_prompt(parts: tuple[DiT, VideoVAE]) -> None:
    plain, guided = (draw(parts, prompts=["", ""], guidance_weight=weight) for weight in (1.0, 5.0))
    torch.testing.assert_close(plain, guided, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_first_frames_are_kept(parts: tuple[DiT, VideoVAE]) -> None:
    """The VAE is causal, so the decoded first frames are exactly its reconstruction of the given ones."""
    _, vae = parts
    given = first_frames()
    video = draw(parts, first_frames=given)
    torch.testing.assert_close(video[:, :, :3], vae(given).clamp(-1, 1), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(video[:, :, 3:], draw(parts)[:, :, 3:], atol=1e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"first_frames": first_frames(4)}, "4 frames does not fit .* use 3 or 5"),
        ({"first_frames": first_frames(7)}, "7 first frames leave nothing to generate in a video of 7"),
        ({"first_frames": first_frames()[..., :16]}, "2 videos of 16x16, asked for are 2 of 24x16"),
        ({"first_frames": first_frames()[:1]}, "1 videos of 24x16"),
        ({"num_frames": 8}, "use 7 or 9"),
        ({"height": 18}, "use 16 or 20"),
        ({"generator": [torch.Generator()]}, "1 generators are given for 2 prompts"),
    ],
)
def test_what_does_not_fit_is_refused(parts: tuple[DiT, VideoVAE], changed: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw(parts, **changed)


def test_long_prompts_are_refused(parts: tuple[DiT, VideoVAE]) -> None:
    with pytest.raises(PromptError, match="at most 6"):
        draw(parts, prompts=["a red ball falls onto the floor", "x"])


def test_solver_and_domain_are_used(parts: tuple[DiT, VideoVAE]) -> None:
    base = draw(parts)
    assert not torch.allclose(base, draw(parts, sampling=SamplingConfig(num_steps=3, solver="heun")), atol=1e-4)
    assert not torch.allclose(base, draw(parts, domain=2), atol=1e-4)
    torch.testing.assert_close(draw(parts, domain=2), draw(parts, domain=torch.tensor([2, 2])))
