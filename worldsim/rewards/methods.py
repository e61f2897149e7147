"""What is minimised when a generator learns from rewards of its own videos.

u is the target of a noised sample (``VideoGenerator.training_target``), v the prediction, v_ref that of the frozen
model. All means are over channels, positions and the latent frames that are not given.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch.nn import functional as F

Latents = Float[torch.Tensor, "b c t h w"]
PerSample = Float[torch.Tensor, "b"]

Method = Literal["rvm", "dpo", "filtered"]


def advantages(
    rewards: Float[torch.Tensor, "s k"], *, scale: float = 0.1, limit: float = 5.0
) -> Float[torch.Tensor, "s k"]:
    """Return scale · clip((R - mean of the scene) / (std over all samples + 1e-4), ±limit).

    The standard deviation is over all scenes of the round, so a scene whose samples hardly differ hardly counts.

    Source: RVM (arXiv 2608.23664), its advantage with a global scale.
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    spread = rewards.std(unbiased=False)
    return scale * (centred / (spread + 1e-4)).clamp(-limit, limit)


def sample_error(a: Latents, b: Latents, counts: Bool[torch.Tensor, "b t"]) -> PerSample:
    """Return the mean square difference of each sample over the latent frames that count."""
    weight = counts.to(a)[:, None, :, None, None]
    total = ((a - b) ** 2 * weight).sum((1, 2, 3, 4))
    return total / (weight.sum((1, 2, 3, 4)) * a[0, :, 0].numel()).clamp_min(1)


def rvm_loss(
    v: Latents,
    u: Latents,
    advantage: PerSample,
    counts: Bool[torch.Tensor, "b t"],
    v_ref: Latents | None = None,
    anchor: float = 0.0,
) -> Float[torch.Tensor, ""]:
    """Return ½ mean (v - sg[v - g])² with g = A (v - u) + anchor (v - v_ref).

    Its gradient with respect to v is g / n: samples of positive advantage are learned, of negative ones unlearned, and
    the value stays bounded below. n is the number of values of a sample that count.

    Source: RVM (arXiv 2608.23664).
    """
    gradient = advantage.view(-1, 1, 1, 1, 1) * (v - u)
    if v_ref is not None and anchor:
        gradient = gradient + anchor * (v - v_ref)
    return 0.5 * sample_error(v, (v - gradient).detach(), counts).mean()


def dpo_loss(
    error: PerSample, reference_error: PerSample, is_better: Bool[torch.Tensor, "b"], strength: float
) -> Float[torch.Tensor, ""]:
    """Return the mean of -log sigmoid(-strength/2 (Δ better - Δ worse)), Δ = error - error of the frozen model.

    Samples come in pairs, one after the other, with the same noise and t.

    Source: Wallace et al. (2023), Diffusion model alignment using direct preference optimization, eq. 14; for
    rectified flow Liu et al. (2025), Improving video generation with human feedback (Flow-DPO).
    """
    gain = (error - reference_error).view(-1, 2)
    better = is_better.view(-1, 2)
    sign = torch.where(better[:, 0], 1.0, -1.0)
    return -F.logsigmoid(-strength / 2 * sign * (gain[:, 0] - gain[:, 1])).mean()


def kept_by_filter(rewards: Float[torch.Tensor, "s k"], fraction: float) -> Bool[torch.Tensor, "s k"]:
    """Return True for the best samples of each scene, one at least: what filtered fine-tuning learns from.

    Equal rewards are kept in the order of their numbers.
    """
    count = max(1, round(fraction * rewards.shape[1]))
    order = rewards.argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(rewards, dtype=torch.bool).scatter(1, order[:, :count], True)


def best_and_worst(rewards: Float[torch.Tensor, "s k"]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each scene the numbers of its best and its worst sample, [s] each."""
    return rewards.argmax(1), rewards.argmin(1)
