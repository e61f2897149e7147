"""Guidance: how strongly a prompt pulls."""

import torch
from jaxtyping import Float

Latents = Float[torch.Tensor, "b c t h w"]


def guide(v_prompted: Latents, v_unprompted: Latents, weight: float) -> Latents:
    """Return v_unprompted + weight (v_prompted - v_unprompted): 1 is no guidance, 0 ignores the prompt.

    Source: Ho and Salimans (2022), Classifier-free diffusion guidance, with weight = 1 + their w.
    """
    return torch.lerp(v_unprompted, v_prompted, weight) if weight != 1 else v_prompted
