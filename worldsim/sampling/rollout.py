"""Videos of any length, made a few latent frames at a time by a causal transformer that remembers what it made."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.diffusion import SOLVERS, guide
from worldsim.model import DiT
from worldsim.model.cache import FrameCache
from worldsim.model.conditioning import Conditioning
from worldsim.sampling.drawing import DEFAULT, Drawing

Latents = Float[torch.Tensor, "b c _ h w"]


@torch.no_grad()
def rollout(
    dit: DiT,
    conditioning: Conditioning,
    start: Latents,
    num_frames: int,
    *,
    generator: torch.Generator,
    drawing: Drawing = DEFAULT,
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
        drawing: solver, its stops, and guidance
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
    memories = [prompted] if drawing.guidance.weight == 1 else [prompted, unprompted]
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
            return guide(v, unprompted.read(x, t), drawing.guidance.weight) if drawing.guidance.acts_at(t) else v

        latents = SOLVERS.get(drawing.solver)()(velocity, noise, drawing.stops)
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
