"""HunyuanVideo-1.5 (text, image): noisy, conditioning and mask channels, two text encoders.

Source: Tencent Hunyuan (2025), HunyuanVideo 1.5; the conventions are those of ``diffusers.HunyuanVideo15Pipeline`` and
``HunyuanVideo15ImageToVideoPipeline``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from worldsim.families.diffusers_generator import DiffusersGenerator, posterior_mode
from worldsim.generator import GivenFrames, Latents, Picture, Video
from worldsim.model.conditioning import Conditioning

_VISION_TOKENS = 729


class HunyuanVideo15(DiffusersGenerator):
    """HunyuanVideo-1.5.

    The first frame of the image-to-video model goes in as further channels and as SigLIP features; the text-to-video
    model has the same channels, all zero. Its pipeline has no interface for adapters; ``transformer.load_lora_adapter``
    reads them.
    """

    family = "HunyuanVideo-1.5"
    text_parts = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")
    max_text_tokens = 1000
    runs_on_meta = False
    joins_text = True
    default_guidance = 6.0
    default_frame_rate = 24.0

    def setup(self) -> None:
        """Read strides and conditions from the configs."""
        vae = self.folder.config("vae")
        self.latent_channels = int(vae["latent_channels"])
        self.temporal_stride = int(vae["temporal_compression_ratio"])
        self.spatial_stride = int(vae["spatial_compression_ratio"])
        self.size_multiple = self.spatial_stride * int(self.config.patch_size)
        self._scale = float(vae.get("scaling_factor", 1.03682))
        self.max_given = int("image_encoder" in self.folder.components)
        self.default_shift = float(self.folder.config("scheduler").get("shift") or 1.0)

    def encode(self, video: Video) -> Latents:
        """Return z times the scaling factor."""
        self.latent_shape(*video.shape[2:])
        return posterior_mode(self.part("vae"), video.to(self.device)).float() * self._scale

    def decode(self, latents: Latents) -> Video:
        """Undo ``encode``."""
        vae = self.part("vae")
        return vae.decode(latents.to(vae.dtype) / self._scale, return_dict=False)[0].float()

    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return features and masks of both text encoders."""
        self.check_prompts(prompts)
        pipeline: Any = self.pipeline("vae", *self.text_parts)
        with torch.no_grad():
            found = pipeline.encode_prompt(
                list(prompts), device=self.device, dtype=self.network.dtype, batch_size=len(prompts)
            )
        return dict(zip(("embeds", "mask", "embeds_2", "mask_2"), found, strict=True))

    @torch.no_grad()
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return conditioning channels and SigLIP features of the first frame."""
        self.require_given(frames.shape[2], num_frames, last_frame is not None)
        channels, *grid = self.latent_shape(num_frames, *frames.shape[3:])
        condition = frames.new_zeros(len(frames), channels + 1, *grid)
        condition[:, :channels, :1] = self.encode(frames[:, :, :1])
        condition[:, channels:, :1] = 1
        levels = ((frames[:, :, 0].float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pipeline: Any = self.pipeline("vae", "image_encoder", "feature_extractor")
        dtype: Any = self.network.dtype
        seen = [
            pipeline.encode_image(
                Image.fromarray(np.ascontiguousarray(one.permute(1, 2, 0).numpy())), 1, self.device, dtype
            )
            for one in levels
        ]
        return {"condition": condition, "seen": torch.cat(seen)}, 0

    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the transformer; without a first frame, conditioning channels and image features are zero."""
        text, image = conditioning.text, conditioning.frames
        if image:
            condition, seen = image["condition"].to(x_t), image["seen"]
        else:
            condition = x_t.new_zeros(len(x_t), x_t.shape[1] + 1, *x_t.shape[2:])
            seen = x_t.new_zeros(len(x_t), _VISION_TOKENS, int(network.config.image_embed_dim))
        return network(
            hidden_states=torch.cat([x_t, condition], dim=1).to(network.dtype),
            image_embeds=seen.to(network.dtype),
            timestep=(t * self.prediction_steps).to(network.dtype),
            encoder_hidden_states=text["embeds"].to(network.dtype),
            encoder_attention_mask=text["mask"],
            encoder_hidden_states_2=text["embeds_2"].to(network.dtype),
            encoder_attention_mask_2=text["mask_2"],
            return_dict=False,
        )[0]

    def timesteps(self, scheduler: Any, num_steps: int, shape: Sequence[int]) -> torch.Tensor:
        """Set the pipeline's timesteps."""
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 0.0, num_steps + 1)[:-1], device=self.device)
        return scheduler.timesteps
