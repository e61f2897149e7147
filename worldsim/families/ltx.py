"""LTX-Video 0.9.x: text, first frame, any first frames; packed tokens, a time for each of them.

Source: HaCohen et al. (2024), LTX-Video: realtime video latent diffusion; the conventions are those of
``diffusers.LTXPipeline``, ``LTXImageToVideoPipeline`` and ``LTXConditionPipeline``.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.families.diffusers_generator import DiffusersGenerator, by_channel, posterior_mode
from worldsim.generator import GivenFrames, Latents, Picture, Video
from worldsim.model.conditioning import Conditioning


class LTX(DiffusersGenerator):
    """LTX-Video 0.9.x.

    Given frames are clean latents whose tokens have time 0. They are the mean of the VAE's posterior, of which the
    pipeline draws a sample. With ``LTXConditionPipeline`` (0.9.5 on) positions count video frames from the first one;
    the noise that this pipeline may add to given frames (``image_cond_noise_scale``) is left out.
    """

    family = "LTX"
    default_guidance = 3.0
    default_frame_rate = 25.0
    joins_guidance = True
    keeps_clean = True
    max_given = None
    decode_time = 0.05
    decode_noise = 0.025

    def setup(self) -> None:
        """Read strides and conditions from the configs."""
        vae = self.part("vae")
        self.temporal_stride = int(vae.temporal_compression_ratio)
        self.spatial_stride = int(vae.spatial_compression_ratio)
        self.size_multiple = self.spatial_stride * int(self.config.patch_size)
        self.latent_channels = int(vae.config.latent_channels)
        self._counts_frames = self.folder.pipeline == "LTXConditionPipeline"
        self.max_text_tokens = 256 if self._counts_frames else 128

    def encode(self, video: Video) -> Latents:
        """Return (z - mean) scale / std; mean and std are buffers of the VAE."""
        self.latent_shape(*video.shape[2:])
        vae = self.part("vae")
        z = posterior_mode(vae, video.to(self.device)).float()
        return (z - by_channel(vae.latents_mean, z)) * vae.config.scaling_factor / by_channel(vae.latents_std, z)

    def decode(self, latents: Latents) -> Video:
        """Undo ``encode``. A decoder that takes a time gets ``decode_time`` and a fixed noise of ``decode_noise``."""
        vae = self.part("vae")
        z = latents * by_channel(vae.latents_std, latents) / vae.config.scaling_factor
        z = (z + by_channel(vae.latents_mean, latents)).to(vae.dtype)
        timestep = None
        if vae.config.timestep_conditioning:
            drawn = torch.randn(z.shape[1:], generator=torch.Generator().manual_seed(0)).to(z)
            z = (1 - self.decode_noise) * z + self.decode_noise * drawn
            timestep = torch.full((len(z),), self.decode_time, device=z.device, dtype=z.dtype)
        return vae.decode(z, timestep, return_dict=False)[0].float()

    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return T5 features and their mask."""
        self.check_prompts(prompts)
        with torch.no_grad():
            embeds, mask, _, _ = self.pipeline(*self.text_parts).encode_prompt(
                list(prompts),
                do_classifier_free_guidance=False,
                max_sequence_length=self.max_text_tokens,
                device=self.device,
            )
        return {"embeds": embeds, "mask": mask}

    @torch.no_grad()
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return clean latents."""
        known = self.require_given(frames.shape[2], num_frames, last_frame is not None)
        latents = frames.new_zeros(len(frames), *self.latent_shape(num_frames, *frames.shape[3:]))
        latents[:, :, :known] = self.encode(frames)
        return {"latents": latents}, known

    def placeholders(self, shape: tuple[int, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return text features and their mask."""
        embeds = torch.empty(1, self.max_text_tokens, int(self.config.caption_channels), device="meta")
        return {"embeds": embeds, "mask": torch.empty(embeds.shape[:2], dtype=torch.bool, device="meta")}, {}

    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the transformer on packed tokens; tokens of given latent frames have time 0."""
        steps, side = int(network.config.patch_size_t), int(network.config.patch_size)
        _, _, frames, height, width = x_t.shape
        clean = conditioning.clean(frames)
        timestep = (t * self.prediction_steps).float()
        if self._counts_frames or clean.any():
            timestep = timestep[:, None]
        if clean.any():
            tokens = (height // side) * (width // side)
            timestep = timestep * (1 - clean[:, ::steps, None].expand(-1, -1, tokens).flatten(1).to(timestep))
        rates = conditioning.frame_rate.unique()
        if len(rates) != 1:
            raise DataError(f"one batch has clips at {rates.tolist()} Hz; LTX reads one rate a batch, sort them apart.")
        where: dict[str, Any]
        if self._counts_frames:
            where = {"video_coords": self._coords(x_t, float(rates))}
        else:
            scale = (self.temporal_stride / float(rates), self.spatial_stride, self.spatial_stride)
            where = {
                "num_frames": frames // steps,
                "height": height // side,
                "width": width // side,
                "rope_interpolation_scale": scale,
            }
        pack: Any = self.folder.pipeline_class
        packed = network(
            hidden_states=pack._pack_latents(x_t, side, steps).to(network.dtype),
            encoder_hidden_states=conditioning.text["embeds"].to(network.dtype),
            timestep=timestep.to(x_t.device),
            encoder_attention_mask=conditioning.text["mask"],
            return_dict=False,
            **where,
        )[0]
        return pack._unpack_latents(packed.float(), frames, height, width, side, steps)

    def _coords(self, x_t: Latents, rate: float) -> torch.Tensor:
        pipeline: Any = self.folder.pipeline_class
        count, _, frames, height, width = x_t.shape
        steps, side = int(self.config.patch_size_t), int(self.config.patch_size)
        places = pipeline._prepare_video_ids(count, frames, height, width, side, steps, x_t.device)
        coords = pipeline._scale_video_ids(places, self.spatial_stride, self.temporal_stride, 0, x_t.device).float()
        coords[:, 0] = coords[:, 0] * (1.0 / rate)
        return coords

    def training_shift(self, shape: tuple[int, int, int, int]) -> float:
        """Return exp(mu), mu linear in the number of tokens: what the scheduler shifts by when it samples."""
        scheduler = self.part("scheduler")
        return math.exp(self._mu(scheduler, math.prod(shape[1:]))) if scheduler.config.use_dynamic_shifting else 1.0

    @staticmethod
    def _mu(scheduler: Any, num_tokens: int) -> float:
        from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift

        return calculate_shift(
            num_tokens,
            scheduler.config.get("base_image_seq_len", 256),
            scheduler.config.get("max_image_seq_len", 4096),
            scheduler.config.get("base_shift", 0.5),
            scheduler.config.get("max_shift", 1.15),
        )

    def timesteps(self, scheduler: Any, num_steps: int, shape: Sequence[int]) -> torch.Tensor:
        """Set the pipeline's timesteps: shifted by the number of tokens, or linear and then quadratic (0.9.5 on)."""
        if self._counts_frames:
            from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

            scheduler.set_timesteps(timesteps=linear_quadratic_schedule(num_steps) * 1000, device=self.device)
            return scheduler.timesteps
        if num_steps < 2 and scheduler.config.get("shift_terminal"):
            raise DataError("the scheduler of LTX needs 2 steps at least (shift_terminal); write --num-steps 2.")
        mu = self._mu(scheduler, math.prod(shape[2:]))
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / num_steps, num_steps), mu=mu, device=self.device)
        return scheduler.timesteps
