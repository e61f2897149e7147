"""``Task``: what the training loop needs to know of a stage."""

from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from rich.progress import Progress
from torch import nn

from worldsim.config import TrainConfig


@runtime_checkable
class Validates(Protocol):
    """A task that can be measured on held-out clips."""

    def validate(self, model: Any, progress: Progress) -> dict[str, float]:
        """Return named figures, equal for equal weights; "loss" is the headline, lower is better."""
        ...


@runtime_checkable
class Task(Protocol):
    """One stage of training. Everything random comes from the step number or from a generator that is passed in."""

    name: ClassVar[str]
    config_schema: ClassVar[type[TrainConfig]]
    model: nn.Module
    """What is trained: the raw weights; the loop keeps the averaged copy."""

    def __init__(self, config: Any, device: torch.device) -> None:
        """Build the model and check the data's index against the config; reads no clip."""
        ...

    def prepare(self, progress: Progress) -> None:
        """Read what training needs into memory."""
        ...

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips."""
        ...

    def describe(self) -> list[str]:
        """Return in sentences what a run should know of its data and model before it starts; may read some clips."""
        ...

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        ...

    def batch(self, step: int) -> Any:
        """Return the batch of a step, on the device; a pure function of the step."""
        ...

    def loss(self, model: Any, batch: Any, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return named scalars; "loss" is the one to minimise."""
        ...

    def pictures(self, model: Any, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return name → picture of what the model can do now."""
        ...

    def finish(self, model: Any, progress: Progress) -> dict[str, float]:
        """Complete the averaged weights after the last step; returns figures for the card."""
        ...

    def export(self, model: Any, folder: Path, training: dict[str, Any]) -> None:
        """Write the folder that sampling loads."""
        ...
