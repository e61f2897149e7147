"""Guidance: how strongly a prompt pulls."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator

from physics_data.core.config import StrictModel

Latents = Float[torch.Tensor, "b c t h w"]
_SAMPLE_AXES = (1, 2, 3, 4)


class GuidanceConfig(StrictModel):
    """How the predictions with and without prompt are joined.

    kind:           ``cfg``: plain. ``cfg_zero``: the prediction without prompt is scaled to fit best, and the first
                    ``zero_share`` of the way stays as it is. ``apg``: what the prompt adds along the prediction itself,
                    which saturates colours, counts ``parallel`` times; the rest is limited to ``longest``
    weight:         1 is no guidance, 0 ignores the prompt
    interval:       guidance acts at t between these; outside the prompt alone is followed, at half the cost
    zero_share:     ``cfg_zero`` only; the share of t, from 1 down, where nothing moves
    parallel:       ``apg`` only
    momentum:       ``apg`` only; share of the last difference that is kept, negative = repelled from it
    longest:        ``apg`` only; root mean square of the difference of data predictions beyond which it is scaled down
    """

    kind: Literal["cfg", "cfg_zero", "apg"] = "cfg"
    weight: float = 1.5
    interval: tuple[float, float] = (0.0, 1.0)
    zero_share: Annotated[float, Field(ge=0, lt=1)] = 0.04
    parallel: Annotated[float, Field(ge=0, le=1)] = 0.0
    momentum: Annotated[float, Field(gt=-1, lt=1)] = -0.5
    longest: Annotated[float, Field(gt=0)] = 2.5

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> "GuidanceConfig":
        low, high = self.interval
        if not 0 <= low < high <= 1:
            raise ValueError(f"interval {list(self.interval)} must be two values of t in order within 0 and 1")
        return self

    def acts_at(self, t: float) -> bool:
        """Return whether the prediction without prompt is needed at t.

        Source: Kynkäänniemi et al. (2024), Applying guidance in a limited interval.
        """
        return self.weight != 1 and self.interval[0] <= t <= self.interval[1]


class Guidance:
    """Joins predictions along one run of a solver; ``apg`` remembers the last difference."""

    def __init__(self, config: GuidanceConfig) -> None:
        self.config = config
        self._last: Latents | None = None

    def __call__(self, v_prompted: Latents, v_unprompted: Latents, t: float) -> Latents:
        """Return the v to follow at t."""
        config = self.config
        if config.kind == "cfg":
            return guide(v_prompted, v_unprompted, config.weight)
        if config.kind == "cfg_zero":
            if t > 1 - config.zero_share:
                return torch.zeros_like(v_prompted)
            return guide(v_prompted, best_scale(v_prompted, v_unprompted) * v_unprompted, config.weight)
        # x0 = x - t v, so a difference of data predictions is -t times one of v, and points the same way up to sign.
        difference = v_prompted - v_unprompted
        if self._last is not None and config.momentum:
            difference = difference + config.momentum * self._last
        self._last = difference
        return v_prompted + (config.weight - 1) * limited(difference, v_prompted, config.parallel, config.longest)


def guide(v_prompted: Latents, v_unprompted: Latents, weight: float) -> Latents:
    """Return v_unprompted + weight (v_prompted - v_unprompted): 1 is no guidance, 0 ignores the prompt.

    Source: Ho and Salimans (2022), Classifier-free diffusion guidance, with weight = 1 + their w.
    """
    return torch.lerp(v_unprompted, v_prompted, weight) if weight != 1 else v_prompted


def best_scale(v_prompted: Latents, v_unprompted: Latents) -> Float[torch.Tensor, "b 1 1 1 1"]:
    """Return the factor of v_unprompted that brings it nearest to v_prompted, for each sample.

    Source: Fan et al. (2025), CFG-Zero*: improved classifier-free guidance for flow matching models.
    """
    along = (v_prompted * v_unprompted).sum(_SAMPLE_AXES, keepdim=True)
    return along / v_unprompted.square().sum(_SAMPLE_AXES, keepdim=True).clamp_min(1e-12)


def limited(difference: Latents, along: Latents, parallel: float, longest: float) -> Latents:
    """Return a difference no longer than ``longest`` (root mean square), its part along ``along`` times ``parallel``.

    Source: Sadat et al. (2024), Eliminating oversaturation and artifacts of high guidance scales (APG).
    """
    size = difference.square().mean(_SAMPLE_AXES, keepdim=True).sqrt()
    difference = difference * (longest / size.clamp_min(1e-12)).clamp_max(1.0)
    share = (difference * along).sum(_SAMPLE_AXES, keepdim=True)
    share = share / along.square().sum(_SAMPLE_AXES, keepdim=True).clamp_min(1e-12)
    return difference - (1 - parallel) * share * along
