"""Training of the diffusion transformer on the latents of a trained VAE."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from rich.progress import Progress
from torch import nn

from physics_data.core.conventions import DOMAIN_PHYSICS, DOMAIN_REAL
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.sheets import contact_sheet
from worldsim.cards import read_card
from worldsim.config import DiTTrainConfig, TrainConfig
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.data.loading import held_out, open_mixture, spread
from worldsim.data.sources import ShardSource
from worldsim.losses.objectives import dit_objective
from worldsim.model import DiT
from worldsim.sampling import generate
from worldsim.training.latents import cached, encode_source
from worldsim.vae import VideoVAE
from worldsim.weights import MODEL_FORMAT, load_vae, model_folder, save_generator


@dataclass(frozen=True)
class LatentBatch:
    """One batch of normalised latents and what they are conditioned on; see ``DiT.forward``."""

    latents: Float[torch.Tensor, "b cz tz hz wz"]
    text_ids: Int64[torch.Tensor, "b l"]
    text_mask: Bool[torch.Tensor, "b l"]
    domain: Int64[torch.Tensor, "b"]
    frame_rate: Float[torch.Tensor, "b"]


class DiTTask:
    """Noise to latents, told what happens in words."""

    name: ClassVar[str] = "dit"
    config_schema: ClassVar[type[TrainConfig]] = DiTTrainConfig

    def __init__(self, config: DiTTrainConfig, device: torch.device) -> None:
        """Build the transformer, load the VAE and check that clips fit both.

        Raises:
            CheckpointError: no VAE in ``config.vae``, or a damaged one.
            DataError: a clip has another size, rate or length than the config.
        """
        self.config = config
        self.device = device
        self.vae_folder = model_folder(config.vae)
        self.vae = load_vae(self.vae_folder).to(device)
        data = config.data
        self.vae.latent_shape(data.num_frames, data.height, data.width)
        _require_fit(config, self.vae)
        self.tokenizer = config.tokenizer.build()
        self.dit = DiT(config.model)
        self.model: nn.Module = self.dit
        self.mixture = open_mixture(data, seed=config.seed)
        for source in self.mixture.sources:
            longer = next((row for row in source.rows if row.num_frames != data.num_frames), None)
            if longer is not None:
                raise DataError(
                    f"clip '{longer.key}' of {source.folder} has {longer.num_frames} frames, data.num_frames is "
                    f"{data.num_frames}; latents are made of whole clips, so both must be equal."
                )
        self._stored: list[LatentBatch] = []
        self._vae_digest = next(iter(read_card(self.vae_folder, MODEL_FORMAT)["files"].values()))

    def prepare(self, progress: Progress) -> None:
        """Encode all clips, or read the latents that an earlier run stored, and tokenise their captions."""
        for source in self.mixture.sources:
            encode = partial(self._encode, source, progress)
            path = self.config.out / "latents" / f"{source.name}.safetensors"
            raw = cached(path, f"{self._vae_digest} {source.identity()} {self.config.data.num_frames}", encode)
            rows = source.rows
            ids, mask = self.tokenizer.encode([row.caption for row in rows])
            domain = torch.tensor([DOMAIN_PHYSICS if row.source == "physics" else DOMAIN_REAL for row in rows])
            rate = torch.tensor([row.frame_rate for row in rows])
            columns = (self.vae.normalise(raw.to(self.device)), ids, mask, domain, rate)
            self._stored.append(LatentBatch(*(column.to(self.device) for column in columns)))

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips, and the digest of the VAE."""
        return {**{source.name: source.identity() for source in self.mixture.sources}, "(vae)": self._vae_digest[:16]}

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        return self.mixture.seen_shares(num_steps, self.config.batch_size)

    def batch(self, step: int) -> LatentBatch:
        """Return the latents of a step."""
        parts: list[LatentBatch] = []
        picks = self.mixture.batch(step, self.config.batch_size)
        for number, stored in enumerate(self._stored):
            chosen = torch.tensor([position for source, position in picks if source == number], device=self.device)
            if len(chosen):
                parts.append(LatentBatch(*(getattr(stored, name)[chosen] for name in LatentBatch.__dataclass_fields__)))
        return LatentBatch(
            *(torch.cat([getattr(part, name) for part in parts]) for name in LatentBatch.__dataclass_fields__)
        )

    def loss(self, model: DiT, batch: LatentBatch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the flow matching loss and its parts."""
        return dit_objective(
            model,
            batch.latents,
            batch.text_ids,
            batch.text_mask,
            batch.domain,
            batch.frame_rate,
            generator,
            self.config.loss,
        )

    @torch.no_grad()
    def pictures(self, model: DiT, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return videos sampled for the fixed prompts, and held-out clips above their continuations."""
        shown = self.config.samples
        made = self._sample(model, list(shown.prompts), [shown.domain] * len(shown.prompts), None)
        sheets = {"prompts": contact_sheet(list(made), list(shown.prompts))}
        for source in held_out(self.config.data):
            clips = spread(source, shown.num_continued)
            truth = np.stack([clip.rgb for clip in clips])
            captions, domains = [clip.meta.caption for clip in clips], [clip.meta.domain for clip in clips]
            made = self._sample(model, captions, domains, to_tensor(truth[:, : shown.num_given]))
            rows = [video for pair in zip(truth, made, strict=True) for video in pair]
            lines = [line for clip in clips for line in (clip.meta.caption or clip.meta.key, "continued")]
            sheets[f"continued_{source.name}"] = contact_sheet(rows, lines)
        return sheets

    def finish(self, model: DiT, progress: Progress) -> dict[str, float]:
        """There is nothing to complete."""
        return {}

    def export(self, model: DiT, folder: Path, training: dict[str, Any]) -> None:
        """Write the folder that ``load_generator`` reads."""
        data = self.config.data
        clip = {name: getattr(data, name) for name in ("num_frames", "height", "width", "frame_rate")}
        save_generator(
            folder, model, self.config.model, self.config.tokenizer, self.vae_folder, {"clip": clip, **training}
        )

    def _encode(self, source: ShardSource, progress: Progress) -> torch.Tensor:
        bar = progress.add_task(f"encode {source.name}", total=len(source), note="")
        advance = partial(progress.advance, bar)
        positions = list(range(len(source)))
        return encode_source(self.vae, source, positions, self.config.data.num_frames, self.device, advance)

    def _sample(
        self, model: DiT, prompts: list[str], domains: list[int], first_frames: torch.Tensor | None
    ) -> UInt8[np.ndarray, "b t h w 3"]:
        data, shown = self.config.data, self.config.samples
        video = generate(
            model,
            self.vae,
            self.tokenizer,
            prompts,
            data.num_frames,
            data.height,
            data.width,
            data.frame_rate,
            generator=torch.Generator(self.device).manual_seed(self.config.seed),
            num_steps=shown.num_steps,
            guidance_weight=shown.guidance_weight,
            first_frames=None if first_frames is None else first_frames.to(self.device),
            domain=torch.tensor(domains, device=self.device),
            shift=shown.shift,
            solver=shown.solver,
        )
        return to_rgb(video)


def _require_fit(config: DiTTrainConfig, vae: VideoVAE) -> None:
    for name in ("latent_channels", "temporal_factor"):
        of_vae, given = getattr(vae.config, name), getattr(config.model, name)
        if of_vae != given:
            raise ConfigError(f"model.{name} is {given}, the VAE in {config.vae} has {of_vae}; write {of_vae}.")
