"""Conditioning frames of a video, and autoregressive rollout to any length."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.diffusion import SOLVERS, guide
from worldsim.model import DiT
from worldsim.model.cache import FrameCache
from worldsim.model.conditioning import Conditioning
from worldsim.sampling.sampling_config import DEFAULT, SamplingConfig
from worldsim.vae import VideoVAE

Latents = Float[torch.Tensor, "b c _ h w"]


@torch.no_grad()
def rollout(
    dit: DiT,
    conditioning: Conditioning,
    start: Latents,
    num_frames: int,
    *,
    generator: torch.Generator,
    sampling: SamplingConfig = DEFAULT,
    chunk: int = 1,
    window: int | None = None,
    sinks: int = 1,
) -> Iterator[Latents]:
    """Yield the latent frames that come after ``start``, ``chunk`` at a time, each as soon as it is made.

    Every latent frame passes through the transformer once per solver step and once more to be remembered; the past is
    read from the cache. With a window, time and memory for a frame do not grow with the length of the video.

    Args:
        dit: a causal transformer
        conditioning: prompt and what else is known; scalars hold for the whole video
        start: normalised clean latents that the video begins with; it may have no frames
        num_frames: latent frames to make
        generator: source of the noise
        sampling: solver, timesteps and guidance
        chunk: latent frames made together
        window: latent frames remembered, beside the first ``sinks``; None = all
        sinks: first latent frames that are never forgotten

    Raises:
        DataError: the transformer is not causal, or nothing is asked for.

    Source: Yin et al. (2024), From slow bidirectional to fast autoregressive video diffusion models (causal generation
    with a cache); Chen et al. (2024), Diffusion forcing.
    """
    if not dit.config.causal:
        raise DataError("only a causal transformer makes videos frame by frame; train one with model.causal: true.")
    if num_frames < 1 or chunk < 1:
        raise DataError(f"a rollout of {num_frames} latent frames, {chunk} at a time, makes nothing; give at least 1.")
    prompted = _Memory(dit, conditioning, FrameCache(dit.config.depth, window=window, sinks=sinks))
    unprompted = _Memory(dit, conditioning.without_prompt(), FrameCache(dit.config.depth, window=window, sinks=sinks))
    memories = [prompted] if sampling.guidance_scale == 1 else [prompted, unprompted]
    if start.shape[2]:
        for memory in memories:
            memory.remember(start)
    made = 0
    while made < num_frames:
        size = min(chunk, num_frames - made)
        shape = (start.shape[0], start.shape[1], size, *start.shape[3:])
        noise = torch.randn(shape, generator=generator, device=start.device, dtype=start.dtype)

        def velocity(x: Latents, t: float) -> Latents:
            v = prompted.read(x, t)
            return guide(v, unprompted.read(x, t), sampling.guidance_scale) if sampling.is_guided_at(t) else v

        latents = SOLVERS.get(sampling.solver)()(velocity, noise, sampling.timesteps)
        yield latents
        made += size
        if made < num_frames:
            for memory in memories:
                memory.remember(latents)


@dataclass
class _Memory:
    """A transformer with its past."""

    dit: DiT
    conditioning: Conditioning
    cache: FrameCache

    def read(self, x: Latents, t: float) -> Latents:
        """Return v of the next frames."""
        return self._call(x, t, keep=False)

    def remember(self, clean: Latents) -> None:
        """Let the next frames be these."""
        self._call(clean, 0.0, keep=True)

    def _call(self, x: Latents, t: float, *, keep: bool) -> Latents:
        self.cache.keep(keep)
        level = torch.full((len(x), x.shape[2]), t, device=x.device, dtype=x.dtype)
        return self.dit(x, level, self.conditioning, cache=self.cache)


Pictures = Mapping[int, Float[torch.Tensor, "n 3 height width"]]
"""Number of a video frame, counted from 0, to its picture in each of n videos, in [-1, 1]."""


def latent_frame_of(frame: int, temporal_factor: int) -> int:
    """Return the latent frame that a video frame is part of: the first is alone, the others come in groups."""
    return -(-frame // temporal_factor)


def video_frames_of(latent_frame: int, temporal_factor: int) -> range:
    """Return the video frames that a latent frame stands for."""
    last = latent_frame * temporal_factor
    return range(last if latent_frame == 0 else last - temporal_factor + 1, last + 1)


def standing_still(frames: Mapping[int, object], temporal_factor: int) -> dict[int, range]:
    """Return the latent frames of which only some video frames are given, with all that they stand for.

    Given frames stand still there for the others, so motion within these frames is not told.
    """
    latent = sorted({latent_frame_of(frame, temporal_factor) for frame in frames})
    groups = {one: video_frames_of(one, temporal_factor) for one in latent}
    return {one: group for one, group in groups.items() if not all(frame in frames for frame in group)}


@torch.no_grad()
def encode_frames(
    vae: VideoVAE, pictures: Pictures, num_frames: int, height: int, width: int
) -> dict[str, torch.Tensor]:
    """Return ``Conditioning.frames`` of given pictures, wherever they are in a video of that size.

    ``latents`` [n c t h w] are normalised, ``known`` [n t] says which latent frames hold given pictures; elsewhere the
    latents do not matter.

    A latent frame after the first stands for ``temporal_factor`` video frames. Whole groups of given frames are encoded
    as they are; of a group with gaps, each frame that is missing shows the next given one of the group, or the last. So
    a single picture rests for the time of its group (see ``standing_still``). Frames of groups in between show the
    given frame before them, and those before the first given frame show that one. The VAE is causal, so what comes
    after a given frame does not change it.

    Raises:
        DataError: nothing is given, nothing is left to make, or a frame has another size or lies outside the video.
    """
    channels, latent_frames, *size = vae.latent_shape(num_frames, height, width)
    if not pictures:
        raise DataError("no frame is given; give at least one, or draw without.")
    for frame, picture in pictures.items():
        if not 0 <= frame < num_frames:
            raise DataError(
                f"frame {frame} is given, the video has {num_frames} frames; give one from 0 to {num_frames - 1}."
            )
        if picture.shape[-2:] != (height, width):
            raise DataError(
                f"frame {frame} is given in {picture.shape[-1]}x{picture.shape[-2]}, asked for is {width}x{height}; "
                "scale or crop it to that size."
            )
    factor = vae.config.temporal_factor
    known = sorted({latent_frame_of(frame, factor) for frame in pictures})
    if len(known) == latent_frames:
        raise DataError(f"the given frames leave nothing to generate in a video of {num_frames}; give fewer.")
    shown = [pictures[_shown_at(frame, pictures, factor)] for frame in range(known[-1] * factor + 1)]
    encoded = vae.normalise(vae.encode(torch.stack(shown, dim=2)).mode())
    latents = encoded.new_zeros(len(encoded), channels, latent_frames, *size)
    latents[:, :, known] = encoded[:, :, known]
    mask = torch.zeros(latent_frames, dtype=torch.bool, device=encoded.device)
    mask[known] = True
    return {"latents": latents, "known": mask.expand(len(latents), -1)}


def _shown_at(frame: int, pictures: Pictures, temporal_factor: int) -> int:
    """Return which given frame a frame shows."""
    group = video_frames_of(latent_frame_of(frame, temporal_factor), temporal_factor)
    inside = [one for one in group if one in pictures]
    if inside:
        return next((one for one in inside if one >= frame), inside[-1])
    before = [one for one in pictures if one < frame]
    return max(before) if before else min(pictures)
