"""How probes are built and trained."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from physics_data.core.config import StrictModel


class ProbesConfig(StrictModel):
    """Probes beside a transformer.

    width:       channels
    most_noise:  probes are trained on true latents with noise of a standard deviation from 0 to this, so that they read
                 what is nearly clean, too
    every:       they learn from every so many-th clip of a batch, beginning with another one in each step
    start_from:  run folder whose probes (``probes.safetensors``) these start from; None starts anew
    frozen:      never train them; needs ``start_from``
    """

    width: Annotated[int, Field(ge=8)] = 32
    most_noise: Annotated[float, Field(ge=0)] = 0.3
    every: Annotated[int, Field(ge=1)] = 2
    start_from: Path | None = None
    frozen: bool = False
