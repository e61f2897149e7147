"""The error of v on held-out clips at fixed noise levels: the cheap monitor of quality.

Source: Zheng et al. (2024), Open-Sora report 4, which tracks the loss over fixed levels on held-out clips.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from physics_data.core.conventions import step_seed
from worldsim.diffusion import interpolate, v_target
from worldsim.model import DiT
from worldsim.training.latent_store import LatentBatch


@dataclass(frozen=True)
class HeldOutClip:
    """One clip that is not trained on."""

    source: str
    scenario: str
    batch: LatentBatch


@torch.no_grad()
def validation_error(model: DiT, clips: Sequence[HeldOutClip], levels: Sequence[float], seed: int) -> dict[str, float]:
    """Return the mean square error of v: "loss" over all, "SOURCE", "SOURCE/SCENARIO" and "t=LEVEL".

    Each clip has its own noise, the same in every call, so two sets of weights are compared on equal terms.
    """
    sums: dict[str, list[float]] = defaultdict(list)
    for number, clip in enumerate(clips):
        latents = clip.batch.latents
        generator = torch.Generator(latents.device).manual_seed(step_seed(seed, "validation", number))
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        for level in levels:
            t = torch.full((1, latents.shape[2]), level, device=latents.device)
            v_pred = model(interpolate(latents, noise, t), t, clip.batch.conditioning)
            error = float((v_pred - v_target(latents, noise)).square().mean())
            for name in {"loss", clip.source, f"{clip.source}/{clip.scenario}", f"t={level:g}"}:
                sums[name].append(error)
    return {name: sum(values) / len(values) for name, values in sorted(sums.items())}
