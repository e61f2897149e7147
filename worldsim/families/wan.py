"""Wan 2.1 (text, image) and Wan 2.2 (TI2V-5B with a time for each token; A14B with two experts).

Source: Wan Team (2025), Wan: open and advanced large-scale video generative models; the conventions are those of
``diffusers.WanPipeline`` and ``WanImageToVideoPipeline``.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from physics_data.core.errors import CheckpointError, ConfigError
from worldsim.families.diffusers_generator import DiffusersGenerator, by_channel, posterior_mode
from worldsim.generator import GivenFrames, Latents, Picture, Video
from worldsim.model.conditioning import Conditioning


class Wan(DiffusersGenerator):
    """Wan 2.1 and 2.2.

    What a folder takes follows from its configs. ``expand_timesteps`` (TI2V-5B): given frames are clean latents whose
    tokens have time 0; the published model was trained with one given frame, any 4 k + 1 can be given. More input
    than latent channels (image-to-video): the first frame, and the last if one is given, go in as further channels,
    and as CLIP features where the network reads them. ``boundary_ratio``: two experts.
    """

    family = "Wan"
    max_text_tokens = 512

    def setup(self) -> None:
        """Read strides and conditions from the configs."""
        self.setup_vae()
        settings = self.folder.settings
        self.keeps_clean = bool(settings.get("expand_timesteps"))
        self._has_channels = int(self.config.in_channels) > self.latent_channels
        self.max_given = None if self.keeps_clean else int(self._has_channels)
        # With CLIP features, only models that hold positions for two pictures read a last frame.
        reads_two = self.config.image_dim is None or self.config.pos_embed_seq_len is not None
        self.takes_last_frame = self._has_channels and reads_two
        self._boundary = settings.get("boundary_ratio")
        if self._boundary is None and len(self.networks) > 1:
            raise CheckpointError(
                f"{self.folder.path} has two transformers and no boundary_ratio in model_index.json; fetch it again."
            )
        self.default_frame_rate = 24.0 if self.keeps_clean else 16.0

    def setup_vae(self) -> None:
        """Read strides, channels and the normalisation of latents from the configs."""
        vae = self.folder.config("vae")
        self.latent_channels = int(vae["z_dim"])
        self.temporal_stride = int(vae.get("scale_factor_temporal") or 4)
        self.spatial_stride = int(vae.get("scale_factor_spatial") or 8)
        self.size_multiple = self.spatial_stride * int(self.config.patch_size[1])
        for name, fallback in (("latents_mean", [0.0]), ("latents_std", [1.0])):
            if len(vae.get(name, fallback)) != self.latent_channels:
                raise CheckpointError(
                    f"{self.folder.path / 'vae'} has {len(vae.get(name, []))} values in {name} for "
                    f"{self.latent_channels} latent channels; the folder is damaged, fetch it again."
                )
        self._mean, self._std = vae["latents_mean"], vae["latents_std"]
        self.default_shift = float(self.folder.config("scheduler").get("flow_shift") or 1.0)

    def expert_of(self, t: float) -> str:
        """Return ``transformer`` for t at or above the boundary, ``transformer_2`` below."""
        names = list(self.networks)
        return names[0] if self._boundary is None or t >= self._boundary else names[-1]

    def encode(self, video: Video) -> Latents:
        """Return (z - mean) / std of each channel."""
        self.latent_shape(*video.shape[2:])
        z = posterior_mode(self.part("vae"), video.to(self.device)).float()
        return (z - by_channel(self._mean, z)) * (1.0 / by_channel(self._std, z))

    def decode(self, latents: Latents) -> Video:
        """Undo ``encode``."""
        latents = latents.to(self.part("vae").dtype)
        z = latents / (1.0 / by_channel(self._std, latents)) + by_channel(self._mean, latents)
        return self.part("vae").decode(z, return_dict=False)[0].float()

    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return UMT5 features, zero behind the end of each prompt."""
        if self.folder.pipeline == "WanImageToVideoPipeline" and importlib.util.find_spec("ftfy") is None:
            raise ConfigError("Wan image-to-video cleans prompts with ftfy, which is not installed: pip install ftfy.")
        return {"embeds": self.text_features(prompts)}

    @torch.no_grad()
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return clean latents (TI2V-5B), or condition channels and CLIP features (image-to-video)."""
        known = self.require_given(frames.shape[2], num_frames, last_frame is not None)
        shape = self.latent_shape(num_frames, *frames.shape[3:])
        if self.keeps_clean:
            latents = frames.new_zeros(len(frames), *shape)
            latents[:, :, :known] = self.encode(frames)
            return {"latents": latents}, known
        later = frames.new_zeros(len(frames), 3, num_frames - 1, *frames.shape[3:])
        video = torch.cat([frames, later], dim=2)
        told = frames.new_zeros(len(frames), num_frames, *shape[2:])
        told[:, 0] = 1
        if last_frame is not None:
            video[:, :, -1], told[:, -1] = last_frame.to(video), 1
        # The mask has one channel for each video frame of a latent frame; the first frame fills its group alone.
        told = torch.cat([told[:, :1].expand(-1, self.temporal_stride, -1, -1), told[:, 1:]], dim=1)
        mask = told.unflatten(1, (shape[1], self.temporal_stride)).transpose(1, 2)
        image = {"condition": torch.cat([mask, self.encode(video)], dim=1)}
        if self.config.image_dim is not None:
            shown = [frames[:, :, 0]] if last_frame is None else [frames[:, :, 0], last_frame]
            image["embeds"] = torch.stack([self._clip(one) for one in shown], dim=1)
        return image, 0

    def _clip(self, picture: Picture) -> torch.Tensor:
        """Return CLIP features of pictures: the last but one layer, as the pipeline takes it."""
        levels = ((picture.float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pictures = [Image.fromarray(np.ascontiguousarray(one.permute(1, 2, 0).numpy())) for one in levels]
        pipeline: Any = self.pipeline("image_encoder", "image_processor")
        return pipeline.encode_image(pictures, self.device)

    def placeholders(self, shape: tuple[int, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return text features, and condition channels and CLIP features of 257 tokens where they are read."""
        text = {"embeds": torch.empty(1, self.max_text_tokens, int(self.config.text_dim), device="meta")}
        image = {}
        if self._has_channels:
            channels = int(self.config.in_channels) - self.latent_channels
            image["condition"] = torch.empty(1, channels, *shape[1:], device="meta")
        if self.config.image_dim is not None:
            image["embeds"] = torch.empty(1, 1, 257, int(self.config.image_dim), device="meta")
        return text, image

    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the transformer; for TI2V-5B with a time for each token, 0 in given latent frames."""
        timestep = (t * self.prediction_steps).float()
        if self.keeps_clean:
            _, height, width = (side // step for side, step in zip(x_t.shape[2:], self.config.patch_size, strict=True))
            frame_t = timestep[:, None] * ~conditioning.clean(x_t.shape[2])
            timestep = frame_t[:, :, None].expand(-1, -1, height * width).flatten(1)
        image = conditioning.frames
        if self._has_channels:
            x_t = torch.cat([x_t, image["condition"].to(x_t)], dim=1)
        dtype = network.dtype
        embeds = image["embeds"].flatten(0, 1).to(dtype) if "embeds" in image else None
        return network(
            hidden_states=x_t.to(dtype),
            timestep=timestep.to(x_t.device),
            encoder_hidden_states=conditioning.text["embeds"].to(dtype),
            encoder_hidden_states_image=embeds,
            return_dict=False,
        )[0]
