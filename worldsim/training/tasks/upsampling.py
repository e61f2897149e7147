"""Training of the upsampler on exact pairs: the same scenes drawn at two sizes, with no guessed degradation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.progress import Progress
from torch import nn

from physics_data.core.conventions import step_seed
from physics_data.core.display import contact_sheet
from physics_data.core.errors import DataError
from worldsim.config import TrainConfig, UpsamplerTrainConfig
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.data.loading import crop_of, describe_splits, open_mixture, spread, validation_sources
from worldsim.data.sources import PixelClip, ShardSource
from worldsim.losses.reconstruction import Charbonnier, GradientDifference
from worldsim.model.upsampler import FACTOR, Upsampler, interpolated
from worldsim.weights import save_upsampler

_NUM_MEASURED = 16
_NUM_PICTURED = 3


@dataclass(frozen=True)
class PairBatch:
    """Small crops, the same at twice the size, and how much each pixel of these counts."""

    small: Float[torch.Tensor, "b 3 t h w"]
    large: Float[torch.Tensor, "b 3 t h2 w2"]
    weight: Float[torch.Tensor, "b 1 t h2 w2"]


class UpsamplerTask:
    """Small videos to ones of twice the size."""

    name: ClassVar[str] = "upsampler"
    config_schema: ClassVar[type[TrainConfig]] = UpsamplerTrainConfig

    def __init__(self, config: UpsamplerTrainConfig, device: torch.device) -> None:
        """Build the network and check that each small clip has a large one.

        Raises:
            DataError: a clip is not in ``config.large``, or has another size there.
        """
        self.config, self.device = config, device
        self.model: nn.Module = Upsampler(config.model)
        self.mixture = open_mixture(config.data, seed=config.seed, batch_size=config.batch_size)
        self._large = {split: _Large(config.large, split) for split in ("train", "val")}
        for source in self.mixture.sources:
            for shape in source.shapes:
                self._large["train"].check(shape.key, FACTOR * shape.height, FACTOR * shape.width)

    def prepare(self, progress: Progress) -> None:
        """Clips are read when they are picked."""

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips, and that of the large ones."""
        found = {source.name: source.identity() for source in self.mixture.sources}
        return {**found, "(large)": self._large["train"].source.identity()}

    def describe(self) -> list[str]:
        """Return where validation clips come from."""
        return describe_splits(self.config.data)

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        return self.mixture.seen_shares(num_steps, self.config.batch_size)

    def batch(self, step: int) -> PairBatch:
        """Return crops of a step; half of them lie on an object where a clip has one."""
        rng = np.random.default_rng(step_seed(self.config.seed, "crop", step))
        part = crop_of(self.config.data)
        small, large, weight = [], [], []
        for clip in self.mixture.load(self.mixture.batch(step, self.config.batch_size)):
            pair = self._large["train"].load(clip.meta.key)
            num_frames, height, width = clip.rgb.shape[:3]
            start = int(rng.integers(num_frames - part.num_frames + 1))
            down, across = (int(rng.integers(one)) for one in (height - part.height + 1, width - part.width + 1))
            ids = clip.instance_ids
            if ids is not None and rng.random() < 0.5 and len(found := np.argwhere(ids[start] > 0)):
                row, column = found[rng.integers(len(found))]
                down = int(np.clip(row - part.height // 2, 0, height - part.height))
                across = int(np.clip(column - part.width // 2, 0, width - part.width))
            frames = slice(start, start + part.num_frames)
            small.append(clip.rgb[frames, down : down + part.height, across : across + part.width])
            rows = slice(FACTOR * down, FACTOR * (down + part.height))
            columns = slice(FACTOR * across, FACTOR * (across + part.width))
            large.append(pair.rgb[frames, rows, columns])
            inside = np.zeros(large[-1].shape[:3], bool)
            if pair.instance_ids is not None:
                inside = pair.instance_ids[frames, rows, columns] > 0
            weight.append(torch.from_numpy(1 + self.config.foreground_weight * inside)[None].float())
        batch = PairBatch(to_tensor(np.stack(small)), to_tensor(np.stack(large)), torch.stack(weight))
        return PairBatch(*(one.to(self.device) for one in (batch.small, batch.large, batch.weight)))

    def loss(self, model: Upsampler, batch: PairBatch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the difference of pixels and of their gradients."""
        made = model(batch.small)
        parts = {
            "charbonnier": Charbonnier()(made, batch.large, batch.weight),
            "gradient": GradientDifference()(made, batch.large, batch.weight),
        }
        return {"loss": parts["charbonnier"] + self.config.gradient * parts["gradient"], **parts}

    @torch.no_grad()
    def pictures(self, model: Upsampler, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return validation clips: the true large one, bicubic, and the network's."""
        rows, lines = [], []
        for small, large in self._held_out(_NUM_PICTURED):
            video = to_tensor(small.rgb[None]).to(self.device)
            rows += [large.rgb, to_rgb(_bicubic(video).clamp(-1, 1))[0], to_rgb(model(video).clamp(-1, 1))[0]]
            lines += [small.meta.key, "bicubic", "upsampled"]
        return {"upsampled": contact_sheet(rows, lines)} if rows else {}

    @torch.no_grad()
    def finish(self, model: Upsampler, progress: Progress) -> dict[str, float]:
        """Return peak signal to noise ratios on validation clips, dB: of the network and of bicubic interpolation."""
        errors: dict[str, list[float]] = {}
        for small, large in self._held_out(_NUM_MEASURED):
            video, truth = to_tensor(small.rgb[None]).to(self.device), to_tensor(large.rgb[None]).to(self.device)
            inside = None if large.instance_ids is None else torch.from_numpy(large.instance_ids > 0).to(self.device)
            for name, made in (("", model(video)), ("bicubic_", _bicubic(video))):
                error = (made.clamp(-1, 1) - truth).square().mean(1)[0] / 4
                errors.setdefault(f"{name}psnr", []).append(float(error.mean()))
                if inside is not None and inside.any():
                    errors.setdefault(f"{name}instance_psnr", []).append(float(error[inside].mean()))
        return {name: -10 * float(np.log10(np.mean(values))) for name, values in errors.items()}

    def export(self, model: Upsampler, folder: Path, training: dict[str, Any]) -> None:
        """Write the folder that ``load_upsampler`` reads."""
        save_upsampler(folder, model, self.config.model, training)

    def _held_out(self, count: int) -> list[tuple[PixelClip, PixelClip]]:
        clips = [clip for source in validation_sources(self.config.data) for clip in spread(source, count)]
        return [(clip, self._large["val"].load(clip.meta.key)) for clip in clips]


class _Large:
    """The large clips of a split, by key."""

    def __init__(self, folder: Path, split: str) -> None:
        self.source = ShardSource(folder, split, name="(large)")
        self._shapes = {shape.key: (number, shape) for number, shape in enumerate(self.source.shapes)}

    def check(self, key: str, height: int, width: int) -> None:
        found = self._shapes.get(key)
        if found is None or (found[1].height, found[1].width) != (height, width):
            is_there = "is not" if found is None else f"is {found[1].width}x{found[1].height}"
            raise DataError(
                f"clip '{key}' {is_there} in {self.source.folder}, needed there is {width}x{height}; build the same "
                "config with settings.width and settings.height twice as large."
            )

    def load(self, key: str) -> PixelClip:
        if key not in self._shapes:
            raise DataError(f"clip '{key}' is not in {self.source.folder}; build both sizes with the same scenes.")
        return self.source.load(self._shapes[key][0])


def _bicubic(video: torch.Tensor) -> torch.Tensor:
    frames = video.transpose(1, 2).flatten(0, 1)
    return interpolated(frames).unflatten(0, (len(video), -1)).transpose(1, 2)
