"""From prompts, and first frames if there are any, to videos."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64

from physics_data.core.errors import DataError
from worldsim.diffusion import SOLVERS, Guidance
from worldsim.model import DiT
from worldsim.prompt import TextEncoder
from worldsim.sampling.drawing import DEFAULT, Drawing
from worldsim.vae import VideoVAE

Video = Float[torch.Tensor, "b 3 frames height width"]
Latents = Float[torch.Tensor, "b c t h w"]
GivenFrames = Float[torch.Tensor, "n 3 given given_height given_width"]


@torch.no_grad()
def generate(
    dit: DiT,
    vae: VideoVAE,
    tokenizer: TextEncoder,
    prompts: Sequence[str],
    num_frames: int,
    height: int,
    width: int,
    frame_rate: float,
    *,
    generator: torch.Generator | Sequence[torch.Generator],
    drawing: Drawing = DEFAULT,
    first_frames: GivenFrames | None = None,
    domain: Int64[torch.Tensor, "b"] | int = 0,
) -> Video:
    """Draw one video for each prompt.

    Args:
        dit, vae, tokenizer: trained together
        prompts: one for each video; "" leaves the choice to the model
        num_frames, height, width: of the videos; the VAE says what fits
        frame_rate: of the videos, Hz
        generator: source of the noise: one for all videos, or one for each, which makes a video independent of the
            others beside it
        drawing: solver, its stops, and guidance
        first_frames: in [-1, 1]; k = j * temporal_factor + 1 frames that the videos begin with, as the VAE sees them
        domain: 0 = not told, 1 = physics, 2 = real

    Returns:
        Videos in [-1, 1]; the colours that the decoder gives beyond that are set to the nearest.

    Raises:
        DataError: size or length do not fit the VAE, or first frames or generators do not fit the videos.
        PromptError: a prompt is too long.
    """
    device = next(dit.parameters()).device
    shape = vae.latent_shape(num_frames, height, width)
    noise = _draw_noise(len(prompts), shape, generator, device)
    text_ids, text_mask = (part.to(device) for part in tokenizer.encode(prompts))
    domains = torch.full((len(prompts),), domain, device=device) if isinstance(domain, int) else domain.to(device)
    rates = torch.full((len(prompts),), float(frame_rate), device=device)

    start, given = _place_first_frames(noise, vae, first_frames, num_frames, height, width)

    guidance = Guidance(drawing.guidance)

    def field(x: Latents, t: float) -> Latents:
        frame_t = torch.full((len(x), x.shape[2]), t, device=device).masked_fill(given, 0.0)
        prompted = dit(x, frame_t, text_ids, text_mask, domains, rates)
        if drawing.guidance.acts_at(t):
            unprompted = dit(x, frame_t, text_ids, torch.zeros_like(text_mask), domains, rates)
            prompted = guidance(prompted, unprompted, t)
        return prompted.masked_fill(given[None, None, :, None, None], 0.0)

    latents = SOLVERS.get(drawing.solver)()(field, start, drawing.stops)
    return vae.decode(vae.denormalise(latents)).clamp(-1, 1)


def _draw_noise(
    count: int,
    shape: tuple[int, int, int, int],
    generator: torch.Generator | Sequence[torch.Generator],
    device: torch.device,
) -> Latents:
    if isinstance(generator, torch.Generator):
        return torch.randn((count, *shape), generator=generator, device=device)
    if len(generator) != count:
        raise DataError(
            f"{len(generator)} generators are given for {count} prompts; give one for each, or one for all."
        )
    return torch.stack([torch.randn(shape, generator=each, device=device) for each in generator])


def _place_first_frames(
    noise: Latents, vae: VideoVAE, first_frames: GivenFrames | None, num_frames: int, height: int, width: int
) -> tuple[Latents, Bool[torch.Tensor, "t"]]:
    """Return noise whose first latent frames are those of the given video, and True for them."""
    given = torch.zeros(noise.shape[2], dtype=torch.bool, device=noise.device)
    if first_frames is None:
        return noise, given
    count, _, frames, *size = first_frames.shape
    if (count, *size) != (len(noise), height, width):
        raise DataError(
            f"first_frames holds {count} videos of {size[1]}x{size[0]}, asked for are {len(noise)} of "
            f"{width}x{height}; scale or crop them to that size and give one for each prompt."
        )
    if frames >= num_frames:
        raise DataError(f"{frames} first frames leave nothing to generate in a video of {num_frames}; give fewer.")
    clean = vae.normalise(vae.encode(first_frames.to(noise)).mode())
    given[: clean.shape[2]] = True
    return torch.cat([clean, noise[:, :, clean.shape[2] :]], dim=2), given
