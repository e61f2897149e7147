"""What the encoder says about a video: a normal distribution of each latent value."""

from dataclasses import dataclass

import torch
from jaxtyping import Float

Latents = Float[torch.Tensor, "b c t h w"]


@dataclass(frozen=True)
class Posterior:
    """Independent normal distributions of the raw latents."""

    mean: Latents
    log_variance: Latents

    def sample(self, generator: torch.Generator) -> Latents:
        """Draw latents; gradients reach mean and log_variance."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)

    def mode(self) -> Latents:
        """Return the most probable latents."""
        return self.mean
