"""What each stage of training minimises: the losses, put together."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from pydantic import Field
from torch import nn

from physics_data.core.config import StrictModel
from worldsim.diffusion import TimeSampling, interpolate, sample_t, v_target
from worldsim.losses.flow_matching import FlowMatching
from worldsim.losses.kl import StandardNormalKL
from worldsim.losses.reconstruction import Charbonnier, GradientDifference
from worldsim.losses.weighting import pixel_weight

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class VAEObjective(StrictModel):
    """Weights of the losses of a VAE.

    instance_gain:  how much more pixels of objects count than background, see ``weighting``
    """

    charbonnier: Weight = 1.0
    gradient: Weight = 1.0
    kl: Weight = 1e-6
    instance_gain: Weight = 8.0


class DiTObjective(StrictModel):
    """How samples are noised and what is hidden when a transformer is trained.

    time:           distribution of t
    drop_prompt:    share of samples without prompt, for guidance
    drop_domain:    share of samples that are not told their domain
    given_share:    share of samples that are continued from clean first latent frames
    most_given:     largest number of them; 1 to this many are given, and at least one frame is left to predict
    """

    time: TimeSampling = TimeSampling()
    drop_prompt: Share = 0.1
    drop_domain: Share = 0.1
    given_share: Share = 0.5
    most_given: Annotated[int, Field(ge=1)] = 3


def vae_objective(
    vae: Any,
    video: Float[torch.Tensor, "b 3 t h w"],
    instance_ids: UInt8[torch.Tensor, "b t h w"] | None,
    labelled: Bool[torch.Tensor, "b"],
    generator: torch.Generator,
    settings: VAEObjective,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Encode, draw latents, decode, compare: ``vae`` has the ``encode`` and ``decode`` of ``VideoVAE``.

    "loss" is what to minimise, the others are its unweighted parts.
    """
    posterior = vae.encode(video)
    again = vae.decode(posterior.sample(generator))
    weight = pixel_weight(video, instance_ids, labelled, settings.instance_gain)
    parts = {
        "charbonnier": Charbonnier()(again, video, weight),
        "gradient": GradientDifference()(again, video, weight),
        "kl": StandardNormalKL()(posterior.mean, posterior.log_variance),
    }
    loss = torch.stack([getattr(settings, name) * value for name, value in parts.items()]).sum()
    return {"loss": loss, **parts}


def dit_objective(
    dit: nn.Module,
    latents: Float[torch.Tensor, "b c t h w"],
    text_ids: Int64[torch.Tensor, "b l"],
    text_mask: Bool[torch.Tensor, "b l"],
    domain: Int64[torch.Tensor, "b"],
    frame_rate: Float[torch.Tensor, "b"],
    generator: torch.Generator,
    settings: DiTObjective,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Noise normalised latents and compare the predicted v with the true one.

    All latent frames of a sample have the same t, but those that are given are clean, have t = 0 and do not count.
    """
    batch, _, num_frames = latents.shape[:3]
    device = latents.device
    given = draw_given(batch, num_frames, generator, settings, device)
    t = sample_t(batch, settings.time, generator, device)[:, None].expand(-1, num_frames).masked_fill(given, 0.0)
    noise = torch.randn(latents.shape, generator=generator, device=device, dtype=latents.dtype)
    told = torch.rand(batch, generator=generator, device=device) >= settings.drop_prompt
    named = torch.rand(batch, generator=generator, device=device) >= settings.drop_domain
    v_pred = dit(interpolate(latents, noise, t), t, text_ids, text_mask & told[:, None], domain * named, frame_rate)
    loss = FlowMatching()(v_pred, v_target(latents, noise), (~given).to(latents.dtype))
    return {"loss": loss}


def packed_dit_objective(
    dit: Any,
    latents: Sequence[Float[torch.Tensor, "c _t _h _w"]],
    text_ids: Int64[torch.Tensor, "b l"],
    text_mask: Bool[torch.Tensor, "b l"],
    domain: Int64[torch.Tensor, "b"],
    frame_rate: Float[torch.Tensor, "b"],
    rows: Sequence[Sequence[int]],
    generator: torch.Generator,
    settings: DiTObjective,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Return what ``dit_objective`` does, for samples of any size packed into rows; each value counts the same."""
    batch, device = len(latents), frame_rate.device
    given = [draw_given(1, one.shape[1], generator, settings, device)[0] for one in latents]
    levels = sample_t(batch, settings.time, generator, device)
    t = [level.expand(len(kept)).masked_fill(kept, 0.0) for level, kept in zip(levels, given, strict=True)]
    noise = [torch.randn(one.shape, generator=generator, device=device, dtype=one.dtype) for one in latents]
    told = torch.rand(batch, generator=generator, device=device) >= settings.drop_prompt
    named = torch.rand(batch, generator=generator, device=device) >= settings.drop_domain
    noisy = [
        interpolate(one[None], extra[None], level[None])[0] for one, extra, level in zip(latents, noise, t, strict=True)
    ]
    v_pred = dit.forward_packed(noisy, t, text_ids, text_mask & told[:, None], domain * named, frame_rate, rows)
    loss = FlowMatching()
    counts = torch.stack([(~kept).sum() * one[:, 0].numel() for kept, one in zip(given, latents, strict=True)])
    losses = [
        loss(v[None], v_target(one[None], extra[None]), (~kept).to(one.dtype)[None])
        for v, one, extra, kept in zip(v_pred, latents, noise, given, strict=True)
    ]
    return {"loss": (torch.stack(losses) * counts).sum() / counts.sum()}


def draw_given(
    batch: int, num_frames: int, generator: torch.Generator, settings: DiTObjective, device: torch.device
) -> Bool[torch.Tensor, "b t"]:
    """Return True for the first latent frames of a share of the samples."""
    most = min(settings.most_given, num_frames - 1)
    if most < 1:
        return torch.zeros(batch, num_frames, dtype=torch.bool, device=device)
    count = torch.randint(1, most + 1, (batch,), generator=generator, device=device)
    continued = torch.rand(batch, generator=generator, device=device) < settings.given_share
    return torch.arange(num_frames, device=device)[None] < (count * continued)[:, None]
