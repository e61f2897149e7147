"""Cosmos-Predict2.5 (text, image, video): clean given frames with a time and a mask of their own.

Source: NVIDIA (2025), World simulation with video foundation models for physical AI; the conventions are those of
``diffusers.Cosmos2_5_PredictBasePipeline``.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float
from torch.nn import functional as F

from physics_data.core.program import messages
from worldsim.families.wan import Wan
from worldsim.generator import Latents
from worldsim.model.conditioning import Conditioning

_GIVEN_TIME = 0.0001
"""Time of given latent frames, as the pipeline tells it to the network."""


class Cosmos(Wan):
    """Cosmos-Predict2.5, with the VAE of Wan 2.1.

    The first 1 or 5 frames may be given: they stay clean, have a time of their own and a mask channel. Guidance adds
    ``scale * (prompted - negative)`` to the prompted prediction. The guardrail that NVIDIA's licence asks for is not
    run here; the first sampling says so.
    """

    family = "Cosmos-Predict2.5"
    default_steps = 36
    default_guidance = 7.0
    default_frame_rate = 16.0

    def setup(self) -> None:
        """Read strides from the configs."""
        _resize_without_torchvision()
        self.setup_vae()
        self.keeps_clean, self.takes_last_frame, self.max_given = True, False, 5
        self._times: dict[float, float] = {}
        self._has_told = False
        from diffusers.pipelines.cosmos import pipeline_cosmos2_5_predict as pipeline

        self.default_negative_prompt = pipeline.DEFAULT_NEGATIVE_PROMPT

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts that would be cut off, with the words that the pipeline puts around them.

        Raises:
            PromptError: a prompt has more tokens than the family reads.
        """
        around = len(self.part("tokenizer")(_SYSTEM, truncation=False).input_ids) + 16  # markers of the chat
        self.max_text_tokens = _TOKENS - around
        super().check_prompts(prompts)

    @torch.no_grad()
    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return normalised hidden states of all layers of Qwen2.5-VL, side by side."""
        self.check_prompts(prompts)
        reader = SimpleNamespace(tokenizer=self.part("tokenizer"), text_encoder=self.part("text_encoder"))
        made = self.folder.pipeline_class  # its __init__ needs the guardrail; this method needs the text parts alone
        return {"embeds": made._get_prompt_embeds(reader, list(prompts), _TOKENS, self.device, self.dtype)}

    def placeholders(self, shape: tuple[int, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return text features."""
        return {"embeds": torch.empty(1, _TOKENS, int(self.config.crossattn_proj_in_channels), device="meta")}, {}

    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the transformer with a time for each latent frame and a mask of those that are given."""
        given = conditioning.clean(x_t.shape[2]).to(x_t.device)[:, None, :, None, None].float()  # [b 1 t 1 1]
        timestep = given * _GIVEN_TIME + (1 - given) * t.float().to(x_t.device).view(-1, 1, 1, 1, 1)
        dtype, (height, width) = network.dtype, x_t.shape[3:]
        stride = self.spatial_stride
        return network(
            hidden_states=x_t.to(dtype),
            condition_mask=given.to(dtype).expand(-1, -1, -1, height, width),
            timestep=timestep,
            encoder_hidden_states=conditioning.text["embeds"].to(dtype),
            padding_mask=x_t.new_zeros(1, 1, height * stride, width * stride, dtype=dtype),
            return_dict=False,
        )[0]

    def timesteps(self, scheduler: Any, num_steps: int, shape: Sequence[int]) -> torch.Tensor:
        """Set the scheduler's timesteps; the network is told their sigmas, which are not rounded."""
        if not self._has_told:
            messages.print(
                "Cosmos-Predict2.5: the guardrail of NVIDIA's licence (pip install cosmos_guardrail) is not run; check "
                "prompts and videos with it yourself.",
                markup=False,
            )
        self._has_told = True
        found = super().timesteps(scheduler, num_steps, shape)
        self._times = {float(step): float(sigma) for step, sigma in zip(found, scheduler.sigmas, strict=False)}
        return found

    def time_of(self, timestep: torch.Tensor) -> float:
        """Return the sigma of a timestep."""
        return self._times.get(float(timestep), super().time_of(timestep))

    def guided(
        self,
        x_t: Latents,
        t: Float[torch.Tensor, "b"],
        conditioning: Conditioning,
        negative: Conditioning | None,
        guidance_scale: float,
    ) -> Latents:
        """Return prompted + scale (prompted - negative)."""
        prompted = self.denoise(x_t, t, conditioning)
        if negative is None:
            return prompted
        return prompted + guidance_scale * (prompted - self.denoise(x_t, t, negative))


_TOKENS = 512
_SYSTEM = "You are a helpful assistant who will provide prompts to an image generator."


def _resize_without_torchvision() -> None:
    """Give the network's module the one function of torchvision that it calls, where torchvision is missing.

    The network scales its padding mask with it, by nearest neighbours.
    """
    from diffusers.models.transformers import transformer_cosmos as module

    if not hasattr(module, "transforms"):
        nearest = SimpleNamespace(resize=lambda mask, size, interpolation: F.interpolate(mask, size, mode="nearest"))
        names = SimpleNamespace(functional=nearest, InterpolationMode=SimpleNamespace(NEAREST="nearest"))
        module.transforms = names  # pyright: ignore[reportPrivateImportUsage]
