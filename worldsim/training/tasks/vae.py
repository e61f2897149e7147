"""Training of the video VAE."""

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from rich.progress import Progress
from torch import nn

from physics_data.core.config import differences
from physics_data.core.display import contact_sheet
from physics_data.core.errors import CheckpointError
from worldsim.config import TrainConfig, VAETrainConfig
from worldsim.data.collate import VideoBatch, to_rgb, to_tensor
from worldsim.data.loading import (
    crop_of,
    describe_splits,
    load_all,
    open_mixture,
    spread,
    validation_sources,
    video_batch,
)
from worldsim.losses.vae_objective import PatchDiscriminator, vae_objective
from worldsim.training.latents import channel_statistics, encode_source
from worldsim.vae import VideoVAE
from worldsim.weights import load_vae, model_folder, save_vae, weights_digest

_NUM_PICTURED = 4
_NUM_FOR_STATISTICS = 64
_NUM_FOR_FIDELITY = 32


class VAEWithDiscriminator(nn.Module):
    """A VAE and the discriminator that is trained against it; only the VAE is kept."""

    def __init__(self, vae: VideoVAE, discriminator: PatchDiscriminator) -> None:
        super().__init__()
        self.vae = vae
        self.discriminator = discriminator


Trained = VideoVAE | VAEWithDiscriminator


class VAETask:
    """Video to latents and back."""

    name: ClassVar[str] = "vae"
    config_schema: ClassVar[type[TrainConfig]] = VAETrainConfig

    def __init__(self, config: VAETrainConfig, device: torch.device) -> None:
        """Build the VAE and check that clips and crops fit it.

        Raises:
            CheckpointError: the VAE to start from is missing, damaged, or of another layout.
            DataError: a clip has another size or rate than the config.
        """
        self.config = config
        self.device = device
        self.vae = VideoVAE(config.model)
        self._start: str | None = None
        if config.start_from is not None:
            self._start_from(config.start_from)
        weight, width = config.loss.adversarial, config.loss.discriminator_width
        self.model: nn.Module = VAEWithDiscriminator(self.vae, PatchDiscriminator(width)) if weight else self.vae
        data = config.data
        self.vae.latent_shape(data.num_frames, data.height, data.width)
        part = crop_of(data)
        self.vae.latent_shape(part.num_frames, part.height, part.width)
        self.mixture = open_mixture(data, seed=config.seed, batch_size=config.batch_size)

    def prepare(self, progress: Progress) -> None:
        """Decode the clips."""
        if self.config.data.in_memory:
            load_all(self.mixture, progress)

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips, and the digest of the VAE to start from."""
        found = {source.name: source.identity() for source in self.mixture.sources}
        return found if self._start is None else {**found, "(start_from)": self._start}

    def describe(self) -> list[str]:
        """Return where validation clips come from, and what is left out."""
        return describe_splits(self.config.data)

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        return self.mixture.seen_shares(num_steps, self.config.batch_size)

    def batch(self, step: int) -> VideoBatch:
        """Return the crops of a step."""
        batch = video_batch(self.mixture, self.config.data, step, self.config.batch_size, seed=self.config.seed)
        return batch.to(self.device)

    def loss(self, model: Trained, batch: VideoBatch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the loss of the reconstruction and its parts."""
        clips, discriminator = (batch.video, batch.instance_ids, batch.labelled), None
        if isinstance(model, VAEWithDiscriminator):
            discriminator = model.discriminator
            discriminator.num_updates += int(model.training)
        return vae_objective(_vae(model), *clips, generator, self.config.loss, discriminator)

    @torch.no_grad()
    def pictures(self, model: Trained, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return clips above their reconstructions, for each source: validation clips, or training ones without."""
        sheets, validation = {}, validation_sources(self.config.data)
        for source in validation or self.mixture.sources:
            clips = spread(source, _NUM_PICTURED)
            truth = np.stack([clip.rgb[: self.config.data.num_frames] for clip in clips])
            again = to_rgb(self._reconstruct(_vae(model), to_tensor(truth)))
            rows = [video for pair in zip(truth, again, strict=True) for video in pair]
            note = "" if validation else " (trained on)"
            captions = [line for clip in clips for line in (f"{clip.meta.key}{note}", "reconstruction")]
            sheets[f"reconstruction_{source.name}"] = contact_sheet(rows, captions)
        return sheets

    @torch.no_grad()
    def finish(self, model: Trained, progress: Progress) -> dict[str, float]:
        """Store mean and deviation of the latents in the VAE; return how well validation clips are reconstructed.

        The figures are peak signal to noise ratios in dB, over all pixels and over those of the instances.
        """
        latents, vae = [], _vae(model)
        for source in self.mixture.sources:
            count = min(len(source), _NUM_FOR_STATISTICS)
            positions = np.linspace(0, len(source) - 1, count).astype(int).tolist()
            bar = progress.add_task(f"latents of {source.name}", total=count, note="")
            advance = partial(progress.advance, bar)
            latents += encode_source(vae, source, positions, self.config.data.num_frames, self.device, advance)
        vae.set_latent_statistics(*channel_statistics(torch.stack(latents)))
        return self._fidelity(vae)

    def export(self, model: Trained, folder: Path, training: dict[str, Any]) -> None:
        """Write the folder that ``load_vae`` reads."""
        save_vae(folder, _vae(model), self.config.model, training)

    def _start_from(self, given: Path) -> None:
        source = load_vae(model_folder(given))
        if source.config != self.config.model:
            differing = differences(source.config.model_dump(mode="json"), self.config.model.model_dump(mode="json"))
            raise CheckpointError(
                f"start_from: {given} has another layout than `model` (there → here):\n"
                + "\n".join(f"  {line}" for line in differing)
            )
        self.vae.load_state_dict(source.state_dict())
        self._start = weights_digest(model_folder(given))

    def _reconstruct(self, model: VideoVAE, video: torch.Tensor) -> torch.Tensor:
        return model.decode(model.encode(video.to(self.device)).mode()).cpu()

    def _fidelity(self, model: VideoVAE) -> dict[str, float]:
        figures = {}
        for source in validation_sources(self.config.data):
            every, instances = [], []
            for clip in spread(source, _NUM_FOR_FIDELITY):
                truth = to_tensor(clip.rgb[None, : self.config.data.num_frames])
                error = (self._reconstruct(model, truth).clamp(-1, 1) - truth).square().mean(dim=1)[0] / 4
                every.append(float(error.mean()))
                if clip.instance_ids is not None:
                    inside = torch.from_numpy(clip.instance_ids[: self.config.data.num_frames] > 0)
                    instances += [float(error[inside].mean())] if inside.any() else []
            figures[f"psnr_{source.name}"] = -10 * float(np.log10(np.mean(every)))
            if instances:
                figures[f"instance_psnr_{source.name}"] = -10 * float(np.log10(np.mean(instances)))
        return figures


def _vae(model: Trained) -> VideoVAE:
    return model.vae if isinstance(model, VAEWithDiscriminator) else model
