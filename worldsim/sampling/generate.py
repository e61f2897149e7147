"""From prompts, and given frames if there are any, to videos."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int64

from physics_data.core.errors import DataError
from worldsim.diffusion import SOLVERS, guide
from worldsim.model import DiT
from worldsim.model.conditioning import NO_SCALARS, Conditioning, Scalars
from worldsim.model.scene_tokens import SceneTokens
from worldsim.prompt import TextEncoder
from worldsim.sampling.rollout import Pictures, encode_frames
from worldsim.sampling.sampling_config import DEFAULT, SamplingConfig
from worldsim.vae import VideoVAE

Video = Float[torch.Tensor, "b 3 frames height width"]
Latents = Float[torch.Tensor, "b c t h w"]
GivenFrames = Float[torch.Tensor, "n 3 given given_height given_width"]
NO_PICTURES: Pictures = {}


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
    sampling: SamplingConfig = DEFAULT,
    first_frames: GivenFrames | None = None,
    frames: Pictures = NO_PICTURES,
    domain: Int64[torch.Tensor, "b"] | int = 0,
    scalars: Mapping[str, Scalars] = NO_SCALARS,
    scene: SceneTokens | None = None,
) -> Video:
    """Draw one video for each prompt.

    Args:
        dit: the transformer
        vae: whose latents it learned
        tokenizer: of its prompts
        prompts: one for each video; "" leaves the choice to the model
        num_frames: of the videos; the VAE says what fits
        height: pixels
        width: pixels
        frame_rate: of the videos, Hz
        generator: source of the noise: one for all videos, or one for each, which makes a video independent of the
            others beside it
        sampling: solver, timesteps and guidance
        first_frames: in [-1, 1]; k = j * temporal_factor + 1 frames that the videos begin with, as the VAE sees them
        frames: further frames that are given, anywhere, by their number; see ``encode_frames``. Of use with a
            transformer that was trained with ``loss.random_position_probability`` or
            ``loss.diffusion_forcing_probability``
        domain: 0 = not told, 1 = physics, 2 = real
        scalars: gravity and the like, see ``Conditioning``
        scene: what is known of the scenes, for a transformer with ``model.scene_slots``; None = nothing

    Returns:
        Videos in [-1, 1]; the colours that the decoder gives beyond that are set to the nearest.

    Raises:
        DataError: size or length do not fit the VAE, or given frames, scalars or generators do not fit the videos.
        PromptError: a prompt is too long.
    """
    device = next(dit.parameters()).device
    shape = vae.latent_shape(num_frames, height, width)
    noise = _draw_noise(len(prompts), shape, generator, device)
    text_ids, text_mask = (part.to(device) for part in tokenizer.encode(prompts))
    domains = torch.full((len(prompts),), domain, device=device) if isinstance(domain, int) else domain.to(device)
    rates = torch.full((len(prompts),), float(frame_rate), device=device)
    given = _given(noise, vae, first_frames, frames, num_frames, height, width)
    words = {"ids": text_ids, "mask": text_mask}
    known = Conditioning.of(words, rates, domains, scalars=scalars, scene=scene, frames=given)
    latents = denoise(dit, noise, known, sampling)
    return vae.decode(vae.denormalise(latents)).clamp(-1, 1)


@torch.no_grad()
def denoise(dit: DiT, noise: Latents, conditioning: Conditioning, sampling: SamplingConfig = DEFAULT) -> Latents:
    """Draw normalised latents. Conditioning frames stay as they are, at noise level 0, with and without the prompt.

    Args:
        dit: the transformer
        noise: of the shape of the latents
        conditioning: prompt and what else is known; all but the prompt is kept for guidance
        sampling: solver, timesteps and guidance
    """
    known = conditioning.clean(noise.shape[2])
    unprompted = conditioning.without_prompt()

    def field(x: Latents, t: float) -> Latents:
        frame_t = torch.full((len(x), x.shape[2]), t, device=x.device, dtype=x.dtype).masked_fill(known, 0.0)
        v = dit(x, frame_t, conditioning)
        if sampling.is_guided_at(t):
            v = guide(v, dit(x, frame_t, unprompted), sampling.guidance_scale)
        return v.masked_fill(known[:, None, :, None, None], 0.0)

    return SOLVERS.get(sampling.solver)()(field, conditioning.place(noise), sampling.timesteps)


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


def _given(
    noise: Latents,
    vae: VideoVAE,
    first_frames: GivenFrames | None,
    frames: Pictures,
    num_frames: int,
    height: int,
    width: int,
) -> dict[str, torch.Tensor]:
    """Return ``Conditioning.frames``."""
    pictures = {number: picture.to(noise) for number, picture in frames.items()}
    if first_frames is not None:
        _require_first(first_frames, len(noise), num_frames, height, width)
        vae.latent_shape(first_frames.shape[2], height, width)
        both = sorted(number for number in pictures if number < first_frames.shape[2])
        if both:
            raise DataError(f"frame {both[0]} is given and one of {first_frames.shape[2]} first frames; give it once.")
        pictures |= dict(enumerate(first_frames.to(noise).unbind(2)))
    for number, picture in pictures.items():
        if len(picture) != len(noise):
            raise DataError(
                f"frame {number} is given for {len(picture)} videos, asked for are {len(noise)}; give one for each."
            )
    return encode_frames(vae, pictures, num_frames, height, width) if pictures else {}


def _require_first(first_frames: GivenFrames, count: int, num_frames: int, height: int, width: int) -> None:
    given, _, frames, *size = first_frames.shape
    if (given, *size) != (count, height, width):
        raise DataError(
            f"first_frames holds {given} videos of {size[1]}x{size[0]}, asked for are {count} of "
            f"{width}x{height}; scale or crop them to that size and give one for each prompt."
        )
    if frames >= num_frames:
        raise DataError(f"{frames} first frames leave nothing to generate in a video of {num_frames}; give fewer.")
