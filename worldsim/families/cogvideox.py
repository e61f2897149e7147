"""CogVideoX 2B, 5B and 1.5 (text, image): a DDPM that predicts v, with time before channels.

Source: Yang et al. (2024), CogVideoX: text-to-video diffusion models with an expert transformer; Salimans and Ho
(2022), Progressive distillation (v); the conventions are those of ``diffusers.CogVideoXPipeline``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float

from physics_data.core.errors import DataError
from worldsim.families.diffusers_generator import DiffusersGenerator, posterior_mode
from worldsim.generator import GivenFrames, Latents, NoisySamples, Picture, Video
from worldsim.model.conditioning import Conditioning


class CogVideoX(DiffusersGenerator):
    """CogVideoX.

    t in (0, 1] is timestep ceil(1000 t) - 1. The VAE is not causal, so a first frame is encoded alone, as the pipeline
    does (by the mean of the posterior, of which the pipeline draws a sample); it goes in as further channels.
    CogVideoX 1.5 has patches of two latent frames: the first latent frame is doubled, and dropped when decoding.
    """

    family = "CogVideoX"
    default_guidance = 6.0
    default_frame_rate = 8.0
    joins_guidance = True
    joins_text = True

    def setup(self) -> None:
        """Read strides and conditions from the configs."""
        vae = self.folder.config("vae")
        self.latent_channels = int(vae["latent_channels"])
        self.temporal_stride = int(vae.get("temporal_compression_ratio") or 4)
        self.spatial_stride = 2 ** (len(vae["block_out_channels"]) - 1)
        self.size_multiple = self.spatial_stride * int(self.config.patch_size)
        self.max_text_tokens = int(self.config.max_text_seq_length)
        self._scale = float(vae["scaling_factor"])
        self._inverts = bool(vae.get("invert_scale_latents"))
        self._has_channels = int(self.config.in_channels) > self.latent_channels
        self.max_given = int(self._has_channels)
        if self.config.patch_size_t is not None:  # patches of several latent frames, of whose number k + 1 are left
            self.added_frames = int(self.config.patch_size_t) - 1
            self.frame_multiple = self.temporal_stride * int(self.config.patch_size_t)

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the shape of the latents; models with learned positions (5B-I2V) take one size alone."""
        shape = super().latent_shape(num_frames, height, width)
        own = tuple(int(side) * self.spatial_stride for side in (self.config.sample_height, self.config.sample_width))
        if self.config.use_learned_positional_embeddings and (height, width) != own:
            raise DataError(
                f"this CogVideoX has learned positions and takes {own[1]}x{own[0]} alone, given is {width}x{height}; "
                f"the nearest that fits is {num_frames} frames of {own[1]}x{own[0]}."
            )
        return shape

    def encode(self, video: Video) -> Latents:
        """Return z times the scaling factor."""
        self.latent_shape(*video.shape[2:])
        z = posterior_mode(self.part("vae"), video.to(self.device)).float() * self._scale
        return torch.cat([z[:, :, :1]] * self.added_frames + [z], dim=2)

    def decode(self, latents: Latents) -> Video:
        """Undo ``encode``."""
        latents = latents[:, :, self.added_frames :]
        return self.part("vae").decode((1 / self._scale * latents).to(self.part("vae").dtype)).sample.float()

    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return T5 features."""
        return {"embeds": self.text_features(prompts)}

    @torch.no_grad()
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return the latents of the first frame, followed by zeros."""
        self.require_given(frames.shape[2], num_frames, last_frame is not None)
        latents = frames.new_zeros(len(frames), *self.latent_shape(num_frames, *frames.shape[3:]))
        z = posterior_mode(self.part("vae"), frames[:, :, :1].to(self.device)).float()
        # CogVideoX 1.5 was trained with the inverse factor here.
        latents[:, :, :1] = (1 / self._scale if self._inverts else self._scale) * z
        return {"first": latents}, 0

    def placeholders(self, shape: tuple[int, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return text features."""
        return {"embeds": torch.empty(1, self.max_text_tokens, int(self.config.text_embed_dim), device="meta")}, {}

    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the transformer, time before channels."""
        x = x_t.transpose(1, 2)
        if self._has_channels:
            first = conditioning.frames.get("first")
            first = torch.zeros_like(x) if first is None else first.transpose(1, 2).to(x)
            x = torch.cat([x, first], dim=2)
        x = x.to(network.dtype)
        rotary = None
        if network.config.use_rotary_positional_embeddings:
            size = (side * self.spatial_stride for side in x.shape[3:])
            rotary = self.pipeline("vae")._prepare_rotary_positional_embeddings(*size, x.shape[1], x.device)
        more = {} if network.config.ofs_embed_dim is None else {"ofs": x.new_full((1,), 2.0)}
        predicted = network(
            hidden_states=x,
            encoder_hidden_states=conditioning.text["embeds"].to(network.dtype),
            timestep=self._index(t).to(x.device),
            image_rotary_emb=rotary,
            return_dict=False,
            **more,
        )[0]
        return predicted.transpose(1, 2)

    def _index(self, t: Float[torch.Tensor, "b"]) -> torch.Tensor:
        last = self.prediction_steps - 1
        return ((t.double() * self.prediction_steps - 1e-6).ceil() - 1).clamp(0, last).long()

    def _alpha_sigma(self, t: Float[torch.Tensor, "b"], like: Latents) -> tuple[torch.Tensor, torch.Tensor]:
        kept = self.part("scheduler").alphas_cumprod.to(like.device)[self._index(t)].double()
        return tuple(part.sqrt().to(like).view(-1, 1, 1, 1, 1) for part in (kept, 1 - kept))  # pyright: ignore

    def training_target(
        self, x0: Latents, noise: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> NoisySamples:
        """Return sqrt(a) x0 + sqrt(1 - a) noise and v = sqrt(a) noise - sqrt(1 - a) x0.

        The squared error of v is that of x0 over 1 - a, which is the weight that CogVideoX is trained with.
        """
        alpha, sigma = self._alpha_sigma(t, x0)
        counts = torch.ones(len(x0), x0.shape[2], dtype=torch.bool, device=x0.device)
        return NoisySamples(alpha * x0 + sigma * noise, alpha * noise - sigma * x0, counts)

    def predicted_clean(
        self, x_t: Latents, prediction: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> Latents:
        """Return sqrt(a) x_t - sqrt(1 - a) v."""
        alpha, sigma = self._alpha_sigma(t, x_t)
        return alpha * x_t - sigma * prediction

    def time_of(self, timestep: torch.Tensor) -> float:
        """Return the t of a timestep, (timestep + 1) / 1000."""
        return (int(timestep) + 1) / self.prediction_steps

    def step(
        self, scheduler: Any, prediction: Latents, timestep: Any, x_t: Latents, number: int, generator: Any
    ) -> Latents:
        """Do one step of DDIM, or of DPM-Solver++, which adds noise and takes the clean latents predicted before."""
        if type(scheduler).__name__ != "CogVideoXDPMScheduler":
            return super().step(scheduler, prediction, timestep, x_t, number, generator)
        before = scheduler.timesteps[number - 1] if number else None
        old, drawn = getattr(scheduler, "old_clean", None), generator
        if not isinstance(generator, torch.Generator | None):
            drawn = list(generator)
        prediction, x_t = prediction.transpose(1, 2), x_t.transpose(1, 2)
        x_t, scheduler.old_clean = scheduler.step(
            prediction, old, timestep, before, x_t, generator=drawn, return_dict=False
        )
        return x_t.transpose(1, 2)
