"""Classifier-free guidance: how strongly a prompt pulls."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from pydantic import model_validator

from physics_data.core.config import StrictModel

Latents = Float[torch.Tensor, "b c t h w"]
_REMOVED = ("kind", "zero_share", "parallel", "momentum", "longest")


class GuidanceConfig(StrictModel):
    """How the predictions with and without prompt are joined.

    weight:    1 is no guidance, 0 ignores the prompt
    interval:  guidance acts at t between these; outside the prompt alone is followed, at half the cost
    """

    weight: float = 1.5
    interval: tuple[float, float] = (0.0, 1.0)

    @model_validator(mode="before")
    @classmethod
    def _without_removed_keys(cls, raw: Any) -> Any:
        """Accept records of plain guidance that were written when there were other kinds."""
        if not isinstance(raw, Mapping):
            return raw
        if raw.get("kind", "cfg") != "cfg":
            raise ValueError(
                f"kind: the guidance '{raw['kind']}' was removed; leave kind out, which is classifier-free guidance "
                "with weight and interval"
            )
        return {key: value for key, value in raw.items() if "kind" not in raw or key not in _REMOVED}

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


def guide(v_prompted: Latents, v_unprompted: Latents, weight: float) -> Latents:
    """Return v_unprompted + weight (v_prompted - v_unprompted): 1 is no guidance, 0 ignores the prompt.

    Source: Ho and Salimans (2022), Classifier-free diffusion guidance, with weight = 1 + their w.
    """
    return torch.lerp(v_unprompted, v_prompted, weight) if weight != 1 else v_prompted
