"""The smallest task: a linear map learns to undo a rotation of noise. It has no data files."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from rich.progress import Progress
from torch import nn

from physics_data.core.atomic import atomic_folder, write_text
from physics_data.core.conventions import step_seed
from worldsim.cards import save_tensors
from worldsim.config import TrainConfig
from worldsim.losses.loss import WHOLE_BATCH, RankShard


class ToyConfig(TrainConfig):
    task: Literal["toy"]
    slope: float = 2.0


class ToyTask:
    name: ClassVar[str] = "toy"
    config_schema: ClassVar[type[TrainConfig]] = ToyConfig
    stop_at: ClassVar[int | None] = None
    poison_at: ClassVar[int | None] = None
    poison_from: ClassVar[int | None] = None
    shares_batches = True

    def __init__(self, config: ToyConfig, device: torch.device) -> None:
        self.config = config
        self.model: nn.Module = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))

    def prepare(self, progress: Progress) -> None:
        self.prepared = True

    def data_identity(self) -> dict[str, str]:
        return {"noise": "0"}

    def describe(self) -> list[str]:
        return []

    def shares(self, num_steps: int) -> dict[str, float]:
        return {"noise": 1.0}

    def batch(self, step: int) -> torch.Tensor:
        if step == self.stop_at:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(step_seed(self.config.seed, "toy", step))
        return torch.randn(self.config.batch_size, 6, generator=generator) * (np.nan if self._is_poisoned(step) else 1)

    def _is_poisoned(self, step: int) -> bool:
        return step == self.poison_at or (self.poison_from is not None and step >= self.poison_from)

    def loss(
        self, model: nn.Module, batch: torch.Tensor, generator: torch.Generator, part: RankShard = WHOLE_BATCH
    ) -> dict[str, torch.Tensor]:
        noisy = batch + 0.1 * torch.randn(batch.shape, generator=generator)
        noisy, batch = part.rows(noisy), part.rows(batch)
        return {"loss": (model(noisy) - self.config.slope * batch.roll(1, dims=1)).square().mean()}

    def pictures(self, model: nn.Module, progress: Progress) -> dict[str, np.ndarray]:
        return {"black": np.zeros((4, 4, 3), dtype=np.uint8)}

    def finish(self, model: nn.Module, progress: Progress) -> dict[str, float]:
        return {"finished": 1.0}

    def export(self, model: nn.Module, folder: Path, training: dict[str, Any]) -> None:
        import json

        with atomic_folder(folder) as partial:
            save_tensors(partial / "weights.safetensors", model.state_dict())
            write_text(partial / "card.json", json.dumps(training))
