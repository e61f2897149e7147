"""How hard a clip is to denoise: a model's own opinion of how likely it is.

Source: Yuan et al. (2025), LikePhys: evaluating intuitive physics understanding in video diffusion models via
likelihood preference.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from jaxtyping import Float

from physics_data.core.clip import Clip
from physics_data.core.conventions import step_seed
from worldsim.data.collate import to_tensor
from worldsim.diffusion import interpolate, v_target
from worldsim.generator import Video, VideoGenerator
from worldsim.model.conditioning import Conditioning
from worldsim.weights import Generator

VelocityNetwork = Callable[..., torch.Tensor]
"""A ``DiT``, or whatever takes x_t, t and conditioning and returns v."""

LEVELS = tuple((number + 0.5) / 10 for number in range(10))
"""Ten evenly spread noise levels."""


def default_device() -> torch.device:
    """Return the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def clip_losses(
    model: Generator | VideoGenerator, clips: Iterable[Clip], *, reads_captions: bool = False, seed: int = 0
) -> Iterator[tuple[str, float]]:
    """Yield the key and loss of each clip; a smaller loss means that the model finds the clip more likely.

    Args:
        model: a transformer with its VAE, or a public model, which is given the first frame if it takes one alone
        clips: with metadata; the clips of a pair set share their noise
        reads_captions: whether the model reads each clip's caption
        seed: of the noise
    """
    if isinstance(model, Generator):
        dit, vae = model.dit.to(default_device()), model.vae.to(default_device())
    for clip in clips:
        meta = clip.meta
        prompt = meta.caption if reads_captions else ""
        noise_seed = step_seed(seed, meta.pair.set_id if meta.pair is not None else meta.key, 0)
        video = to_tensor(clip.rgb[None]).to(default_device())
        if isinstance(model, VideoGenerator):
            first = video[:, :, :1] if model.max_given == 1 else None
            known = model.conditioning([prompt], len(clip.rgb), frame_rate=meta.frame_rate, first_frames=first)
            yield meta.key, generator_loss(model, video, known, noise_seed)
        else:
            with torch.no_grad():
                latents = vae.normalise(vae.encode(video).mode())
            ids, mask = model.tokenizer.encode([prompt])
            facts = (torch.tensor([meta.domain]), torch.tensor([meta.frame_rate]))
            conditioning = Conditioning.of_words(ids, mask, *facts).to(video.device)
            yield meta.key, denoising_loss(dit, latents, conditioning, noise_seed)


@torch.no_grad()
def denoising_loss(
    dit: VelocityNetwork,
    latents: Float[torch.Tensor, "1 c t h w"],
    conditioning: Conditioning,
    seed: int,
    levels: Sequence[float] = LEVELS,
) -> float:
    """Return the mean square error of v over fixed noise levels; the same seed gives clips of one shape the same noise.

    Args:
        dit: the transformer
        latents: normalised latents of one clip
        conditioning: of the clips
        seed: of the noise; clips that are compared share it, so what differs is the clip
        levels: values of t
    """
    generator = torch.Generator(latents.device).manual_seed(seed)
    errors = []
    for level in levels:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        t = torch.full((1, latents.shape[2]), level, device=latents.device)
        v_pred = dit(interpolate(latents, noise, t), t, conditioning)
        errors.append((v_pred - v_target(latents, noise)).square().mean())
    return float(torch.stack(errors).mean())


@torch.no_grad()
def generator_loss(
    generator: VideoGenerator, video: Video, conditioning: Conditioning, seed: int, levels: Sequence[float] = LEVELS
) -> float:
    """Return what ``denoising_loss`` does for any model: the error of its own target, over frames that are not given.

    Args:
        generator: the model
        video: one clip in [-1, 1]
        conditioning: of the clip
        seed: of the noise; clips that are compared share it
        levels: values of t
    """
    x0 = generator.encode(video)
    draws = torch.Generator(x0.device).manual_seed(seed)
    errors = []
    for level in levels:
        noise = torch.randn(x0.shape, generator=draws, device=x0.device)
        t = torch.full((len(x0),), level, device=x0.device)
        samples = generator.training_target(x0, noise, t, conditioning)
        error = (generator.denoise(samples.x_t, t, conditioning) - samples.target).square().mean((1, 3, 4))
        errors.append(error[samples.counts].mean())
    return float(torch.stack(errors).mean())
