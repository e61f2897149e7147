"""How far latents are from a standard normal distribution."""

from typing import ClassVar

import torch
from jaxtyping import Float

from worldsim.losses.base import LossInfo, Scalar


class StandardNormalKL:
    """Kullback-Leibler divergence of independent normal distributions from the standard one, nats per value."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("mean", "log_variance"), source="Kingma and Welling (2014), Auto-encoding variational Bayes, appendix B"
    )

    def __call__(self, mean: Float[torch.Tensor, "*s"], log_variance: Float[torch.Tensor, "*s"]) -> Scalar:
        """Return the mean over all values."""
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
